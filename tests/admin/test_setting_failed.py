"""Setting stuck jobs failed from the pages, and how they are found."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from jobs import counts, operations
from jobs.models import Job
from opsconsole.audit import AuditLog
from tests.admin.reading import ids, live_address, messages, text
from tests.api.cast import ledger_state, make_attempt
from tests.cast import NOW, make_job

LIST = "/admin/jobs/job/"


def stuck_job(**values: Any) -> Job:
    """Add a job that has been running for longer than its type may."""
    return make_job(status="running", updated_at=timezone.now() - timedelta(hours=3), **values)


def fresh_job(**values: Any) -> Job:
    return make_job(status="running", updated_at=timezone.now(), **values)


def fail(page: Client, job: Job, **data: Any) -> Any:
    values = {"shown": "stuck", "reason": "The worker was killed.", **data}
    return page.post(f"{LIST}{job.pk}/fail/", values, follow=True)


# --- found --------------------------------------------------------------------------------------------------------


def test_a_stuck_job_says_why_and_what_to_do_and_offers_it(page: Client) -> None:
    job = stuck_job()
    response = page.get(f"{LIST}{job.pk}/change/")
    words = text(response)
    assert "Running for 3 h. The time limit of its type is 10 min." in words
    assert "set it failed; then it can be retried." in words
    body = response.content.decode()
    assert f'href="{LIST}{job.pk}/fail/"' in body
    assert f'href="{LIST}{job.pk}/cancel/"' in body


def test_a_job_that_is_not_stuck_offers_no_such_thing(page: Client) -> None:
    job = fresh_job()
    body = page.get(f"{LIST}{job.pk}/change/").content.decode()
    assert f"{LIST}{job.pk}/fail/" not in body
    assert "oc-stuck" not in body


def test_the_page_is_loaded_again_once_the_job_is_stuck(page: Client) -> None:
    job = fresh_job()
    live_url = live_address(page.get(f"{LIST}{job.pk}/change/"))
    assert "HX-Refresh" not in page.get(live_url)
    Job.objects.update(updated_at=timezone.now() - timedelta(hours=3))
    assert page.get(live_url)["HX-Refresh"] == "true"


def test_the_list_marks_stuck_jobs_with_the_reason_and_has_a_tab_for_them(page: Client) -> None:
    stuck, fresh = stuck_job(), fresh_job()
    counts.refresh(max_age_seconds=0)
    response = page.get(LIST)
    words = text(response)
    assert "Running stuck" in words
    assert "Running for 3 h" in words
    (tab,) = (tab for tab in response.context["tabs"] if tab["word"] == "Stuck")
    assert (tab["query"], tab["active"]) == ("?stuck=true", False)

    response = page.get(LIST + tab["query"])
    assert ids(response) == [stuck.pk]
    tabs = {tab["word"]: tab for tab in response.context["tabs"]}
    assert [word for word, tab in tabs.items() if tab["active"]] == ["Stuck"]
    # The others lead to all jobs of their status, and say how many.
    assert (tabs["All"]["query"], tabs["All"]["count"]) == ("?", 2)
    assert tabs["Running"]["query"] == "?status=running"
    assert fresh.pk in ids(page.get(LIST + "?status=running"))


def test_the_tab_keeps_the_other_filters(page: Client) -> None:
    stuck_job(queue_name="mail")
    response = page.get(f"{LIST}?queue_name=mail&stuck=true")
    tabs = {tab["word"]: tab["query"] for tab in response.context["tabs"]}
    assert (tabs["Stuck"], tabs["All"]) == ("?stuck=true&queue_name=mail", "?queue_name=mail")
    fragment = page.get(f"{LIST}counts/?queue_name=mail&stuck=true")
    assert "All 1 Failed 0 Stuck Running 1" in text(fragment)


def test_stuck_ones_of_one_status_are_a_filter_of_that_tab(page: Client) -> None:
    stuck = stuck_job()
    make_job(status="queued")
    response = page.get(f"{LIST}?status=running&stuck=true")
    assert ids(response) == [stuck.pk]
    assert [tab["word"] for tab in response.context["tabs"] if tab["active"]] == ["Running"]


# --- asked --------------------------------------------------------------------------------------------------------


def test_it_asks_with_why_and_what_becomes_of_it(page: Client) -> None:
    job = stuck_job()
    make_attempt(job.pk, started_at=NOW)
    before = ledger_state()
    response = page.get(f"{LIST}{job.pk}/fail/")
    words = text(response)
    for part in (
        f"Set job {job.pk} failed?",
        "Running for 3 h",
        "It becomes failed, with your reason as its error, and can be retried then.",
        "Should a worker still be at it after all",
        "needed; it becomes the error",
    ):
        assert part in words, part
    assert 'name="terminate"' not in response.content.decode()
    assert ledger_state() == before


def test_of_one_that_is_not_stuck_it_says_so_and_has_no_button(page: Client) -> None:
    response = page.get(f"{LIST}{fresh_job().pk}/fail/")
    assert "This job is running, and not stuck; only a stuck job can be set failed." in text(response)
    assert "oc-danger" not in response.content.decode()


# --- done ---------------------------------------------------------------------------------------------------------


def test_a_stuck_job_is_set_failed_and_can_be_retried(page: Client) -> None:
    job = stuck_job()
    response = fail(page, job)
    assert response.redirect_chain == [(f"{LIST}{job.pk}/change/", 302)]
    assert messages(response) == [f"Set failed. It can be retried now. Job {job.pk}"]
    words = text(response)
    assert "Set failed by olivia: The worker was killed." in words
    assert "Retry" in words
    entry = AuditLog.objects.get()
    assert (entry.action_type, entry.result) == ("job.fail", "ok")
    assert (entry.request_json or {})["reason"] == "The worker was killed."


@pytest.mark.parametrize("reason", ["", "  ", "\x00"])
def test_without_a_reason_it_asks_again(page: Client, reason: str) -> None:
    job = stuck_job()
    response = fail(page, job, reason=reason)
    assert response.status_code == 400
    assert operations.REASON_NEEDED in text(response)
    assert Job.objects.get(pk=job.pk).status == "running"


def test_a_job_that_goes_on_meanwhile_says_so_and_it_is_written_down(page: Client) -> None:
    job = fresh_job()
    response = fail(page, job)
    assert "not stuck; only a stuck job can be set failed" in messages(response)[0]
    assert Job.objects.get(pk=job.pk).status == "running"
    assert (AuditLog.objects.get().action_type, AuditLog.objects.get().result) == ("job.fail", "error")


def test_several_are_asked_about_and_set_failed_each_by_itself(page: Client) -> None:
    stuck = [stuck_job(), stuck_job(), make_job(status="queued")]
    fresh = fresh_job()
    data = {"action": "fail_selected", "index": 0, "_selected_action": [job.pk for job in (*stuck, fresh)]}
    response = page.post(f"{LIST}?stuck=true", data, follow=True)
    words = text(response)
    for part in (
        "2 jobs have been running for longer than the time limits of their types.",
        "1 job is due, and no worker has taken it.",
        "They become failed, with your reason as their error",
        "1 job left out: This job is running, and not stuck",
        "Set 3 jobs failed",
    ):
        assert part in words, part

    url = response.redirect_chain[0][0]
    form = {"shown": "stuck", "job": [job.pk for job in (*stuck, fresh)], "reason": "gone", "terminate": ""}
    response = page.post(url, form, follow=True)
    assert response.redirect_chain == [(f"{LIST}?stuck=true", 302)]
    told = messages(response)
    assert told[0] == "3 jobs set failed. 1 job not set failed."
    assert told[1].startswith(f"Not set failed: job {fresh.pk}. This job is running and not stuck")
    assert Job.objects.filter(status="failed").count() == 3
