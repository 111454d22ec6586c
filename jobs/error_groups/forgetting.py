"""Letting go of failures: of jobs that have gone on since, and of what is too old."""

import time
from typing import Final

from django.db import connection, transaction
from django.utils import timezone

from jobs import counts
from jobs.error_groups.folding import KEPT, SLOTS_KEPT, alone
from jobs.models import FAILED, ErrorGroup, ErrorSlot, FailedJob

LOOK_EVERY_SECONDS: Final = 5.0
PRUNE_EVERY_SECONDS: Final = 600.0
# Members that are looked up in the ledger at once.
SLICE: Final = 2_000
BUDGET_SECONDS: Final = 0.2
# The oldest beyond these go: errors that no fingerprint brings together must not fill the database.
GROUPS_KEPT: Final = 5_000
PRUNED_AT_ONCE: Final = 50_000

_SET_OPEN: Final = """
    WITH slice AS MATERIALIZED (
             SELECT job_id, is_open FROM jobs_failedjob WHERE job_id > %(after)s ORDER BY job_id LIMIT %(limit)s),
         looked_up AS (
             SELECT slice.job_id, slice.is_open, COALESCE(jobs.status::text = %(failed)s, false) AS failed
               FROM slice LEFT JOIN jobs ON jobs.id = slice.job_id),
         changed AS (
             UPDATE jobs_failedjob member SET is_open = looked_up.failed
               FROM looked_up
              WHERE member.job_id = looked_up.job_id AND looked_up.is_open <> looked_up.failed)
    SELECT max(job_id), count(*) FROM slice
"""


class OpenMembers:
    """How far one process has come in looking which failed jobs have gone on since."""

    def __init__(self) -> None:
        self._after = 0
        self._tally: int | None = None

    def look(self) -> None:
        """Look up the next members in the ledger, as far as one step's time goes; after the last one, begin again.

        One query where nobody has written to the ledger since the last round began.
        """
        if self._after == 0:
            tally = counts.tally()
            if tally and tally == self._tally:
                return
            self._tally = tally
        ends = time.monotonic() + BUDGET_SECONDS
        while self._slice() and time.monotonic() < ends:
            pass

    def _slice(self) -> bool:
        """Look up the next slice; whether there are more."""
        with transaction.atomic():
            alone()
            with connection.cursor() as cursor:
                cursor.execute(_SET_OPEN, {"after": self._after, "limit": SLICE, "failed": FAILED})
                last, found = cursor.fetchone()
        self._after = last if found == SLICE else 0
        return bool(found == SLICE)


def prune() -> None:
    """Delete what has not been seen for KEPT, counts of more than SLOTS_KEPT ago, and the oldest of too many groups."""
    now = timezone.now()
    with transaction.atomic():
        alone()
        ErrorSlot.objects.filter(slot__lt=now - SLOTS_KEPT).delete()
        old = FailedJob.objects.filter(failed_at__lt=now - KEPT).order_by("failed_at").values("pk")[:PRUNED_AT_ONCE]
        FailedJob.objects.filter(pk__in=old).delete()
        kept = ErrorGroup.objects.order_by("-last_seen", "-pk").values("pk")
        beyond = set(kept.values_list("pk", flat=True)[GROUPS_KEPT : 2 * GROUPS_KEPT])
        ErrorGroup.objects.filter(pk__in=beyond).delete()
        ErrorGroup.objects.filter(last_seen__lt=now - KEPT).delete()
