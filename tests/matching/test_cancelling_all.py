"""Cancelling all active jobs that match a filter."""

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import gateway
from jobs.filters import JobFilter
from jobs.models import CANCELLED, FAILED, QUEUED, RETRYING, RUNNING, Dispatch, Job
from opsconsole.audit import AuditLog
from tests.api.cast import make_attempt
from tests.cast import make_job
from tests.matching.doing import ask_to_cancel, carry_out

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_waits_is_cancelled_and_its_key_is_free_again() -> None:
    queued, retrying = make_job(status=QUEUED), make_job(status=RETRYING)
    failed = make_job()
    result = carry_out(ask_to_cancel())
    assert (result["cancelled"], result["refused"]) == (2, 0)
    assert set(Job.objects.filter(pk__in=[queued.pk, retrying.pk]).values_list("status", "dedupe_key")) == {
        (CANCELLED, None)
    }
    assert Job.objects.get(pk=failed.pk).status == FAILED
    entry = AuditLog.objects.get(action_type="job.cancel", entity_id=queued.pk)
    assert (entry.result, entry.request_json["reason"]) == ("ok", "no longer wanted")


def test_the_workers_are_told_of_what_was_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(gateway, "revoke", lambda task_ids, **options: told.extend(task_ids))
    job = make_job(status=QUEUED)
    attempt = make_attempt(job.pk)
    make_job(status=QUEUED)
    carry_out(ask_to_cancel())
    assert told == [str(attempt.task_id)]
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.ended_at is None) == ("cancelled", False)


def test_an_own_task_that_runs_is_asked_to_end_and_one_of_the_cores_goes_on_cancelled() -> None:
    own = make_job("opsconsole.housekeeping", status=RUNNING, queue_name="opsconsole")
    make_attempt(own.pk, in_core=False, started_at=timezone.now(), lease_until=timezone.now() + timedelta(minutes=1))
    core = make_job(status=RUNNING)
    make_attempt(core.pk, started_at=timezone.now())
    result = carry_out(ask_to_cancel(JobFilter(statuses=(RUNNING,))))
    assert result["cancelled"] == 2
    own.refresh_from_db()
    core.refresh_from_db()
    assert (own.status, core.status) == (RUNNING, CANCELLED)
    assert Dispatch.objects.get(job_id=own.pk).cancel_requested_at is not None


def test_what_can_not_be_cancelled_is_left_out_with_the_reason() -> None:
    job = make_job("message.send_manual", status=QUEUED, queue_name="messages")
    result = carry_out(ask_to_cancel())
    (group,) = result["left_out"]
    assert (group["code"], group["n"], group["examples"]) == ("not_cancellable", 1, [job.pk])
    assert Job.objects.get(pk=job.pk).status == QUEUED


def test_what_is_queued_after_the_look_goes_on() -> None:
    make_job(status=QUEUED)
    job_id = ask_to_cancel()
    late = make_job(status=QUEUED)
    carry_out(job_id)
    assert Job.objects.get(pk=late.pk).status == QUEUED
    # Neither does it cancel itself.
    assert Job.objects.get(pk=job_id).status == QUEUED
