"""Syncs that others have done with rows of the ledger that the console never dispatched: the core, mostly.

Such a row says how it ended, and when, and nothing else. They are looked for among the newest ones only, and only when
somebody has written to the ledger since; on a new installation, that is where its history begins.
"""

import time
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models.functions import Left
from django.utils import timezone

from identities.models import SyncAttempt
from identities.sync_history import MAX_ERROR_READ, keep_what_can_be, shown_error
from jobs import catalog, counts, payloads, recent, subjects
from jobs.models import DONE, Job, Outcome
from opsconsole import cut_json
from opsconsole.far_times import is_held
from opsconsole.redaction import CUT_MARGIN

LOOK_EVERY_SECONDS: Final = 60.0
LOOK_AT_ALL_EVERY_SECONDS: Final = 3_600.0
# When a row was changed is by the clock of whoever did it.
LATELY: Final = timedelta(minutes=15)
KEPT_PER_IDENTITY: Final = 60
_LOCK_KEY: Final = 0x6F7073_12


class SyncsOfOthers:
    """What one process has seen of the ledger's rows."""

    def __init__(self) -> None:
        self._tally: int | None = None
        self._looked_at: datetime | None = None
        self._looked_at_all = float("-inf")

    def look(self) -> int:
        """Keep the syncs among the rows that have ended lately, at first all of them; return how many.

        One query where nobody has written to the ledger since the last time.
        """
        tally = counts.tally()
        if tally and tally == self._tally:
            return 0
        began, now = time.monotonic(), timezone.now()
        everything = began - self._looked_at_all >= LOOK_AT_ALL_EVERY_SECONDS
        since = None if everything or self._looked_at is None else self._looked_at - LATELY
        with transaction.atomic():
            with connection.cursor() as cursor:
                # Read and kept by one at a time, or what was read earlier could be kept later.
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK_KEY])
                if not cursor.fetchone()[0]:
                    return 0
            kept = keep_what_can_be(_attempts(_newest_of_each(since), now))
        self._tally, self._looked_at = tally, now
        if everything:
            self._looked_at_all = began
        return kept


def _newest_of_each(since: datetime | None) -> dict[int, int]:
    """Return the newest rows of each identity, and its newest success, as identities by job id; three queries."""
    rows = recent.ended_by_others({job_type.name for job_type in catalog.syncing()}).filter(is_held("updated_at"))
    if since is not None:
        rows = rows.filter(updated_at__gte=since)
    # Only the ids in the payload are needed.
    named = rows.annotate(payload=payloads.expression())
    ended = list(named.order_by("-updated_at", "-pk").values_list("pk", "payload", "status"))
    concerned = subjects.registered().of({pk: cut_json.parse(payload).value for pk, payload, _ in ended})
    chosen: dict[int, int] = {}
    count: dict[int, int] = {}
    succeeded: set[int] = set()
    for pk, _, status in ended:
        if pk not in concerned:
            continue
        identity_id = concerned[pk].id
        count[identity_id] = count.get(identity_id, 0) + 1
        is_newest_success = status == DONE and identity_id not in succeeded
        if count[identity_id] <= KEPT_PER_IDENTITY or is_newest_success:
            chosen[pk] = identity_id
        if is_newest_success:
            succeeded.add(identity_id)
    return chosen


def _attempts(chosen: dict[int, int], now: datetime) -> Collection[SyncAttempt]:
    """Return the attempts that are new or have changed since they were kept; two queries."""
    rows = (
        Job.objects.filter(pk__in=chosen)
        .annotate(error=Left("last_error", MAX_ERROR_READ + CUT_MARGIN))
        .values_list("pk", "job_type", "status", "updated_at", "error")
    )
    sources = {pk: f"job:{pk}" for pk in chosen}
    kept = {
        source: seen
        for source, *seen in SyncAttempt.objects.filter(source__in=sources.values()).values_list(
            "source", "outcome", "ended_at"
        )
    }
    attempts = []
    for pk, job_type, status, updated_at, error in rows:
        if updated_at is None:
            # The row has been changed meanwhile, to a time that Python can't represent.
            continue
        outcome = Outcome.DONE if status == DONE else Outcome.FAILED
        known = kept.get(sources[pk])
        # One whose writer's clock was ahead has ended when it was first seen.
        if known and known[0] == outcome and (known[1] == updated_at or updated_at > now):
            continue
        attempts.append(
            SyncAttempt(
                identity_id=chosen[pk],
                source=sources[pk],
                job_type=job_type,
                job_id=pk,
                outcome=outcome,
                ended_at=min(updated_at, now),
                error=shown_error(error) if outcome == Outcome.FAILED else None,
            )
        )
    return attempts
