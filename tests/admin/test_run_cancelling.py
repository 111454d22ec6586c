"""Cancelling a run, and setting its stuck jobs failed, from its page."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from jobs.models import Job, Run, RunJob
from opsconsole.audit import AuditLog
from tests.admin.conftest import browser_of
from tests.admin.reading import live_address, messages, recently, text
from tests.api.cast import ledger_state, make_run
from tests.api.test_job_cancel import running_core_job, running_own_job
from tests.cast import NOW, make_job


def url(run: Run, verb: str = "change") -> str:
    return f"/admin/jobs/run/{run.pk}/{verb}/"


def waiting() -> Job:
    return make_job(status="queued", updated_at=timezone.now())


def stuck() -> Job:
    return make_job(status="running", updated_at=timezone.now() - timedelta(hours=3))


def buttons(page: Client, run: Run) -> list[str]:
    body = page.get(url(run)).content.decode()
    return [verb for verb in ("cancel", "fail") if f'href="{url(run, verb)}"' in body]


def test_it_offers_only_what_applies(page: Client) -> None:
    assert buttons(page, make_run(waiting().pk)) == ["cancel"]
    assert buttons(page, make_run(stuck().pk)) == ["cancel", "fail"]
    assert buttons(page, make_run(make_job(status="done").pk)) == []
    send = make_job("send_manual", status="queued", updated_at=timezone.now())
    assert buttons(page, make_run(send.pk)) == []
    joined, run = waiting(), make_run()
    RunJob.objects.create(run=run, job=joined, joined=True)
    assert buttons(page, run) == []


def test_a_viewer_sees_no_button_and_comes_through_no_door(viewing: Client) -> None:
    run = make_run(stuck().pk)
    before = ledger_state()
    assert buttons(viewing, run) == []
    for verb in ("cancel", "fail"):
        assert viewing.get(url(run, verb)).status_code == 403
        assert viewing.post(url(run, verb), {"shown": "GOES_ON,stuck", "reason": "x"}).status_code == 403
    assert ledger_state() == before


def test_it_asks_in_words_about_its_own_jobs_and_changes_nothing_by_looking(page: Client) -> None:
    joined = waiting()
    run = make_run(waiting().pk, running_core_job().pk, make_job(status="done").pk)
    RunJob.objects.create(run=run, job=joined, joined=True)
    before = ledger_state()
    words = text(page.get(url(run, "cancel")))
    assert "Cancel run “Backfill Alice”?" in words
    assert "1 job has not begun, and will not run." in words
    assert "1 job is running, and is cancelled at once." in words
    assert "Cancel 2 jobs" in words
    assert f"#{joined.pk}" not in words
    assert ledger_state() == before


def test_its_jobs_are_cancelled_and_its_page_says_what_came_of_it(page: Client) -> None:
    queued, own = waiting(), running_own_job()
    run = make_run(queued.pk, own.pk)
    response = page.post(url(run, "cancel"), {"shown": "NOT_BEGUN,ASKED_TO_END", "reason": "By mistake."}, follow=True)
    assert response.redirect_chain == [(url(run), 302)]
    assert messages(response) == ["1 job cancelled. 1 job cancelling: its task has been asked to end."]
    words = text(response)
    assert "2 jobs: 1 cancelling, 1 cancelled" in words
    assert "Cancelling asked for by olivia" in words
    assert "Asked to end just now" in recently(words)
    assert "oc-good" not in response.content.decode().split('id="run-live"')[1]
    entry = AuditLog.objects.latest("pk")
    assert (entry.action_type, (entry.request_json or {})["reason"]) == ("run.cancel", "By mistake.")
    assert "Cancelling" in text(page.get("/admin/jobs/run/"))
    assert "2 jobs: 1 cancelling, 1 cancelled" in text(page.get("/admin/"))


def test_a_run_of_which_more_is_under_way_is_not_called_cancelling(page: Client) -> None:
    run = make_run(running_own_job(cancel_requested_at=NOW).pk, running_core_job().pk)
    words = text(page.get(url(run)))
    assert "Under way asked for" in words
    assert "2 jobs: 1 cancelling, 1 running" in words


def test_its_stuck_jobs_are_set_failed(page: Client) -> None:
    hanging, fresh = stuck(), waiting()
    run = make_run(hanging.pk, fresh.pk)
    words = text(page.get(url(run)))
    assert "Running for 3 h. The time limit of its type is 10 min." in words
    assert "Set 1 job failed" not in text(page.get(url(run, "fail")))
    assert f"Set job {hanging.pk} failed" in text(page.get(url(run, "fail")))
    response = page.post(url(run, "fail"), {"shown": "stuck", "reason": "gone"}, follow=True)
    assert messages(response)[0] == "1 job set failed. 1 job not set failed."
    assert [Job.objects.get(pk=job.pk).status for job in (hanging, fresh)] == ["failed", "queued"]


def test_setting_failed_takes_a_reason(page: Client) -> None:
    run = make_run(stuck().pk)
    assert page.post(url(run, "fail"), {"shown": "stuck"}).status_code == 400
    assert Job.objects.get().status == "running"


def test_a_run_that_has_ended_meanwhile_says_so(page: Client) -> None:
    run = make_run(make_job(status="done").pk)
    response = page.post(url(run, "cancel"), {"shown": "NOT_BEGUN"}, follow=True)
    assert messages(response) == ["Backfill Alice: All jobs of this run have ended."]
    assert AuditLog.objects.get().result == "error"


def test_terminating_without_the_permission_is_forbidden(page: Client) -> None:
    run = make_run(running_core_job().pk)
    assert page.post(url(run, "cancel"), {"shown": "GOES_ON", "terminate": "yes"}).status_code == 403
    assert Job.objects.get().status == "running"


def test_nothing_changes_without_a_csrf_token(operator: User) -> None:
    client = browser_of(operator, enforce_csrf_checks=True)
    run = make_run(waiting().pk)
    assert client.post(url(run, "cancel"), {"shown": "NOT_BEGUN"}).status_code == 403
    assert Job.objects.get().status == "queued"


@pytest.mark.parametrize("verb", ["cancel", "fail"])
@pytest.mark.parametrize("given", [str(uuid.UUID(int=1)), "abc", "%00"])
def test_a_run_that_does_not_exist_is_a_page_that_says_so(page: Client, verb: str, given: str) -> None:
    response = page.get(f"/admin/jobs/run/{given}/{verb}/")
    assert response.status_code == 404
    assert "There is no run" in text(response)


def test_the_page_is_loaded_again_once_something_else_can_be_done(page: Client) -> None:
    job = waiting()
    run = make_run(job.pk)
    live_url = live_address(page.get(url(run)))

    def refreshes() -> Any:
        return page.get(live_url).get("HX-Refresh")

    assert refreshes() is None
    Job.objects.update(updated_at=timezone.now() - timedelta(hours=1))
    assert refreshes() == "true"
    Job.objects.update(status="done")
    assert refreshes() == "true"
