"""All jobs that match the list's filters: what the page says will happen, and that it does."""

from typing import Any

import pytest
from django.test import Client

from jobs.attempts import Claim
from jobs.ledger_task import Attempt
from jobs.matching import preview
from jobs.matching.carrying_out import carry_out
from jobs.models import DONE, FAILED, QUEUED, BulkChange, Dispatch, Job, Run
from opsconsole.audit import AuditLog
from tests.admin.reading import messages, text
from tests.cast import make_credential, make_identity, make_job
from tests.matching.doing import failed_jobs

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/jobs/job/"
RETRY, CANCEL = f"{LIST}matching/retry/", f"{LIST}matching/cancel/"


@pytest.fixture
def jobs() -> list[Job]:
    """Seven failed jobs of Alice, who is connected, and one of somebody who is inactive."""
    alice, gone = make_identity("Alice"), make_identity("Gone", is_active=False)
    make_credential(alice)
    make_job(payload={"identity_id": gone.pk})
    return [make_job(payload={"identity_id": alice.pk, "n": n}) for n in range(7)]


def send(page: Client, url: str, shown: Any, **values: Any) -> Any:
    """Send the form of a page that was shown."""
    preview = shown.context["preview"]
    data = {"up_to_id": preview.selection.up_to_id, "expected": preview.matched, "reason": "It is back.", **values}
    return page.post(url, data, follow=True)


def carried_out() -> None:
    change = BulkChange.objects.get()
    dispatch = Dispatch.objects.get(job_id=change.pk)
    carry_out(Attempt(Claim(job_id=change.pk, dispatch_id=dispatch.pk)))


def test_the_page_says_in_words_what_will_happen_and_changes_nothing(page: Client, jobs: list[Job]) -> None:
    shown = page.get(RETRY)
    words = text(shown)
    for part in (
        "Retry all failed jobs that match?",
        "Status: failed",
        "8 jobs match now.",
        "7 will be queued again, counting their attempts from 0.",
        "By type Sync 7",
        "By identity Alice 7",
        "Left out 1 Its identity Gone is inactive; activate it first.",
        "No worker is known to listen on the queue ingest",
        "Retry 5 first and go on only if all of them succeed",
        "Retry 7 jobs",
    ):
        assert part in words, part
    assert set(Job.objects.values_list("status", flat=True)) == {FAILED}
    assert not AuditLog.objects.exists()


def test_where_only_some_were_looked_at_the_button_says_how_many_it_will_be_at_the_most(
    page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed_jobs(5)
    make_job("nobody.knows")
    monkeypatch.setattr(preview, "LOOKED_AT", 2)
    words = text(page.get(RETRY))
    assert "6 jobs match now. The oldest 2 of them were looked at one by one" in words
    assert "2 will be queued again" in words
    assert "Retry up to 6 jobs" in words


def test_the_click_makes_a_run_whose_page_says_how_it_goes(page: Client, jobs: list[Job]) -> None:
    shown = page.get(RETRY)
    answer = send(page, RETRY, shown)

    run = Run.objects.get()
    assert answer.redirect_chain == [(f"/admin/jobs/run/{run.pk}/change/", 302)]
    assert messages(answer) == ["1 job queued."] or "1 job queued." in messages(answer)[0]
    carried_out()
    assert set(Job.objects.filter(pk__in=[job.pk for job in jobs]).values_list("status", flat=True)) == {QUEUED}
    words = text(page.get(f"/admin/jobs/run/{run.pk}/change/"))
    assert "8 jobs matched · “It is back.”" in words
    assert "retried 7" in words
    assert "Left as they were 1 Its identity Gone is inactive; activate it first." in words


def test_the_lists_filters_narrow_it_down_and_stay(page: Client, jobs: list[Job]) -> None:
    make_job("ingest.backfill_messages")
    query = "?status=failed&job_type=ingest.backfill_messages"
    shown = page.get(RETRY + query)
    assert shown.context["preview"].matched == 1
    assert "Type: Backfill messages" in text(shown)
    send(page, RETRY + query, shown)
    assert BulkChange.objects.get().filter == {"status": ["failed"], "job_type": "ingest.backfill_messages"}


def test_when_the_number_has_moved_it_shows_what_is_so_now_and_keeps_the_reason(page: Client, jobs: list[Job]) -> None:
    shown = page.get(RETRY)
    Job.objects.filter(pk__in=[job.pk for job in jobs[:3]]).update(status=DONE)

    answer = send(page, RETRY, shown)

    assert answer.status_code == 409
    words = text(answer)
    assert "5 jobs match now, and not 8 as you have seen" in words
    assert "Retry 4 jobs" in words
    assert "It is back." in answer.content.decode()
    assert not Run.objects.exists()


def test_without_a_reason_nothing_is_done(page: Client, jobs: list[Job]) -> None:
    answer = send(page, RETRY, page.get(RETRY), reason=" ")
    assert answer.status_code == 400
    assert "Say why, as the reason" in text(answer)
    assert not Run.objects.exists()


def test_nothing_that_matches_is_said_with_a_way_back(page: Client) -> None:
    words = text(page.get(RETRY))
    assert "No job matches. There is nothing to retry." in words
    assert "Back" in words


def test_cancelling_says_what_goes_on(page: Client) -> None:
    make_job(status=QUEUED)
    make_job("message.send_manual", status=QUEUED, queue_name="messages")
    shown = page.get(CANCEL)
    words = text(shown)
    assert "2 jobs match now. 1 will be cancelled." in words
    assert "may go on until it ends by itself" in words
    assert "can't be cancelled here" in words
    send(page, CANCEL, shown)
    assert BulkChange.objects.get().verb == "cancel"


@pytest.mark.parametrize(
    ("query", "links"),
    [
        ("", ["Retry all failed that match…", "Cancel all active that match…"]),
        ("?status=failed", ["Retry all that match…"]),
        ("?status=queued", ["Cancel all that match…"]),
        ("?status=done", []),
        ("?stuck=true", ["Cancel all active that match…"]),
    ],
)
def test_the_list_leads_there_where_it_makes_sense(page: Client, query: str, links: list[str]) -> None:
    found = page.get(LIST + query).context["header_links"]
    assert [link["title"] for link in found] == links
    assert all(page.get(link["url"]).status_code == 200 for link in found)


def test_who_may_only_look_is_neither_led_there_nor_let_in(viewing: Client, jobs: list[Job]) -> None:
    assert viewing.get(LIST).context["header_links"] == []
    for url in (RETRY, CANCEL):
        assert viewing.get(url).status_code == 403
        assert viewing.post(url, {}).status_code == 403


def test_a_broken_filter_is_said(page: Client) -> None:
    answer = page.get(f"{RETRY}?status=nonsense")
    assert answer.status_code == 400
    assert "“nonsense” is not a status" in text(answer)


def test_the_page_takes_a_bounded_number_of_queries(
    page: Client, jobs: list[Job], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(16):
        page.get(RETRY)
