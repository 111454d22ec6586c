"""Cancelling from the pages: what is said before, what may not be done, and what is told afterwards."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from jobs import cancel_rules
from jobs.models import Dispatch, Job
from opsconsole.audit import AuditLog
from tests.admin.conftest import browser_of
from tests.admin.reading import live_address, messages, recently, text
from tests.api.cast import ledger_state, make_attempt
from tests.api.test_job_cancel import running_core_job, running_own_job
from tests.cast import NOW, make_identity, make_job

LIST = "/admin/jobs/job/"
NOT_BEGUN, GOES_ON, ASKED_TO_END = "NOT_BEGUN", "GOES_ON", "ASKED_TO_END"


def question(page: Client, job: Job, query: str = "") -> Any:
    response = page.get(f"{LIST}{job.pk}/cancel/{query}")
    assert response.status_code == 200
    return response


def cancel(page: Client, job: Job, shown: str, query: str = "", **data: Any) -> Any:
    """Send the form of a question in which these effects were shown."""
    return page.post(f"{LIST}{job.pk}/cancel/{query}", {"shown": shown, **data}, follow=True)


@pytest.fixture
def terminating(operator: User) -> Client:
    """The browser of an operator who may also terminate."""
    operator.user_permissions.add(Permission.objects.get(codename="terminate_job"))
    return browser_of(operator)


# --- what is said before ------------------------------------------------------------------------------------------


def test_it_asks_in_words_and_changes_nothing_by_looking(page: Client) -> None:
    job = make_job(status="queued", payload={"identity_id": make_identity("Alice").pk})
    before = ledger_state()
    response = question(page, job)
    words = text(response)
    for part in (f"Cancel job {job.pk}?", f"Sync #{job.pk}", "Alice", "It has not begun, and will not run.", "Reason"):
        assert part in words, part
    assert f'name="shown" value="{NOT_BEGUN}"' in response.content.decode()
    assert ledger_state() == before
    assert not AuditLog.objects.exists()


def test_of_what_was_handed_over_it_says_that_the_workers_are_told(page: Client) -> None:
    job = make_job(status="queued")
    make_attempt(job.pk)
    assert "The workers are told not to begin it" in text(question(page, job))


def test_of_a_type_that_the_catalog_lacks_it_says_that_nobody_knows(page: Client) -> None:
    assert cancel_rules.MAY_BEGIN in text(question(page, make_job("custom.thing", status="queued")))


def test_of_an_own_task_it_says_that_it_is_asked_to_end(page: Client) -> None:
    words = text(question(page, running_own_job()))
    assert "It is running, and is asked to end." in words
    assert "it is shown as cancelling" in words


def test_of_a_core_task_it_warns_that_its_work_may_go_on(page: Client) -> None:
    words = text(question(page, running_core_job()))
    assert cancel_rules.GOES_ON in words
    assert "Also kill the process" not in words


def test_who_may_terminate_is_offered_it_with_its_warning_where_there_is_a_process(terminating: Client) -> None:
    words = text(question(terminating, running_core_job()))
    assert "Also kill the process that runs it" in words
    assert cancel_rules.TERMINATE_WARNING in words
    for job in (make_job(status="queued"), running_own_job(), make_job(status="running")):
        assert "Also kill the process" not in text(question(terminating, job))


@pytest.mark.parametrize(
    ("job", "sentence"),
    [
        ({"status": "done"}, "This job is done; only one that has not ended can be cancelled."),
        ({"status": "queued", "job_type": "send_manual"}, "Delete the message in its conversation."),
    ],
)
def test_where_nothing_can_be_cancelled_it_says_why_and_has_no_button(
    page: Client, job: dict[str, Any], sentence: str
) -> None:
    response = question(page, make_job(**job))
    assert sentence in text(response)
    assert "oc-danger" not in response.content.decode()


@pytest.mark.parametrize("given", ["99999", "abc", str(2**70), "-1"])
@pytest.mark.parametrize("verb", ["cancel", "fail"])
def test_a_job_that_does_not_exist_is_a_page_that_says_so(page: Client, verb: str, given: str) -> None:
    for method in (page.get, page.post):
        response = method(f"{LIST}{given}/{verb}/")
        assert response.status_code == 404
        assert "There is no job" in text(response)


# --- what it does -------------------------------------------------------------------------------------------------


def test_a_job_that_waits_is_cancelled_and_its_page_says_so(page: Client) -> None:
    job = make_job(status="queued")
    response = cancel(page, job, NOT_BEGUN, reason="Not\x00 needed. ")
    assert response.redirect_chain == [(f"{LIST}{job.pk}/change/", 302)]
    assert messages(response) == [f"Cancelled. Job {job.pk}"]
    assert "Cancelled since" in text(response)
    assert "oc-good" not in response.content.decode().split('id="job-live"')[1].split("</section>")[0]
    entry = AuditLog.objects.get()
    assert (entry.action_type, entry.result) == ("job.cancel", "ok")
    asked = {"job_id": job.pk, "terminate": False, "by": "olivia", "via": "admin", "reason": "Not needed."}
    assert entry.request_json == asked


def test_an_own_task_is_shown_as_cancelling_until_it_has_ended(page: Client) -> None:
    job = running_own_job()
    response = cancel(page, job, ASKED_TO_END)
    assert "Cancelling: its task has been asked to end" in messages(response)[0]
    words = text(response)
    assert "Cancelling asked to end just now" in recently(words)
    assert "Cancel…" not in words
    live = response.content.decode().split('id="job-live"')[1].split("</section>")[0]
    assert "oc-good" not in live
    assert "Running" not in live
    listed = page.get(LIST)
    assert "Cancelling Housekeeping" in text(listed)
    assert f'value="{job.pk}"' not in listed.content.decode()
    assert Job.objects.get(pk=job.pk).status == "running"


def test_the_page_of_a_job_is_loaded_again_once_it_is_being_cancelled(page: Client) -> None:
    job = running_own_job()
    live_url = live_address(page.get(f"{LIST}{job.pk}/change/"))
    assert "HX-Refresh" not in page.get(live_url)
    cancel(page, job, ASKED_TO_END)
    assert page.get(live_url)["HX-Refresh"] == "true"


def test_a_core_task_is_cancelled_with_a_warning(page: Client) -> None:
    job = running_core_job()
    response = cancel(page, job, GOES_ON)
    assert messages(response) == [f"Cancelled. {cancel_rules.GOES_ON} Job {job.pk}"]
    assert Job.objects.get(pk=job.pk).status == "cancelled"


def test_a_core_task_is_terminated_by_those_who_may(terminating: Client) -> None:
    job = running_core_job()
    response = cancel(terminating, job, GOES_ON, terminate="yes")
    assert cancel_rules.TERMINATED in messages(response)[0]
    assert (AuditLog.objects.get().request_json or {})["terminate"] is True


def test_terminating_without_the_permission_is_forbidden(page: Client) -> None:
    job = running_core_job()
    before = ledger_state()
    assert cancel(page, job, GOES_ON, terminate="yes").status_code == 403
    assert ledger_state() == before
    assert not AuditLog.objects.exists()


def test_a_job_that_has_ended_meanwhile_says_so_and_it_is_written_down(page: Client) -> None:
    job = make_job(status="done")
    response = cancel(page, job, NOT_BEGUN)
    sentence = "This job is done; only one that has not ended can be cancelled."
    assert messages(response) == [f"Job {job.pk}: {sentence}"]
    entry = AuditLog.objects.get()
    assert (entry.action_type, entry.result, entry.error_detail) == ("job.cancel", "error", sentence)


def test_a_job_that_has_begun_meanwhile_is_asked_about_again(page: Client) -> None:
    job = running_core_job()
    before = ledger_state()
    response = cancel(page, job, NOT_BEGUN, reason="Not needed.")
    assert response.status_code == 409
    words = text(response)
    assert "Things have changed since this page was loaded." in words
    assert cancel_rules.GOES_ON in words
    assert "Not needed." in words
    assert ledger_state() == before
    assert not AuditLog.objects.exists()


def test_a_form_that_was_not_asked_for_changes_nothing(page: Client) -> None:
    job = make_job(status="queued")
    response = page.post(f"{LIST}{job.pk}/cancel/")
    assert response.status_code == 200
    assert "It has not begun, and will not run." in text(response)
    assert Job.objects.get(pk=job.pk).status == "queued"


def test_from_the_list_it_leads_back_there_with_its_filter(page: Client) -> None:
    job = make_job(status="queued")
    query = "?back=list&_changelist_filters=status%3Dqueued%26q%3Dsync"
    assert f'href="{LIST}?status=queued&amp;q=sync"' in question(page, job, query).content.decode()
    assert cancel(page, job, NOT_BEGUN, query).redirect_chain == [(f"{LIST}?status=queued&q=sync", 302)]


def test_no_address_leads_to_another_host(page: Client) -> None:
    job = make_job(status="queued")
    response = page.post(f"{LIST}{job.pk}/cancel/?back=list&_changelist_filters=//evil.example", {"shown": NOT_BEGUN})
    assert response["Location"].startswith(LIST)


# --- several ------------------------------------------------------------------------------------------------------


def choose(page: Client, action: str, *ids: Any, query: str = "?status=queued") -> Any:
    data = {"action": action, "index": 0, "_selected_action": list(ids)}
    return page.post(f"{LIST}{query}", data, follow=True)


def test_ticking_leads_to_a_page_that_says_what_will_become_of_each(page: Client) -> None:
    waiting = [make_job(status="queued") for _ in range(2)]
    own, core, send = running_own_job(), running_core_job(), make_job("send_manual", status="queued")
    before = ledger_state()
    response = choose(page, "cancel_selected", *(job.pk for job in (*waiting, own, core, send)), 999_999, "abc")
    (url, status) = response.redirect_chain[0]
    assert url.startswith(f"{LIST}cancel/?job={waiting[0].pk}&job=")
    assert (status, response.status_code) == (302, 200)
    words = text(response)
    for part in (
        "Cancel selected jobs?",
        "2 jobs have not begun, and will not run.",
        "1 job is running, and is asked to end.",
        "1 job is running, and is cancelled at once.",
        "1 job left out: A job of this type can't be cancelled here",
        "Cancel 4 jobs",
    ):
        assert part in words, part
    body = response.content.decode()
    assert f'name="job" value="{own.pk}"' in body
    assert f'name="job" value="{send.pk}"' not in body
    assert ledger_state() == before


def test_several_are_cancelled_and_what_was_refused_is_told_by_reason(page: Client) -> None:
    waiting = [make_job(status="queued") for _ in range(2)]
    own, done = running_own_job(), [make_job(status="done") for _ in range(2)]
    response = page.post(
        f"{LIST}cancel/?_changelist_filters=status%3Dqueued",
        {
            "shown": f"{NOT_BEGUN},{ASKED_TO_END}",
            "job": [job.pk for job in (*waiting, own, *done)],
            "reason": "By mistake.",
        },
        follow=True,
    )
    assert response.redirect_chain == [(f"{LIST}?status=queued", 302)]
    told = messages(response)
    assert told[0] == "2 jobs cancelled. 1 job cancelling: its task has been asked to end. 2 jobs not cancelled."
    assert told[1] == (
        f"Not cancelled: jobs {done[0].pk}, {done[1].pk}. "
        "This job is done; only one that has not ended can be cancelled."
    )
    assert len(told) == 2
    assert Job.objects.filter(status="cancelled").count() == 2
    assert {(entry.request_json or {})["reason"] for entry in AuditLog.objects.all()} == {"By mistake."}
    assert AuditLog.objects.count() == 5


def test_of_several_a_new_kind_of_effect_is_asked_about_again(page: Client) -> None:
    queued, core = make_job(status="queued"), running_core_job()
    response = page.post(f"{LIST}cancel/", {"shown": NOT_BEGUN, "job": [queued.pk, core.pk]})
    assert response.status_code == 409
    assert Job.objects.get(pk=queued.pk).status == "queued"


def test_terminating_several_takes_the_permission(page: Client, terminating: Client) -> None:
    core, queued = running_core_job(), make_job(status="queued")
    data = {"shown": f"{GOES_ON},{NOT_BEGUN}", "job": [core.pk, queued.pk], "terminate": "yes"}
    assert browser_of(User.objects.create_user("paul", is_staff=True)).post(f"{LIST}cancel/", data).status_code == 403
    assert "Also kill the process" in text(terminating.get(f"{LIST}cancel/?job={core.pk}&job={queued.pk}"))
    response = terminating.post(f"{LIST}cancel/", data, follow=True)
    assert messages(response) == [f"2 jobs cancelled. {cancel_rules.TERMINATED}"]
    assert not AuditLog.objects.filter(result="error").exists()


@pytest.mark.parametrize("given", [[], ["abc"], ["\x00"], [str(2**80)], ["999999"]])
def test_when_nothing_is_left_to_be_cancelled_it_says_so(page: Client, given: list[str]) -> None:
    response = page.get(f"{LIST}cancel/", {"job": given})
    assert "There is nothing to do here any more." in text(response)
    assert "oc-danger" not in response.content.decode()
    response = page.post(f"{LIST}cancel/", {"shown": "nothing", "job": given}, follow=True)
    assert messages(response)[0].startswith("0 jobs cancelled.")


def test_all_that_match_are_never_cancelled(page: Client) -> None:
    ticked, other = make_job(status="queued"), make_job(status="queued")
    data = {"action": "cancel_selected", "index": 0, "_selected_action": [ticked.pk], "select_across": 1}
    response = page.post(LIST, data, follow=True)
    assert f'value="{other.pk}"' not in response.content.decode()


# --- who may, and where it is offered -----------------------------------------------------------------------------


def test_a_row_offers_only_what_can_be_done_to_it(page: Client) -> None:
    queued, own, send = make_job(status="queued"), running_own_job(), make_job("send_manual", status="queued")
    Job.objects.update(updated_at=timezone.now())
    failed, done = make_job(), make_job(status="done")
    body = page.get(LIST).content.decode()
    offered = {
        job.pk: [verb for verb in ("retry", "cancel", "fail") if f"{LIST}{job.pk}/{verb}/" in body]
        for job in (queued, own, send, failed, done)
    }
    assert offered == {queued.pk: ["cancel"], own.pk: ["cancel"], send.pk: [], failed.pk: ["retry"], done.pk: []}
    ticked = {job.pk for job in (queued, own, send, failed, done) if f'value="{job.pk}"' in body}
    assert ticked == {queued.pk, own.pk, failed.pk}
    assert f'href="{LIST}{queued.pk}/cancel/?back=list&amp;' in body


def test_a_jobs_page_says_why_it_can_not_be_cancelled(page: Client) -> None:
    job = make_job("message.send_manual", status="queued", updated_at=timezone.now())
    response = page.get(f"{LIST}{job.pk}/change/")
    assert "A job of this type can't be cancelled here" in text(response)
    assert "Delete the message in its conversation." in text(response)
    assert "/cancel/" not in response.content.decode()


@pytest.mark.parametrize("verb", ["cancel", "fail"])
def test_a_viewer_sees_no_button_and_comes_through_no_door(viewing: Client, verb: str) -> None:
    job = make_job(status="queued")
    before = ledger_state()
    for url in (LIST, f"{LIST}{job.pk}/change/"):
        body = viewing.get(url).content.decode()
        assert f"/{verb}/" not in body
        assert 'name="_selected_action"' not in body
    for url in (f"{LIST}{job.pk}/{verb}/", f"{LIST}{verb}/?job={job.pk}"):
        assert viewing.get(url).status_code == 403
        assert viewing.post(url, {"shown": "NOT_BEGUN,stuck", "job": [job.pk], "reason": "x"}).status_code == 403
    response = choose(viewing, f"{verb}_selected", job.pk)
    assert "/cancel/" not in str(response.redirect_chain)
    assert ledger_state() == before
    assert not AuditLog.objects.exists()


def test_who_may_only_cancel_is_offered_nothing_else(db: None) -> None:
    user = User.objects.create_user("paul", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=("view_job", "cancel_job")))
    page, job, failed = browser_of(user), make_job(status="queued"), make_job()
    response = page.get(LIST)
    body = response.content.decode()
    assert f"{LIST}{job.pk}/cancel/" in body
    assert f"{LIST}{job.pk}/fail/" not in body
    assert f"{LIST}{failed.pk}/retry/" not in body
    assert f'value="{failed.pk}"' not in body
    assert [name for name, _ in response.context["action_form"].fields["action"].choices if name] == ["cancel_selected"]
    assert page.get(f"{LIST}{job.pk}/fail/").status_code == 403


@pytest.mark.parametrize("path", ["{job}/cancel/", "cancel/", "{job}/fail/", "fail/"])
def test_nothing_changes_without_a_csrf_token(operator: User, path: str) -> None:
    client = browser_of(operator, enforce_csrf_checks=True)
    job = make_job(status="queued")
    data = {"shown": "NOT_BEGUN,stuck", "job": [job.pk], "reason": "x"}
    assert client.post(LIST + path.format(job=job.pk), data).status_code == 403
    assert Job.objects.get(pk=job.pk).status == "queued"


# --- what is shown of it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "words"),
    [
        ({"result": {"status": "success", "new_messages": 312}}, "Its task returned 12 s later: 312 new messages"),
        ({"result": {"status": "skipped"}}, "Its task returned 12 s later: it returned"),
        ({"error": "KeyError: 'x'\nmore"}, "Its task returned 12 s later: KeyError: 'x'"),
        ({}, "Its task returned 12 s later: it ended"),
        ({"outcome": "failed", "error": "Set failed by olivia: gone"}, "Its task returned 12 s later: it ended"),
    ],
)
def test_an_attempt_says_what_its_task_left_behind(page: Client, left: dict[str, Any], words: str) -> None:
    job = make_job(status="cancelled")
    late = {"returned_at": NOW + timedelta(seconds=12), "outcome": "cancelled"} | left
    make_attempt(job.pk, started_at=NOW, ended_at=NOW, cancel_requested_at=NOW, publications=3, **late)
    shown = text(page.get(f"{LIST}{job.pk}/change/"))
    assert words in shown
    assert "sent 3 times" in shown
    assert "cancel asked for" in shown


def test_an_attempt_that_was_cancelled_has_a_look_of_its_own(page: Client) -> None:
    job = make_job(status="failed")
    make_attempt(job.pk, started_at=NOW, ended_at=NOW, outcome="cancelled")
    response = page.get(f"{LIST}{job.pk}/change/")
    assert "Cancelled asked for by olivia" in text(response)
    assert Dispatch.objects.get().returned_at is None
    assert "Its task returned" not in text(response)
