"""POST /ops/runs/{id}/cancel and /fail: the jobs that a run asked for, each by itself."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone
from rest_framework.test import APIClient

from jobs import cancel_rules, operations
from jobs.models import Job, Run, RunJob
from opsconsole.audit import AuditLog
from tests.api.cast import ledger_state, make_attempt, make_run, refusal, with_token
from tests.api.keyed import repeated, send
from tests.api.test_job_cancel import running_core_job, running_own_job
from tests.cast import NOW, make_job

KEYS = {"id", "status", "message", "done", "cancelling", "refused", "warnings", "run"}


def change(api: APIClient, run: Run, verb: str, **body: Any) -> dict[str, Any]:
    response = api.post(f"/ops/runs/{run.pk}/{verb}", body)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    assert set(answer) == KEYS
    assert (answer["id"], answer["run"]["id"]) == (str(run.pk), str(run.pk))
    assert set(answer["run"]) == set(api.get(f"/ops/runs/{run.pk}").json())
    return answer


def statuses(*jobs: Job) -> list[str]:
    return [Job.objects.get(pk=job.pk).status for job in jobs]


def test_each_job_that_has_not_ended_is_cancelled_or_asked_to_end(api: APIClient) -> None:
    queued, core, own = make_job(status="queued"), running_core_job(), running_own_job()
    done = make_job(status="done")
    answer = change(api, make_run(queued.pk, core.pk, own.pk, done.pk), "cancel", reason="By mistake.")
    assert answer["status"] == "pending"
    assert (answer["done"], answer["cancelling"], answer["refused"]) == ([queued.pk, core.pk], [own.pk], [])
    assert answer["warnings"] == [cancel_rules.GOES_ON]
    assert answer["message"] == (
        f"2 jobs cancelled. 1 job cancelling: its task has been asked to end. {cancel_rules.GOES_ON}"
    )
    assert statuses(queued, core, own, done) == ["cancelled", "cancelled", "running", "done"]
    assert (answer["run"]["by_status"], answer["run"]["cancelling"]) == ({"cancelled": 2, "running": 1, "done": 1}, 1)
    assert answer["run"]["jobs"][2]["cancel_requested_at"] is not None
    assert api.get("/ops/runs").json()["runs"][0]["cancelling"] == 1


def test_what_can_not_be_cancelled_is_told_with_why_and_keeps_nothing_else(api: APIClient) -> None:
    send, queued = make_job("send_manual", status="queued"), make_job(status="queued")
    answer = change(api, make_run(send.pk, queued.pk), "cancel")
    assert answer["done"] == [queued.pk]
    (refused,) = answer["refused"]
    assert refused["id"] == send.pk
    assert refused["detail"].endswith("Delete the message in its conversation.")
    assert answer["message"] == "1 job cancelled. 1 job not cancelled."


def test_a_run_of_which_nothing_can_be_cancelled_says_so(api: APIClient) -> None:
    send = make_job("send_manual", status="queued")
    answer = change(api, make_run(send.pk), "cancel")
    assert (answer["message"], answer["done"]) == ("0 jobs cancelled. 1 job not cancelled.", [])


def test_jobs_that_were_active_before_the_run_go_on(api: APIClient) -> None:
    own, joined = make_job(status="queued"), make_job(status="queued")
    run = make_run(own.pk)
    RunJob.objects.create(run=run, job=joined, joined=True)
    assert change(api, run, "cancel")["done"] == [own.pk]
    assert statuses(own, joined) == ["cancelled", "queued"]


def test_each_job_and_the_run_have_an_audit_row(api: APIClient) -> None:
    jobs = [make_job(status="queued") for _ in range(2)]
    run = make_run(*(job.pk for job in jobs))
    change(api, run, "cancel", reason="By mistake.")
    entries = AuditLog.objects.order_by("pk")
    assert [(entry.action_type, entry.entity_id) for entry in entries] == [
        *(("job.cancel", job.pk) for job in jobs),
        ("run.cancel", None),
    ]
    assert {(entry.request_json or {})["reason"] for entry in entries} == {"By mistake."}
    assert entries[2].response_json == {"done": [job.pk for job in jobs], "cancelling": [], "refused": []}


@pytest.mark.parametrize("verb", ["cancel", "fail"])
def test_a_run_that_has_ended_is_a_conflict_that_is_written_down(api: APIClient, verb: str) -> None:
    run = make_run(make_job(status="done").pk)
    response = api.post(f"/ops/runs/{run.pk}/{verb}", {"reason": "x"})
    assert refusal(response, 409, "run_not_active") == "All jobs of this run have ended."
    entry = AuditLog.objects.get()
    assert (entry.action_type, entry.result) == (f"run.{verb}", "error")


def test_a_run_that_only_joined_what_is_active_is_a_conflict(api: APIClient) -> None:
    joined, run = make_job(status="queued"), make_run()
    RunJob.objects.create(run=run, job=joined, joined=True)
    response = api.post(f"/ops/runs/{run.pk}/cancel")
    assert "were active before it asked for them" in refusal(response, 409, "run_not_active")


@pytest.mark.parametrize("verb", ["cancel", "fail"])
@pytest.mark.parametrize("pk", [str(uuid.UUID(int=1)), "1", "x", "%00"])
def test_a_run_that_does_not_exist_is_a_404(api: APIClient, verb: str, pk: str) -> None:
    refusal(api.post(f"/ops/runs/{pk}/{verb}", {"reason": "x"}), 404, "run_not_found")


def test_terminating_takes_a_permission_of_its_own(api: APIClient, operator: User) -> None:
    core, queued = running_core_job(), make_job(status="queued")
    run = make_run(core.pk, queued.pk)
    before = ledger_state()
    refusal(api.post(f"/ops/runs/{run.pk}/cancel", {"terminate": True}), 403, "permission_denied")
    assert ledger_state() == before
    assert not AuditLog.objects.exists()

    operator.user_permissions.add(Permission.objects.get(codename="terminate_job"))
    answer = change(with_token(User.objects.get(pk=operator.pk)), run, "cancel", terminate=True)
    assert (answer["done"], answer["warnings"]) == ([core.pk, queued.pk], [cancel_rules.TERMINATED])
    # What had nothing to be terminated is no refusal.
    assert not AuditLog.objects.filter(result="error").exists()


def test_only_stuck_jobs_are_set_failed(api: APIClient) -> None:
    stuck = make_job(status="running", updated_at=timezone.now() - timedelta(hours=3))
    fresh = make_job(status="running", updated_at=timezone.now())
    run = make_run(stuck.pk, fresh.pk)
    shown = {job["id"]: job for job in api.get(f"/ops/runs/{run.pk}").json()["jobs"]}
    assert (shown[stuck.pk]["stuck"], shown[fresh.pk]["stuck"]) == (True, False)
    assert "The time limit of its type is 10 min" in shown[stuck.pk]["stuck_reason"]

    answer = change(api, run, "fail", reason="The worker was killed.")
    assert answer["done"] == [stuck.pk]
    assert [one["id"] for one in answer["refused"]] == [fresh.pk]
    assert answer["message"] == "1 job set failed. 1 job not set failed."
    assert (answer["warnings"], answer["cancelling"]) == ([], [])
    assert statuses(stuck, fresh) == ["failed", "running"]


def test_setting_failed_takes_a_reason(api: APIClient) -> None:
    run = make_run(make_job(status="queued").pk)
    sentence = refusal(api.post(f"/ops/runs/{run.pk}/fail"), 400, "invalid")
    assert sentence == f"reason: {operations.REASON_NEEDED}"


@pytest.mark.django_db(transaction=True)
def test_with_the_broker_down_it_is_cancelled_and_says_that_no_worker_was_told(
    api: APIClient, broker_down: None
) -> None:
    job = make_job(status="queued")
    make_attempt(job.pk, published_at=NOW)
    assert "no worker was told" in change(api, make_run(job.pk), "cancel")["message"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", ["cancel", "fail"])
def test_the_same_request_again_gets_the_same_answer_and_changes_nothing(api: APIClient, verb: str) -> None:
    run = make_run(make_job(status="queued").pk, make_job("send_manual", status="queued").pk)
    url, body = f"/ops/runs/{run.pk}/{verb}", {"reason": "By mistake."}
    first = send(api, url, body)
    assert first.json()["done"]
    entries = AuditLog.objects.count()
    repeated(first, send(api, url, body))
    assert AuditLog.objects.count() == entries
