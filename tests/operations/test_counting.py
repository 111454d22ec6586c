"""The background count of the ledger: only when somebody has written to it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from jobs import counts
from jobs.models import StatusCount
from tests.cast import make_job

pytestmark = pytest.mark.django_db(transaction=True)


def written_is_known() -> None:
    """Have PostgreSQL add this session's writes to its tally now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")


def an_hour_passes() -> None:
    StatusCount.objects.update(as_of=timezone.now() - timedelta(hours=1))


def test_a_ledger_that_nobody_has_written_to_is_not_counted_again() -> None:
    make_job()
    written_is_known()
    counts.refresh(max_age_seconds=0)
    an_hour_passes()

    assert not counts.refresh()
    as_of = counts.current().as_of
    assert as_of is not None
    assert timezone.now() - as_of < timedelta(minutes=1), "it is as good as one of now"


def test_what_somebody_else_has_written_is_counted() -> None:
    make_job()
    written_is_known()
    counts.refresh(max_age_seconds=0)
    make_job()
    written_is_known()
    an_hour_passes()

    assert counts.refresh()
    assert counts.current().by_status == {"failed": 2}


def test_a_row_that_somebody_else_has_changed_is_counted_where_it_is_now() -> None:
    job = make_job()
    written_is_known()
    counts.refresh(max_age_seconds=0)
    type(job).objects.filter(pk=job.pk).update(status="done")
    written_is_known()
    an_hour_passes()

    assert counts.refresh()
    assert counts.current().by_status == {"done": 1}
