"""Which jobs are stuck, by the definition, written a second time: in Python, over the rows."""

from datetime import timedelta

from django.db import connection
from django.db.models import Q

from jobs import catalog
from jobs.models import ACTIVE_STATUSES, RUNNING, Dispatch, Job

CORE_TIME_LIMIT = timedelta(minutes=10)
OTHER_TIME_LIMIT = timedelta(hours=2)
WAITING = timedelta(minutes=15)
UNKNOWN = timedelta(seconds=60)


def is_stuck(job: Job) -> bool:
    """Say whether it runs past its lease or its time limit, is due for too long, or is unknown to the workers."""
    if job.status not in ACTIVE_STATUSES:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        (now,) = cursor.fetchone()
    attempt = Dispatch.objects.filter(job_id=job.pk, ended_at=None).first()
    if attempt and attempt.unknown_since and attempt.unknown_since < now - UNKNOWN:
        return True
    if job.status == RUNNING:
        if attempt and not attempt.in_core and attempt.lease_until:
            return bool(attempt.lease_until < now)
        known = catalog.find(job.job_type)
        limit = CORE_TIME_LIMIT if known and known.in_core else OTHER_TIME_LIMIT
        return bool(job.updated_at and job.updated_at < now - limit)
    due = job.next_run_at or job.updated_at
    assert due is not None
    if attempt and attempt.published_at:
        return bool(max(due, attempt.published_at) < now - WAITING)
    if not attempt or attempt.serial_key is None:
        return bool(due < now - WAITING)
    others = Dispatch.objects.filter(serial_key=attempt.serial_key).exclude(pk=attempt.pk)
    in_its_way = others.filter(Q(ended_at=None, pk__lt=attempt.pk) | Q(holds_place=True))
    return bool(due < now - WAITING) and not in_its_way.exists()
