"""Beat and a worker as processes of their own: each run of a schedule is a job in the ledger."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from jobs.models import DONE, Job, Run, RunJob
from jobs.schedules.operations import pause_all, resume_all
from opsconsole.audit import AuditLog
from tests.cast import OPERATOR
from tests.schedules.cast import make_schedule

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

Start = Callable[..., Any]


def every_second(*names: str) -> None:
    """Have these run every second, and nothing else."""
    PeriodicTask.objects.exclude(name__in=names).delete()
    second = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.SECONDS)
    for task in PeriodicTask.objects.all():
        task.crontab, task.interval = None, second
        task.save()


def runs(title: str) -> int:
    return Run.objects.filter(title=title, via="beat").count()


def test_each_run_of_a_shipped_or_imported_schedule_is_one_job(
    beat: Start, console_worker: Start, wait_until: Start
) -> None:
    call_command("import_core_schedule")
    every_second("Housekeeping", "Core: sync inbox")
    worker = console_worker(concurrency=2)
    running = beat()

    wait_until(lambda: min(runs("Housekeeping"), runs("Sync inbox")) >= 3)
    pause_all(actor=OPERATOR)
    running.stop()
    kept = Job.objects.filter(job_type="opsconsole.housekeeping")
    wait_until(lambda: kept.filter(status=DONE).count() == kept.count() >= 2)
    # What it still has to do must not change the numbers while they are compared.
    worker.stop()

    # One for each run; where the one before was still active, that one.
    assert RunJob.objects.count() == Run.objects.count()
    own = RunJob.objects.filter(run__title="Housekeeping", joined=False)
    assert set(own.values_list("job_id", flat=True)) == set(kept.values_list("pk", flat=True))
    # Nobody does it, so it stays the same one.
    assert Job.objects.filter(job_type="ingest.sync_inbox_fast").count() == 1
    assert not AuditLog.objects.filter(result="error").exists()


def test_beat_heeds_a_pause_and_goes_on_after_it(beat: Start, console_worker: Start, wait_until: Start) -> None:
    every_second("Housekeeping")
    console_worker()
    beat()
    wait_until(lambda: runs("Housekeeping") >= 1)
    pause_all(actor=OPERATOR)
    # Made after the pause, and seen by beat, which reads all of its tasks again at once.
    make_schedule(
        "opsconsole.submit_job",
        {"job_type": "ingest.sync_inbox_fast"},
        queue="opsconsole",
        interval=IntervalSchedule.objects.get(every=1, period="seconds"),
    )
    wait_until(lambda: runs("Sync inbox") >= 1)
    paused_at = runs("Housekeeping")
    seen = runs("Sync inbox")
    wait_until(lambda: runs("Sync inbox") >= seen + 3)
    assert runs("Housekeeping") == paused_at
    resume_all(actor=OPERATOR)
    wait_until(lambda: runs("Housekeeping") > paused_at)


def test_wrong_arguments_are_written_down_at_each_run_and_the_worker_goes_on(
    beat: Start, console_worker: Start, wait_until: Start
) -> None:
    second = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.SECONDS)
    values: dict[str, Any] = {"queue": "opsconsole", "interval": second}
    make_schedule("opsconsole.submit_job", {"jobtype": "x"}, name="Wrong", **values)
    make_schedule("opsconsole.submit_job", {"job_type": "ingest.sync_inbox_fast"}, name="Right", **values)
    worker = console_worker()
    beat()
    refused = AuditLog.objects.filter(action_type="schedule.run", result="error")
    wait_until(lambda: refused.count() >= 2 and runs("Sync inbox") >= 2)
    assert "schedule.refused" in worker.output
    assert "Traceback" not in worker.output
    assert (refused[0].request_json or {})["schedule"] == "Wrong"
