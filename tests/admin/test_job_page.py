"""A job's page: where it stands and why, what was tried, and what can be done."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from opsconsole.audit import Actor, Entity, record
from tests.admin.reading import ids, live_address, text
from tests.api.cast import insert_job, make_attempt, make_run
from tests.cast import NOW, make_identity, make_job


def shown(page: Client, pk: int) -> Any:
    response = page.get(f"/admin/jobs/job/{pk}/change/")
    assert response.status_code == 200
    return response


def test_it_says_where_the_job_stands_and_whom_it_concerns(page: Client) -> None:
    identity = make_identity("Alice")
    job = make_job(payload={"identity_id": identity.pk}, last_error="TimeoutError: no answer", attempts=3)
    run = make_run(job.pk)
    make_attempt(job.pk, requested_by="olivia", via="admin", ended_at=NOW)
    response = shown(page, job.pk)
    words = text(response)
    assert f"Sync #{job.pk}" in words
    assert "Failed since" in words
    assert "attempt 3/3" in words
    assert "TimeoutError: no answer" in words
    body = response.content.decode()
    assert f'href="/admin/identities/identity/{identity.pk}/change/"' in body
    assert f'href="/admin/jobs/run/{run.pk}/change/"' in body
    assert "olivia on these pages" in words
    assert f'action="/admin/jobs/job/{job.pk}/retry/"' in body


def test_each_attempt_has_its_times_worker_outcome_and_error(page: Client) -> None:
    job = make_job()
    make_attempt(
        job.pk,
        requested_at=NOW,
        published_at=NOW + timedelta(seconds=1),
        started_at=NOW + timedelta(seconds=3),
        ended_at=NOW + timedelta(seconds=63),
        worker="core@vm",
        outcome="failed",
        error="429 Too Many Requests",
        traceback="Traceback (most recent call last):\n  File x\nHTTPError: 429",
    )
    response = shown(page, job.pk)
    words = text(response)
    for part in ("waited 3.0 s", "ran 1 min 0 s", "worker core@vm", "429 Too Many Requests", "Traceback"):
        assert part in words, part
    assert "<details" in response.content.decode()


def test_between_two_tries_of_its_worker_it_is_retrying_with_the_error_and_the_time_of_the_next_one(
    page: Client,
) -> None:
    now = timezone.now()
    job = make_job(
        "scout.run_all_watches",
        queue_name="scout",
        status="retrying",
        attempts=1,
        last_error="ReadTimeout: the provider did not answer",
        next_run_at=now + timedelta(minutes=4, seconds=30),
        updated_at=now,
    )
    make_attempt(
        job.pk,
        published_at=now,
        started_at=now - timedelta(minutes=1),
        retrying_since=now,
        error="ReadTimeout: the provider did not answer",
    )
    words = text(shown(page, job.pk))
    assert f"Run all watches #{job.pk}" in words
    for part in ("ReadTimeout", "Its worker will retry it.", "Next attempt in 4 min", "tried for 1 min"):
        assert part in words, part
    assert words.count("Retrying") >= 2
    assert "Running" not in words
    assert "no worker was seen working on it" not in words


@pytest.mark.parametrize(
    ("job_type", "facts"),
    [
        (
            "ingest.sync_delta",
            "Can safely run more than once. Arguments: provider_id, identity_id. Concerns: an identity.",
        ),
        ("ingest.fetch_post", "Unknown whether it can safely run more than once. Arguments: unknown."),
        ("somebody.elses", "Unknown job type. Map it in OPS_JOB_TYPES."),
    ],
)
def test_it_says_what_is_known_about_its_type(page: Client, job_type: str, facts: str) -> None:
    assert f"About the type {facts}" in text(shown(page, make_job(job_type).pk))


def timed(job_id: int, seconds: int, **values: Any) -> None:
    ended_at = NOW + timedelta(seconds=seconds)
    make_attempt(job_id, **{"started_at": NOW, "ended_at": ended_at, "outcome": "done", **values})


def test_it_shows_how_long_the_last_attempts_of_its_type_took(page: Client) -> None:
    first, second, job = make_job(status="done"), make_job(), make_job(status="done")
    timed(first.pk, 90)
    timed(second.pk, 5, outcome="failed")
    timed(job.pk, 20)
    timed(make_job("custom.thing").pk, 500, task="custom.thing")
    make_attempt(make_job(status="queued").pk)
    response = shown(page, job.pk)
    words = text(response)
    assert "Run time of the last 3 attempts of this type" in words
    assert "From 1 min 30 s to 20 s; least 5.0 s, most 1 min 30 s." in words
    assert f"Job {second.pk}, 2026-01-31 12:00:05 UTC, failed: 5.0 s" in words
    assert "this one" in words
    body = response.content.decode()
    assert f'href="/admin/jobs/job/{first.pk}/change/"' in body
    assert body.count('class="oc-fill-bad"') == 1


def test_a_job_that_was_never_handed_over_is_compared_with_others_of_its_type(page: Client) -> None:
    for seconds in (10, 20):
        timed(make_job(status="done").pk, seconds)
    assert "Run time of the last 2 attempts of this type" in text(shown(page, make_job().pk))


@pytest.mark.parametrize("job_type", ["ingest.sync_delta", "nobody.knows"])
def test_with_nothing_to_compare_there_is_no_chart(page: Client, job_type: str) -> None:
    timed(make_job(status="done").pk, 10)
    assert "Run time of the last" not in text(shown(page, make_job(job_type).pk))


def test_it_says_why_a_job_can_not_be_retried(page: Client) -> None:
    job = make_job("custom.thing")
    response = shown(page, job.pk)
    assert "It can't be retried: Unknown job type custom.thing." in text(response)
    assert "/retry/" not in response.content.decode()


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        ({"published_at": None}, "Not yet handed over; the console does it within seconds."),
        ({"published_at": None, "publish_error": "refused"}, "Not yet handed over: the broker can't be reached."),
        ({"published_at": timezone.now()}, "Handed over to Celery; no worker was seen working on it yet."),
        ({"published_at": timezone.now() - timedelta(days=2)}, "its outcome is unknown"),
    ],
)
def test_it_says_how_far_the_handing_over_has_come(page: Client, attempt: dict[str, Any], sentence: str) -> None:
    job = make_job(status="queued")
    make_attempt(job.pk, **attempt)
    assert sentence in text(shown(page, job.pk))


def test_it_says_for_which_job_it_waits(page: Client) -> None:
    first, second = make_job(status="running"), make_job(status="queued")
    make_attempt(first.pk, serial_key="ingest:1", published_at=NOW)
    make_attempt(second.pk, serial_key="ingest:1", published_at=None)
    response = shown(page, second.pk)
    assert f"Waiting for job {first.pk}" in text(response)
    assert f'href="/admin/jobs/job/{first.pk}/change/"' in response.content.decode()


def test_the_part_that_moves_asks_again_until_the_job_has_ended(page: Client) -> None:
    job = make_job(status="running")
    response = shown(page, job.pk)
    body = response.content.decode()
    assert f'hx-get="/admin/jobs/job/{job.pk}/live/?was=' in body
    live_url = live_address(response)
    live = page.get(live_url)
    assert "HX-Refresh" not in live
    assert "Running" in text(live)
    job.status = "done"
    job.save()
    ended = page.get(live_url)
    assert ended["HX-Refresh"] == "true"
    assert "hx-get" not in ended.content.decode()
    assert "hx-get" not in shown(page, job.pk).content.decode().split('id="job-live"')[1].split(">")[0]


def test_the_live_part_of_a_job_that_is_gone_is_not_found(page: Client) -> None:
    assert page.get("/admin/jobs/job/99999/live/").status_code == 404


def test_it_shows_who_did_what_with_it(page: Client) -> None:
    job = make_job()
    record(
        actor=Actor(name="olivia", via="api"),
        action="job.retry",
        entity=Entity(type="job", id=job.pk),
        reason="token renewed",
        error="It was done already.",
    )
    words = text(shown(page, job.pk))
    assert "Refused job.retry" in words
    assert "olivia through the API · “token renewed”" in words
    assert "It was done already." in words


@pytest.mark.parametrize("payload", ["[1, 2]", '"text"', "null", "17", "{}", '{"identity_id": "x"}'])
def test_any_payload_is_shown(page: Client, payload: str) -> None:
    assert text(shown(page, insert_job(payload)))


@pytest.mark.parametrize("escape", [r"\u0000", r"\ud800"])
def test_an_escape_that_is_no_text_is_shown_where_a_column_can_hold_one(
    page: Client, variant: str, escape: str
) -> None:
    # json takes it; jsonb doesn't, but its backslash may be a text.
    pk = insert_job('{"a": "' + (escape if variant == "native" else "\\" + escape) + '"}')
    assert ids(page.get("/admin/jobs/job/")) == [pk]
    assert text(shown(page, pk))


def test_a_payload_is_shown_without_what_is_private(page: Client) -> None:
    pk = insert_job('{"identity_id": 999, "body_text": "dear diary", "deep": [{"password": "hunter2"}]}')
    body = shown(page, pk).content.decode()
    assert "dear diary" not in body
    assert "hunter2" not in body
    assert "[redacted]" in body
    assert "999 (gone)" in body


def test_an_error_is_text_whatever_is_in_it(page: Client) -> None:
    pk = insert_job("{}", last_error=r"<img src=x onerror=alert(1)> \u0000 \x00 </pre><script>alert(2)</script>")
    body = shown(page, pk).content.decode()
    assert "<img src=x" not in body
    assert "<script>alert(2)" not in body
    assert "&lt;img src=x onerror=alert(1)&gt;" in body


def test_a_huge_error_is_cut_and_says_so(page: Client) -> None:
    pk = insert_job("{}", last_error="first line\n" + "word " * 2_000_000)
    response = shown(page, pk)
    assert len(response.content) < 1_000_000
    assert "of 10,000,011 characters" in text(response)


def test_times_may_lie_ahead(page: Client) -> None:
    ahead = timezone.now() + timedelta(days=400)
    pk = insert_job("{}", created_at=ahead, updated_at=ahead, next_run_at=ahead)
    assert "since in 13 months" in text(shown(page, pk))


def test_every_time_is_exact_on_hover(page: Client) -> None:
    job = make_job()
    body = shown(page, job.pk).content.decode()
    assert 'datetime="2026-01-31T12:00:00Z" title="2026-01-31 12:00:00 UTC"' in body
