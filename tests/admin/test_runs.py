"""Runs: the list, and the page that keeps itself up to date until all of its jobs have ended."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from jobs.models import Job
from tests.admin.reading import ids, problems, text
from tests.api.cast import make_attempt, make_run
from tests.cast import NOW, make_identity, make_job


def shown(page: Client, pk: Any) -> Any:
    response = page.get(f"/admin/jobs/run/{pk}/change/")
    assert response.status_code == 200
    return response


def running_job(current: int, total: int | None, **payload: Any) -> Job:
    job = make_job("ingest.backfill_conversations", status="running", payload=payload or None)
    make_attempt(
        job.pk,
        published_at=timezone.now(),
        started_at=timezone.now(),
        progress_current=current,
        progress_total=total,
        progress_unit="messages",
        progress_source="reported" if total else "observed",
        progress_at=NOW,
    )
    return job


def test_a_run_under_way_shows_a_summed_bar_and_one_for_each_job(page: Client) -> None:
    identity = make_identity("Alice")
    run = make_run(running_job(500, 2000, identity_id=identity.pk).pk, running_job(250, 1000).pk)
    response = shown(page, run.pk)
    words = text(response)
    assert "Under way" in words
    assert "750 of 3,000 messages (25 %)" in words
    assert "500 of 2,000 messages (25 %)" in words
    assert "Alice" in words
    body = response.content.decode()
    assert f'hx-get="/admin/jobs/run/{run.pk}/live/?was=' in body
    assert "oc-good" not in body.split('id="run-live"')[1]


def test_without_a_total_the_bar_counts_the_jobs_that_have_ended(page: Client) -> None:
    done = make_job(status="done")
    run = make_run(done.pk, running_job(500, None).pk)
    words = text(shown(page, run.pk))
    assert "1 of 2 jobs ended (50 %)" in words
    assert "500 messages so far" in words


@pytest.mark.parametrize("page_of", ["run/{run}/change/", "run/{run}/live/", "run/", "job/{job}/change/", "job/"])
def test_progress_that_is_not_known_is_said_to_be_so_and_never_0(page: Client, page_of: str) -> None:
    # Nothing has arrived yet: the core commits at the end.
    job = running_job(0, None)
    words = text(page.get("/admin/jobs/" + page_of.format(run=make_run(job.pk).pk, job=job.pk)))
    if page_of != "job/":
        assert "not known yet" in words
    assert not re.search(r"\b0 messages|\(0 %\)", words)


@pytest.mark.parametrize("page_of", ["run/{run}/change/", "run/", "job/{job}/change/", "job/"])
def test_a_0_that_was_reported_is_shown(page: Client, page_of: str) -> None:
    job = running_job(0, 3000)
    words = text(page.get("/admin/jobs/" + page_of.format(run=make_run(job.pk).pk, job=job.pk)))
    assert "0 of 3,000 messages (0 %)" in words
    assert "not known" not in words


def test_a_run_with_a_job_whose_progress_is_not_known_counts_the_jobs_that_have_ended(page: Client) -> None:
    run = make_run(running_job(500, 2000).pk, running_job(0, None).pk)
    words = text(shown(page, run.pk))
    assert "0 of 2 jobs ended (0 %)" in words
    assert "500 messages so far" in words
    assert "left" not in words.split("500 messages so far")[1].split("this page")[0]


def test_it_stops_asking_when_all_has_ended_and_shows_the_result(page: Client) -> None:
    job = make_job(status="done")
    make_attempt(
        job.pk,
        started_at=NOW,
        ended_at=NOW,
        outcome="partial",
        result={"status": "success", "new_messages": 1200, "messages_synced": 3000, "errors": ["an image is missing"]},
    )
    run = make_run(job.pk)
    for url in ("change", "live"):
        response = page.get(f"/admin/jobs/run/{run.pk}/{url}/")
        body, words = response.content.decode(), text(response)
        assert "hx-get" not in body.split('id="run-live"')[1].split(">")[0]
        assert "1,200" in words
        assert "new messages" in words
        assert "an image is missing" in words
        assert "1 job, done" in words


def test_what_failed_is_named_with_its_reason(page: Client) -> None:
    identity = make_identity("Alice")
    job = make_job(payload={"identity_id": identity.pk}, last_error="401 <b>Unauthorized</b>")
    response = shown(page, make_run(job.pk).pk)
    assert f"Job {job.pk} (Alice) failed: 401 <b>Unauthorized</b>" in text(response)
    assert "<b>Unauthorized" not in response.content.decode()


@pytest.mark.parametrize(
    ("status", "word"), [("cancelled", "Cancelled"), ("running", "Under way"), ("failed", "Not all done")]
)
def test_only_what_ended_well_is_green(page: Client, status: str, word: str) -> None:
    run = make_run(make_job(status=status).pk)
    response = shown(page, run.pk)
    assert word in text(response)
    assert "oc-good" not in response.content.decode().split('id="run-live"')[1]


def test_it_says_for_which_job_another_one_waits(page: Client) -> None:
    first, second = make_job(status="running"), make_job(status="queued")
    make_attempt(first.pk, serial_key="ingest:1")
    make_attempt(second.pk, serial_key="ingest:1", published_at=None)
    assert f"Waiting for job {first.pk}" in text(shown(page, make_run(second.pk).pk))


def test_a_job_that_is_gone_from_the_ledger_is_named_by_its_number(page: Client) -> None:
    run = make_run(999_999)
    assert "999999" in text(shown(page, run.pk))


def test_a_large_run_shows_what_needs_attention_first(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.admin.runs.JOBS_SHOWN", 2)
    jobs = [make_job(status=status).pk for status in ("done", "done", "queued", "failed")]
    response = shown(page, make_run(*jobs).pk)
    assert [job["status"] for job in response.context["jobs"]] == ["failed", "queued"]
    assert "and 2 more" in text(response)


def test_a_live_part_of_no_run_is_not_found(page: Client) -> None:
    assert page.get(f"/admin/jobs/run/{uuid.uuid4()}/live/").status_code == 404


def test_the_list_shows_the_newest_first_and_pages_by_key(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.admin.runs.RunAdmin.list_per_page", 2)
    runs = sorted((make_run(make_job(status="done").pk) for _ in range(3)), key=lambda run: run.pk.int, reverse=True)
    first = page.get("/admin/jobs/run/")
    assert ids(first) == [runs[0].pk, runs[1].pk]
    second = page.get("/admin/jobs/run/" + first.context["cl"].state.next_url)
    assert ids(second) == [runs[2].pk]
    back = page.get("/admin/jobs/run/" + second.context["cl"].state.previous_url)
    assert ids(back) == [runs[0].pk, runs[1].pk]
    assert "1 job, done" in text(back)
    assert "broken" in problems(page.get("/admin/jobs/run/?cursor=x"))


def test_a_cursor_whose_run_is_gone_is_said(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.admin.runs.RunAdmin.list_per_page", 1)
    runs = [make_run() for _ in range(2)]
    url = "/admin/jobs/run/" + page.get("/admin/jobs/run/").context["cl"].state.next_url
    for run in runs:
        run.delete()
    assert "broken" in problems(page.get(url))


def test_without_any_run_it_says_what_makes_one(page: Client) -> None:
    assert "Every sync, backfill or backup that somebody starts" in text(page.get("/admin/jobs/run/"))
