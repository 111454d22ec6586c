"""What the console's beat starts: an entry task in the console's worker, and through it a job in the ledger."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from jobs.models import Dispatch, Job
from opsconsole.audit import AuditLog
from tests.cast import make_identity

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_backfill_that_beat_starts_is_one_job_in_the_ledger_however_often_it_fires(
    beat: Callable[..., Any], console_worker: Callable[..., Any], wait_until: Callable[..., Any]
) -> None:
    alice = make_identity("Alice")
    every_second = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.create(
        name="Backfill Alice",
        task="opsconsole.backfill_conversations",
        interval=every_second,
        queue="opsconsole",
        kwargs=json.dumps({"identity_id": alice.pk}),
    )
    console_worker()
    beat()

    wait_until(lambda: AuditLog.objects.filter(result="ok").count() >= 2)

    assert Job.objects.count() == Dispatch.objects.count() == 1
    entry = AuditLog.objects.order_by("pk")[0]
    assert (entry.actor, (entry.request_json or {})["via"]) == ("system", "beat")
