"""Idempotency keys: a request that is sent again gets the answer that it got, and starts nothing.

The key's row, what the operation does and the first answer are one transaction, so that a crash leaves all of it or
nothing. Whoever sends the same key meanwhile waits at the unique key until that transaction is over.

Some facts are known only after the commit, such as whether the broker could be reached. Until they are in the answer
the row isn't final, and a repetition waits a little for it. The update that makes the row final decides, for all,
which answer it is: the better one, or the first, if a repetition has waited long enough (the process may be dead).
"""

import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

import structlog
from django.db import OperationalError, connection, models, transaction
from django.db.models.functions import Now
from psycopg.errors import LockNotAvailable

from opsconsole import failpoints
from opsconsole.errors import Busy, Contradicted, OpsError, Refused

logger = structlog.get_logger(__name__)

Receipt = TypeVar("Receipt")

LIFETIME: Final = timedelta(hours=24)
MAX_KEY_LENGTH: Final = 200
MAX_TARGET_LENGTH: Final = 200
# How long a repetition waits for the first request's transaction, and then for its final answer.
TRANSACTION_SECONDS: Final = 5.0
FINAL_ANSWER_SECONDS: Final = 3.0
_PAUSE_SECONDS: Final = 0.05
_VISIBLE_ASCII: Final = re.compile(r"[!-~]+")


class IdempotencyKey(models.Model):
    """A key that a user has sent, what for, and how it was answered. Written together with what was started."""

    # No relation: the row is of no use to anybody but its user, and is gone in a day.
    user_id = models.BigIntegerField()
    key = models.CharField(max_length=MAX_KEY_LENGTH)
    # Method and address, for people; cut where it is long.
    target = models.CharField(max_length=MAX_TARGET_LENGTH)
    fingerprint = models.CharField(max_length=64)
    # Null only inside the transaction that makes the row.
    answer_status = models.PositiveSmallIntegerField(null=True)
    # Text, since jsonb would forget the order of the keys.
    answer_body = models.TextField(null=True)
    is_final = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        app_label = "opsconsole"
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user_id", "key"], name="idempotency_key_of_user")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_key_age")]


@dataclass(frozen=True, kw_only=True)
class KeyedRequest:
    """A request with an idempotency key.

    Args:
        user_id: who sends it; another user's keys are others.
        key: 1 to MAX_KEY_LENGTH visible ASCII characters.
        target: the method and the address, with its query.
        body: the parsed body.

    Raises:
        Refused: it can be no key.
    """

    user_id: int
    key: str
    target: str
    body: Any

    def __post_init__(self) -> None:
        if len(self.key) > MAX_KEY_LENGTH or not _VISIBLE_ASCII.fullmatch(self.key):
            raise Refused(
                f"An Idempotency-Key has 1 to {MAX_KEY_LENGTH} visible ASCII characters, such as a UUID has.",
                code="invalid_idempotency_key",
            )

    @property
    def fingerprint(self) -> str:
        """What tells whether another request asks for the same: 64 hex digits of the target and the body."""
        asked = json.dumps([self.target, self.body], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(asked.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is sent: the HTTP status, and the body's JSON as text."""

    status: int
    body: str
    replayed: bool = False


def answer_once(
    request: KeyedRequest,
    *,
    operate: Callable[[], Receipt],
    present: Callable[[Receipt], Answer],
    refuse: Callable[[OpsError], Answer],
) -> Answer:
    """Do what a request asks for, unless its key was answered within LIFETIME; then give that answer again.

    Args:
        request: who asks, with which key, for what.
        operate: starts it, and returns what is known of it; called in a transaction, so what it leaves for after the
            commit happens after this one.
        present: makes the answer of that; called in the transaction, and again after the commit.
        refuse: makes the answer of an error that `operate` raised. One with a status of 4xx is an answer as any other.

    Raises:
        Contradicted: the key was used for something else.
        Busy: the first request with this key is still under way.
        OpsError: `operate` raised one with a status of 5xx. The key is as good as unused.
    """
    failure = None
    # Durable: in somebody else's transaction nothing would be committed before it is answered.
    with transaction.atomic(durable=True):
        row_id = _claim(request)
        if row_id is None:
            earlier = _earlier(request)
        else:
            try:
                receipt = operate()
            except OpsError as error:
                # Not rolled back: that it was refused is in the audit log, with a key as without.
                if error.status < 500:
                    answer = refuse(error)
                    _store(row_id, answer, is_final=True)
                    return answer
                IdempotencyKey.objects.filter(pk=row_id).delete()
                failure = error
            else:
                first = present(receipt)
                _store(row_id, first, is_final=False)
                failpoints.reach("idempotency.stored")
    if failure is not None:
        raise failure
    if row_id is None:
        return _replay(earlier)
    failpoints.reach("idempotency.committed")
    return _final(row_id, first, lambda: present(receipt))


def clear_expired() -> int:
    """Delete the keys whose time is over, and return how many there were."""
    deleted, _ = IdempotencyKey.objects.filter(created_at__lte=Now() - LIFETIME).delete()
    return deleted


def _claim(request: KeyedRequest) -> int | None:
    """Insert the key's row, or take over an expired one; None when it is in use, and then its row is locked."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = %s", [int(TRANSACTION_SECONDS * 1000)])
            cursor.execute(
                """
                INSERT INTO opsconsole_idempotencykey AS held (user_id, key, target, fingerprint, is_final, created_at)
                VALUES (%s, %s, %s, %s, false, now())
                ON CONFLICT (user_id, key) DO UPDATE
                   SET target = excluded.target, fingerprint = excluded.fingerprint, answer_status = NULL,
                       answer_body = NULL, is_final = false, created_at = excluded.created_at
                 WHERE held.created_at <= now() - make_interval(secs => %s)
                RETURNING id
                """,
                [
                    request.user_id,
                    request.key,
                    request.target[:MAX_TARGET_LENGTH],
                    request.fingerprint,
                    LIFETIME.total_seconds(),
                ],
            )
            row = cursor.fetchone()
            # What the operation waits for is its own affair.
            cursor.execute("SET LOCAL lock_timeout = DEFAULT")
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        raise Busy(
            "The first request with this Idempotency-Key is still under way; send it again in a few seconds.",
            code="idempotency_key_in_use",
        ) from error
    return int(row[0]) if row else None


def _earlier(request: KeyedRequest) -> IdempotencyKey:
    earlier = IdempotencyKey.objects.get(user_id=request.user_id, key=request.key)
    if earlier.fingerprint != request.fingerprint:
        raise Contradicted(
            f"This Idempotency-Key was sent with another request ({earlier.target}) less than "
            f"{LIFETIME.total_seconds() / 3600:g} hours ago; a new request needs a new key.",
            code="idempotency_key_reused",
        )
    return earlier


def _store(row_id: int, answer: Answer, *, is_final: bool) -> bool:
    """Keep the answer; False when there is a final one."""
    row = IdempotencyKey.objects.filter(pk=row_id, is_final=False)
    return bool(row.update(answer_status=answer.status, answer_body=answer.body, is_final=is_final))


def _final(row_id: int, first: Answer, present: Callable[[], Answer]) -> Answer:
    """Put what is known after the commit into the answer, unless a repetition was told the first one already."""
    try:
        answer = present()
        if _store(row_id, answer, is_final=True):
            return answer
    except Exception:
        # The work is committed: whoever asked must not be told that it failed.
        logger.exception("idempotency.first_answer_kept")
    return first


def _replay(earlier: IdempotencyKey) -> Answer:
    deadline = time.monotonic() + FINAL_ANSWER_SECONDS
    while not earlier.is_final:
        if time.monotonic() > deadline:
            IdempotencyKey.objects.filter(pk=earlier.pk, is_final=False).update(is_final=True)
        else:
            time.sleep(_PAUSE_SECONDS)
        earlier.refresh_from_db()
    assert earlier.answer_status is not None
    assert earlier.answer_body is not None
    return Answer(status=earlier.answer_status, body=earlier.answer_body, replayed=True)
