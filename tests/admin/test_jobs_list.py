"""The jobs list: tabs, filters in the address, pages by key, what each row says."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from jobs import counts
from opsconsole.errors import Refused
from tests.admin.reading import ids, problems, rows, text
from tests.api.cast import insert_job, make_attempt
from tests.cast import NOW, make_identity, make_job

URL = "/admin/jobs/job/"


def test_it_shows_the_newest_first_with_status_type_identity_and_error(page: Client) -> None:
    identity = make_identity("Alice")
    old = make_job(status="done")
    new = make_job(payload={"identity_id": identity.pk}, last_error="\n429 Too Many Requests\nmore", attempts=2)
    response = page.get(URL)
    assert ids(response) == [new.pk, old.pk]
    words = text(response)
    assert f"Failed Sync # {new.pk}".replace("# ", "#") in words
    assert "429 Too Many Requests" in words
    assert "more" not in words.split("429 Too Many Requests")[1][:20]
    assert "Alice" in words
    assert "2/3" in words


def test_a_job_whose_type_is_empty_is_not_taken_for_one_that_is_gone(page: Client) -> None:
    make_job("")
    words = text(page.get(URL))
    assert "Job without a type #" in words
    assert "not in the ledger" not in words


def test_tabs_have_the_counts_of_the_snapshot(page: Client) -> None:
    for status in ("failed", "failed", "done", "running"):
        make_job(status=status)
    counts.refresh(max_age_seconds=0)
    response = page.get(URL)
    assert {tab["word"]: tab.get("count") for tab in response.context["tabs"]} == {
        "All": 4,
        "Failed": 2,
        "Stuck": None,
        "Running": 1,
        "Retrying": 0,
        "Queued": 0,
        "Done": 1,
        "Cancelled": 0,
    }
    # All of them are on this page.
    assert "4 jobs" in text(response)
    assert [tab["word"] for tab in page.get(f"{URL}?status=failed").context["tabs"] if tab["active"]] == ["Failed"]


def test_an_estimated_total_says_as_of_when(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        make_job()
    counts.refresh(max_age_seconds=0)
    monkeypatch.setattr("jobs.admin.jobs.JobAdmin.list_per_page", 2)
    assert "about 3 jobs · as of " in text(page.get(URL))


def test_a_tab_shows_only_its_status_and_keeps_the_filters(page: Client) -> None:
    failed = make_job(queue_name="mail")
    make_job(status="done", queue_name="mail")
    make_job()
    response = page.get(f"{URL}?status=failed&queue_name=mail")
    assert ids(response) == [failed.pk]
    assert all("queue_name=mail" in tab["query"] for tab in response.context["tabs"])
    assert "Queue: mail" in text(response)


def test_counts_of_a_filtered_list_arrive_later(page: Client) -> None:
    make_job(queue_name="mail")
    make_job()
    response = page.get(f"{URL}?queue_name=mail")
    assert 'hx-get="/admin/jobs/job/counts/?queue_name=mail"' in response.content.decode()
    assert all(tab.get("count") is None for tab in response.context["tabs"])
    fragment = page.get("/admin/jobs/job/counts/?queue_name=mail")
    assert "All 1 Failed 1 Stuck Running 0" in text(fragment)
    assert "hx-get" not in fragment.content.decode()


def test_every_filter_restricts(page: Client) -> None:
    identity = make_identity("Alice")
    now = timezone.now()
    wanted = make_job(
        "ingest.backfill_messages",
        status="running",
        payload={"identity_id": identity.pk},
        queue_name="special",
        created_at=now,
        updated_at=now - timedelta(days=1),
    )
    make_job()
    for query in (
        "job_type=ingest.backfill_messages",
        "queue_name=special",
        f"identity_id={identity.pk}",
        "stuck=true",
        "q=BACKFILL_mess",
        f"created_after={now:%Y-%m-%dT%H:%M}",
        f"created_after={now - timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}Z&created_before=2199-01-01T00:00",
    ):
        response = page.get(f"{URL}?{query}")
        assert response.status_code == 200, query
        assert ids(response) == [wanted.pk], query


def test_filters_read_as_words_and_can_be_taken_back_one_by_one(page: Client) -> None:
    identity = make_identity("Alice")
    response = page.get(f"{URL}?status=failed,done&identity_id={identity.pk}&job_type=custom.thing&stuck=true&q=x")
    words = text(response)
    assert "Status: failed or done" in words
    assert "Identity: Alice" in words
    assert "Type: custom.thing" in words
    assert "Only stuck ones" in words
    chip = next(one for one in response.context["cl"].state.form.applied() if one.words == "Identity: Alice")
    assert chip.url_without == "?status=failed%2Cdone&q=x&job_type=custom.thing&stuck=true"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("status=banana", "“banana” is not a status; allowed are queued, running"),
        ("identity_id=abc", "Identity: This must be a whole number from 1 to 9223372036854775807."),
        ("identity_id=-1", "Identity: This must be a whole number"),
        (f"identity_id={2**70}", "Identity: This must be a whole number"),
        ("stuck=perhaps", "“perhaps” is neither true nor false"),
        ("created_after=yesterday", "This must be a moment in UTC"),
        ("created_after=0001-01-01T00:00", "The year must be 1970–2200 in UTC, not 1."),
        ("created_before=2026-01-01T00:00:00%2B99:99", "This must be a moment in UTC"),
        ("q=%00", "Null characters are not allowed"),
        ("job_type=%00", "NUL character"),
        ("job_type=" + "x" * 100, "more than 64 characters"),
        ("cursor=nonsense", "The cursor is broken"),
        ("cursor=" + "x" * 5000, "The cursor is broken"),
    ],
)
def test_what_is_wrong_with_the_address_is_said_in_a_sentence(page: Client, query: str, sentence: str) -> None:
    make_job()
    response = page.get(f"{URL}?{query}")
    assert sentence in problems(response)
    assert rows(response) == []
    assert "The list can't be shown like this" in text(response)
    assert page.get(f"/admin/jobs/job/counts/?{query}").status_code == 200


def test_parameters_that_nobody_knows_are_ignored(page: Client) -> None:
    job = make_job()
    assert ids(page.get(f"{URL}?status__exact=done&o=1.2&p=99&all=&e=1&_facets=1&foo[]=bar")) == [job.pk]


def test_pages_follow_each_other_without_gaps_and_lead_back(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.admin.jobs.JobAdmin.list_per_page", 2)
    jobs = [make_job(queue_name="mail").pk for _ in range(5)][::-1]
    seen, url = [], f"{URL}?queue_name=mail"
    for _ in range(3):
        response = page.get(url)
        seen.append(ids(response))
        url = URL + response.context["cl"].state.next_url
    assert seen == [jobs[:2], jobs[2:4], jobs[4:]]
    assert response.context["cl"].state.next_url == ""
    back = page.get(URL + response.context["cl"].state.previous_url)
    assert ids(back) == jobs[2:4]
    first = page.get(URL + back.context["cl"].state.previous_url)
    assert ids(first) == jobs[:2]
    assert first.context["cl"].state.previous_url == ""
    cursor = seen and back.context["cl"].state.next_url.split("cursor=")[1]
    assert "another list" in problems(page.get(f"{URL}?cursor={cursor}"))


def test_a_filter_that_takes_too_long_is_said_on_the_page(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*args: Any, **kwargs: Any) -> Any:
        raise Refused("No index carries this filter.", code="filter_too_slow")

    monkeypatch.setattr("jobs.queries.page", slow)
    monkeypatch.setattr("jobs.queries.count_by_status", slow)
    assert "No index carries this filter." in problems(page.get(f"{URL}?q=x"))
    assert "takes too long" in text(page.get("/admin/jobs/job/counts/?q=x"))


def test_an_empty_ledger_says_what_would_fill_it(page: Client) -> None:
    assert "No jobs yet" in text(page.get(URL))


def test_filters_that_match_nothing_can_be_cleared(page: Client) -> None:
    make_job()
    response = page.get(f"{URL}?q=nothing-like-this")
    assert "Nothing matches these filters" in text(response)
    assert '<a class="oc-button" href="?">' in response.content.decode()


def test_only_what_can_be_retried_has_a_button_and_a_box(page: Client) -> None:
    failed, done = make_job(), make_job(status="done")
    ambiguous = make_job("custom.thing")
    body = page.get(URL).content.decode()
    assert f'formaction="/admin/jobs/job/{failed.pk}/retry/' in body
    assert f'value="{failed.pk}"' in body
    for other in (done, ambiguous):
        assert f"/admin/jobs/job/{other.pk}/retry/" not in body
        assert f'value="{other.pk}"' not in body


def test_a_running_job_shows_how_far_it_has_come(page: Client) -> None:
    job = make_job(status="running")
    make_attempt(
        job.pk,
        started_at=NOW,
        published_at=NOW,
        progress_current=500,
        progress_total=2000,
        progress_unit="messages",
        progress_source="reported",
        progress_at=NOW,
    )
    response = page.get(URL)
    assert "500 of 2,000 messages (25 %)" in text(response)
    assert 'aria-valuenow="25"' in response.content.decode()


def test_rows_that_nobody_expected_are_shown(page: Client) -> None:
    far = timezone.now() + timedelta(days=900)
    insert_job("[1, 2]")
    insert_job('"text"')
    insert_job("null")
    insert_job('{"identity_id": 999999}', last_error="<script>alert(1)</script>")
    insert_job("{}", created_at=far, updated_at=far, last_error="x" * 1_000_000)
    response = page.get(URL)
    assert response.status_code == 200
    assert len(rows(response)) == 5
    body = response.content.decode()
    assert "<script>alert(1)" not in body
    assert "&lt;script&gt;alert(1)" in body
    assert "in 2" in text(response)
    assert len(body) < 300_000


def test_what_is_private_is_not_on_the_page(page: Client) -> None:
    make_job(payload={"body_text": "dear diary"}, last_error="Authorization: Bearer abcdefgh12345678ABCDEFGH")
    body = page.get(URL).content.decode()
    assert "dear diary" not in body
    assert "abcdefgh12345678" not in body
