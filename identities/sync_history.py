"""The history of each identity's syncs, and what follows from it: its last sync, and how long it has been failing.

Attempts come from several places, late and in any order. Each is kept once, under its source; what is known of the
last sync is computed from all that are kept, under a lock, so that the order doesn't matter.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import OuterRef, Subquery

from identities.models import LastSync, SyncAttempt
from jobs import catalog, subjects
from jobs.ended import EndedAttempt
from jobs.models import Outcome
from jobs.outcomes import how_it_ended
from jobs.provider_errors import rejects_credential
from opsconsole.formatting import first_line
from opsconsole.redaction import CUT_MARGIN, redact_start
from opsconsole.row_ids import MAX_ID, row_id

logger = structlog.get_logger(__name__)

MAX_ERROR_LENGTH: Final = 1_000
# As long as the core's own.
MAX_ERROR_READ: Final = 5_000
KEPT_PER_IDENTITY: Final = 500
PRUNE_EVERY_SECONDS: Final = 3_600.0
# More than an hour brings of them.
PRUNED_AT_ONCE: Final = 50_000

# Skipped, cancelled and superseded ones are neither.
SUCCESSES: Final = (Outcome.DONE, Outcome.PARTIAL)
FAILURES: Final = (Outcome.FAILED, Outcome.RETRYING, Outcome.UNKNOWN)

# All but what an attempt is known by, and whom it was for: a conversation may have another identity by now.
_CHANGING: Final = [
    field.name for field in SyncAttempt._meta.fields if field.name not in {"id", "source", "identity", "job_type"}
]
_FACTS: Final = [field.name for field in LastSync._meta.fields if not field.primary_key]


def attempts_of(identity_id: int, limit: int = 50) -> list[SyncAttempt]:
    """Return an identity's attempts that have ended, newest first; one query."""
    if row_id(identity_id) is None:
        return []
    return list(SyncAttempt.objects.filter(identity_id=identity_id).order_by("-ended_at", "-id")[:limit])


def note_ended(attempts: Sequence[EndedAttempt]) -> None:
    """Keep those attempts at jobs of the ledger that synced an identity which exists; a receiver of jobs.ended."""
    types = {job_type.name for job_type in catalog.syncing()}
    syncs = {attempt.dispatch_id: attempt for attempt in attempts if attempt.job_type in types}
    if not syncs:
        return
    concerned = subjects.registered().of({pk: attempt.payload for pk, attempt in syncs.items()})
    keep([_of_dispatch(syncs[pk], subject.id) for pk, subject in concerned.items()])


def keep(attempts: Collection[SyncAttempt]) -> None:
    """Keep attempts, each once by its source, and bring the last sync of their identities up to date."""
    if not attempts:
        return
    # In one order, so that two who keep the same ones don't wait for each other.
    ordered = sorted(attempts, key=lambda attempt: attempt.source)
    with transaction.atomic():
        SyncAttempt.objects.bulk_create(
            ordered, update_conflicts=True, unique_fields=["source"], update_fields=_CHANGING
        )
        sources = [attempt.source for attempt in ordered]
        fold(SyncAttempt.objects.filter(source__in=sources).values_list("identity_id", flat=True))


def keep_what_can_be(attempts: Collection[SyncAttempt]) -> int:
    """Keep attempts, and where the database refuses one, the others; return how many."""
    try:
        with transaction.atomic():
            keep(attempts)
        return len(attempts)
    except (OperationalError, InterfaceError):
        raise
    except DatabaseError:
        if len(attempts) == 1:
            logger.exception("sync_attempt.not_kept", source=next(iter(attempts)).source)
            return 0
    return sum(keep_what_can_be([attempt]) for attempt in attempts)


def fold(identity_ids: Collection[int]) -> None:
    """Compute anew what is known of the last sync of identities; a fixed number of queries."""
    ids = sorted(set(identity_ids))
    with transaction.atomic():
        LastSync.objects.bulk_create([LastSync(identity_id=pk) for pk in ids], ignore_conflicts=True)
        locked = LastSync.objects.select_for_update().filter(pk__in=ids).order_by("pk")
        known = {pk: LastSync(identity_id=pk) for pk in locked.values_list("pk", flat=True)}
        # Statements of their own after the lock: they see what its last holder has kept.
        _note_newest(known)
        _note_failures(known)
        LastSync.objects.bulk_create(
            known.values(), update_conflicts=True, unique_fields=["identity"], update_fields=_FACTS
        )


def prune() -> int:
    """Delete the attempts beyond the newest KEPT_PER_IDENTITY of each identity, and all of those that are gone.

    What an identity's last sync rests on stays however old it is: its last success, since when it has been failing,
    and the newest refusal of its credential.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM identities_lastsync l
             WHERE NOT EXISTS (SELECT FROM identities WHERE identities.id = l.identity_id)
            """
        )
        cursor.execute(
            """
            DELETE FROM identities_syncattempt WHERE id IN (
                SELECT a.id
                  FROM (SELECT id, identity_id, ended_at,
                               row_number() OVER (PARTITION BY identity_id ORDER BY ended_at DESC, id DESC) AS position
                          FROM identities_syncattempt) AS a
                  LEFT JOIN identities_lastsync l ON l.identity_id = a.identity_id
                 WHERE l.identity_id IS NULL
                    OR a.position > %s
                   AND a.ended_at IS DISTINCT FROM l.success_at
                   AND a.ended_at IS DISTINCT FROM l.failing_since
                   AND a.ended_at IS DISTINCT FROM l.rejected_at
                 LIMIT %s)
            """,
            [KEPT_PER_IDENTITY, PRUNED_AT_ONCE],
        )
        return int(cursor.rowcount)


def shown_error(error: str | None) -> str | None:
    """Return an error as the history keeps it: redacted and cut."""
    if not error:
        return None
    shown = redact_start(error[: MAX_ERROR_READ + CUT_MARGIN], MAX_ERROR_READ)
    if len(shown) > MAX_ERROR_LENGTH and "Traceback (" in shown:
        # What a traceback is about stands at its end, which would be cut off.
        shown = f"{first_line(shown, MAX_ERROR_LENGTH // 2)}\n{shown}"
    return shown[:MAX_ERROR_LENGTH]


def numbers(result: Any) -> dict[str, int | None]:
    """Return how much a sync says that it has brought, where it says so in numbers that there can be."""
    said = result if isinstance(result, Mapping) else {}
    return {name: _count(said.get(name)) for name in ("messages_synced", "new_messages", "new_conversations")}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_ID else None


def _of_dispatch(attempt: EndedAttempt, identity_id: int) -> SyncAttempt:
    outcome, error, ended_at = how_it_ended(attempt)
    return SyncAttempt(
        identity_id=identity_id,
        source=f"dispatch:{attempt.dispatch_id}",
        job_type=attempt.job_type[:64],
        job_id=attempt.job_id,
        outcome=outcome,
        started_at=attempt.started_at,
        ended_at=ended_at,
        error=shown_error(error),
        requested_by=attempt.requested_by,
        via=attempt.via,
        **numbers(attempt.result),
    )


def _note_newest(known: Mapping[int, LastSync]) -> None:
    """Set what follows from the newest success and from the newest attempt of each."""
    newest = SyncAttempt.objects.filter(identity_id=OuterRef("pk")).order_by("-ended_at", "-id").values("pk")
    found = LastSync.objects.filter(pk__in=known).values_list(
        "pk", Subquery(newest.filter(outcome__in=SUCCESSES)[:1]), Subquery(newest[:1])
    )
    chosen = {identity_id: pair for identity_id, *pair in found}
    attempts = SyncAttempt.objects.in_bulk({pk for pair in chosen.values() for pk in pair if pk})
    for identity_id, last in known.items():
        success, attempt = (attempts.get(pk) for pk in chosen[identity_id])
        if success:
            last.success_at = success.ended_at
            last.success_source = success.source.partition(":")[0]
            last.success_job_type = success.job_type
            last.success_job_id = success.job_id
            last.success_messages = success.messages_synced
            last.success_error = success.error if success.outcome == Outcome.PARTIAL else None
        if attempt:
            last.attempt_at = attempt.ended_at
            last.attempt_outcome = attempt.outcome
            last.attempt_job_type = attempt.job_type
            last.attempt_job_id = attempt.job_id
            last.attempt_error = attempt.error


def _note_failures(known: Mapping[int, LastSync]) -> None:
    """Set how often each has failed since its last success, since when, and whether its credential was refused."""
    since = [last.success_at.isoformat() if last.success_at else "-infinity" for last in known.values()]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT a.identity_id, a.ended_at, a.error
              FROM unnest(%s::bigint[], %s::text[]) AS since (identity_id, moment)
              JOIN identities_syncattempt a
                ON a.identity_id = since.identity_id AND a.ended_at > since.moment::timestamptz
             WHERE a.outcome = ANY(%s)
             ORDER BY a.identity_id, a.ended_at DESC, a.id DESC
            """,
            [list(known), since, list(map(str, FAILURES))],
        )
        failures: dict[int, list[tuple[datetime, str | None]]] = {}
        for identity_id, ended_at, error in cursor.fetchall():
            failures.setdefault(identity_id, []).append((ended_at, error))
    for identity_id, last in known.items():
        failed = failures.get(identity_id, [])
        last.failures = len(failed)
        last.failing_since = failed[-1][0] if failed else None
        if failed:
            # Not what one that was cancelled or skipped since had to say.
            last.attempt_error = failed[0][1]
        refused = ((ended_at, error) for ended_at, error in failed if error and rejects_credential(error))
        last.rejected_at, last.rejection = next(refused, (None, None))
