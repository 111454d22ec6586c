"""Retrying from the pages: one row, several rows, and what needs a confirmation."""

from typing import Any

import pytest
from django.test import Client

from devserver.redis import Redis
from jobs.models import Dispatch, Job
from opsconsole.audit import AuditLog
from opsconsole.permissions import OPERATORS
from tests.admin.conftest import browser_of
from tests.admin.reading import messages, text
from tests.api.cast import make_staff
from tests.cast import make_conversation, make_identity, make_job, make_message

LIST = "/admin/jobs/job/"


def retry_selected(page: Client, *ids: Any, **data: Any) -> Any:
    values = {"action": "retry_selected", "index": 0, "_selected_action": list(ids), **data}
    return page.post(f"{LIST}?status=failed", values, follow=True)


def ambiguous_job() -> Job:
    message = make_message(make_conversation(make_identity()), remote_visibility="unknown")
    return make_job("message.send_manual", payload={"message_id": message.pk}, last_error="AMBIGUOUS: read timed out")


def test_a_row_is_retried_and_the_list_keeps_its_filter(page: Client) -> None:
    job = make_job()
    filters = "_changelist_filters=status%3Dfailed%26q%3DTimeout"
    response = page.post(f"{LIST}{job.pk}/retry/?back=list&{filters}", follow=True)
    assert response.redirect_chain == [(f"{LIST}?status=failed&q=Timeout", 302)]
    (message,) = messages(response)
    assert message.startswith("Queued again. No worker is known to listen on the queue ingest")
    assert message.endswith(f"Job {job.pk}")
    assert f'href="{LIST}{job.pk}/change/"' in str(next(iter(response.context["messages"])))
    assert Job.objects.get(pk=job.pk).status == "queued"
    entry = AuditLog.objects.get()
    assert (entry.action_type, entry.request_json["by"], entry.request_json["via"]) == ("job.retry", "olivia", "admin")


def test_the_button_of_the_list_posts_to_where_the_filter_is_kept(page: Client) -> None:
    job = make_job()
    body = page.get(f"{LIST}?status=failed").content.decode()
    assert f'formaction="{LIST}{job.pk}/retry/?back=list&amp;_changelist_filters=status%3Dfailed"' in body


def test_from_a_jobs_page_it_leads_back_to_that_page(page: Client) -> None:
    job = make_job()
    response = page.post(f"{LIST}{job.pk}/retry/")
    assert response["Location"] == f"{LIST}{job.pk}/change/"


def test_no_address_leads_to_another_host(page: Client) -> None:
    job = make_job()
    response = page.post(f"{LIST}{job.pk}/retry/?back=list&next=//evil.example&_changelist_filters=//evil.example")
    assert response["Location"].startswith(LIST)


def test_looking_at_the_address_changes_nothing(page: Client) -> None:
    job = make_job()
    assert page.get(f"{LIST}{job.pk}/retry/").status_code == 405
    assert Job.objects.get(pk=job.pk).status == "failed"


def test_a_row_that_changed_meanwhile_says_so(page: Client) -> None:
    job = make_job(status="running")
    response = page.post(f"{LIST}{job.pk}/retry/?back=list", follow=True)
    assert messages(response) == [f"Job {job.pk}: This job is running already; only a failed job can be retried."]


@pytest.mark.parametrize("given", ["99999", "abc", str(2**70)])
def test_a_job_that_does_not_exist_is_a_message(page: Client, given: str) -> None:
    response = page.post(f"{LIST}{given}/retry/?back=list", follow=True)
    assert "There is no job" in messages(response)[0]


def test_what_may_take_effect_twice_asks_first(page: Client) -> None:
    job = ambiguous_job()
    response = page.post(f"{LIST}{job.pk}/retry/")
    assert response.status_code == 200
    assert "sending it again may send it twice" in text(response)
    assert f"Retry job {job.pk} all the same" in text(response)
    assert Job.objects.get(pk=job.pk).status == "failed"
    assert not AuditLog.objects.exists()

    response = page.post(f"{LIST}{job.pk}/retry/", {"confirm": "yes", "reason": "looked\x00 it up"}, follow=True)
    assert Job.objects.get(pk=job.pk).status == "queued"
    assert AuditLog.objects.get().request_json["reason"] == "looked it up"


def test_several_are_retried_at_once_and_each_refusal_is_told(page: Client) -> None:
    first, second, running = make_job(), make_job(), make_job(status="running")
    unsure = ambiguous_job()
    response = retry_selected(page, first.pk, second.pk, running.pk, unsure.pk)
    assert response.redirect_chain == [(f"{LIST}?status=failed", 302)]
    told = messages(response)
    assert told[0] == "2 jobs queued again."
    assert f"Not retried: job {running.pk}. This job is running already" in told[1]
    assert f"Not retried: job {unsure.pk}. " in told[2]
    assert Job.objects.filter(status="queued").count() == 2


def test_all_that_match_are_never_retried(page: Client) -> None:
    ticked, other = make_job(), make_job()
    retry_selected(page, ticked.pk, select_across=1)
    assert Job.objects.get(pk=ticked.pk).status == "queued"
    assert Job.objects.get(pk=other.pk).status == "failed"


@pytest.mark.parametrize("given", [["abc"], ["-1"], [str(2**80)], ["\x00"], []])
def test_ids_that_are_none_are_a_message(page: Client, given: list[str]) -> None:
    job = make_job()
    response = retry_selected(page, *given)
    assert response.status_code == 200
    assert messages(response)
    assert Job.objects.get(pk=job.pk).status == "failed"


def test_an_action_that_does_not_exist_does_nothing(page: Client) -> None:
    job = make_job()
    response = page.post(LIST, {"action": "delete_selected", "index": 0, "_selected_action": [job.pk]}, follow=True)
    assert messages(response) == ["No action selected."]
    assert Job.objects.filter(pk=job.pk).exists()


def test_more_than_a_page_is_cut_to_what_one_page_can_hold(page: Client) -> None:
    jobs = [make_job().pk for _ in range(3)]
    response = retry_selected(page, *[10_000_000 + n for n in range(200)], *jobs)
    assert 0 < len(messages(response)) <= 10
    assert not Job.objects.filter(status="queued").exists()


def test_with_the_broker_down_it_is_accepted_and_says_so(transactional_db: None, redis_server: Redis) -> None:
    page = browser_of(make_staff("olivia", OPERATORS))
    job = make_job()
    redis_server.stop()
    try:
        response = page.post(f"{LIST}{job.pk}/retry/")
    finally:
        redis_server.start()
    assert response.status_code == 302
    page = browser_of(make_staff("oscar", OPERATORS))
    assert Job.objects.get(pk=job.pk).status == "queued"
    assert Dispatch.objects.get(job_id=job.pk).published_at is None
    assert "the broker can't be reached" in text(page.get(f"{LIST}{job.pk}/change/"))
