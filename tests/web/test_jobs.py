"""Jobs on the page: read, retried, cancelled and marked as failed, one or all of a filter, by mouse and by keyboard."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from jobs import counts
from jobs.models import Job
from tests.browser.keyboard import tab_to
from tests.cast import make_conversation, make_job, make_message
from tests.matching.doing import connected, failed_jobs
from tests.web.relay import Relay
from tests.web.windows import Windows, panel, visit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]


def row_of(page: Page, job: int) -> Locator:
    row: Locator = panel(page, "Jobs").locator(f"tr[data-job='{job}']")
    return row


def status_of(job: int) -> str:
    return Job.objects.get(pk=job).status


def test_a_failed_job_is_read_retried_and_watched_until_it_is_done(
    as_operator: Page, core_worker: Callable[..., Any], sweeper: Callable[..., Any]
) -> None:
    page, identity = as_operator, connected("Alice")
    error = "TimeoutError: no answer\n" + "  in a line of the provider's\n" * 50
    job = make_job(payload={"identity_id": identity.pk, "provider_id": "reddit"}, last_error=error)
    other = make_job(payload={"identity_id": identity.pk, "n": 1}, status="done")
    core_worker(DEMO_PAGES_PER_SECOND="200")
    sweeper("--tick", "0.2")
    counts.refresh(max_age_seconds=0)
    visit(page, "/ops")
    panel(page, "Jobs").get_by_role("link", name=re.compile("^Failed")).click()
    page.wait_for_url("**status=failed**")
    expect(row_of(page, other.pk)).to_have_count(0)
    row = row_of(page, job.pk)
    row.locator("summary").filter(has_text="TimeoutError: no answer").click()
    expect(row.get_by_role("region", name=f"Full text of error of job {job.pk}")).to_contain_text("of the provider's")
    row.get_by_role("button", name=f"Retry job {job.pk}").click()
    expect(row).to_contain_text("Changed: no longer failed")
    expect(row).to_contain_text("Done")
    assert status_of(job.pk) == "done"


def test_all_failed_jobs_are_retried_after_a_preview_and_all_waiting_ones_cancelled(
    as_operator: Page, console_worker: Callable[..., Any], sweeper: Callable[..., Any]
) -> None:
    page, jobs = as_operator, failed_jobs(7)
    console_worker()
    sweeper("--tick", "0.2")
    counts.refresh(max_age_seconds=0)
    visit(page, "/ops?status=failed")
    panel(page, "Jobs").get_by_role("button", name="Retry failed jobs…").click()
    dialog = page.get_by_role("alertdialog", name="Retry 7 jobs")
    expect(dialog.get_by_role("region", name="Preview")).to_contain_text("7 jobs match")
    act = dialog.get_by_role("button", name="Retry 7 jobs")
    act.click()
    expect(dialog).to_contain_text("Enter a reason.")
    dialog.get_by_label("Reason").fill("the provider is back")
    act.click()
    expect(panel(page, "Jobs")).to_contain_text("7 retried")
    assert set(Job.objects.filter(pk__in=jobs).values_list("status", flat=True)) == {"queued"}
    # The tab's number comes with the sweeper's next count.
    panel(page, "Jobs").get_by_role("link", name=re.compile("^Queued 7")).click()
    panel(page, "Jobs").get_by_role("button", name="Cancel queued jobs…").click()
    dialog = page.get_by_role("alertdialog", name="Cancel 7 jobs")
    dialog.get_by_label("Reason").fill("the provider is gone again")
    dialog.get_by_role("button", name="Cancel 7 jobs").click()
    expect(panel(page, "Jobs")).to_contain_text("7 cancelled")
    assert set(Job.objects.filter(pk__in=jobs).values_list("status", flat=True)) == {"cancelled"}


def test_the_list_is_filtered_and_paged_and_its_address_says_so(windows: Windows, session: str) -> None:
    page = windows.open(session, permissions=["clipboard-read", "clipboard-write"])
    oldest = make_job("message.send_manual", status="done", payload={"n": 0})
    for n in range(50):
        make_job(payload={"n": n})
    counts.refresh(max_age_seconds=0)
    visit(page, "/ops")
    jobs = panel(page, "Jobs")
    expect(page).to_have_title(re.compile(r"\(50\)"))
    expect(jobs.get_by_role("row")).to_have_count(51)
    expect(row_of(page, oldest.pk)).to_have_count(0)
    jobs.get_by_role("link", name="Next page").click()
    expect(jobs).to_contain_text(re.compile("Job 51 of (about )?51"))
    visit(page, page.url)
    row_of(page, oldest.pk).get_by_role("link").first.click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Copied.", exact=True)).to_have_count(1)
    link = page.evaluate("navigator.clipboard.readText()")
    page.go_back()
    expect(sheet).to_have_count(0)
    visit(page, link)
    expect(sheet.get_by_role("heading", name=f"#{oldest.pk}")).to_be_visible()
    page.keyboard.press("Escape")
    jobs.get_by_label("Type", exact=True).fill("message.send_manual")
    jobs.get_by_role("button", name="Filter").click()
    page.wait_for_url("**type=message.send_manual**")
    expect(jobs.get_by_role("row")).to_have_count(2)
    jobs.get_by_role("link", name="Clear filters").click()
    expect(jobs.get_by_role("row")).to_have_count(51)


def test_a_waiting_job_is_cancelled_and_a_stuck_one_marked_as_failed_with_a_reason(as_operator: Page) -> None:
    page, identity = as_operator, connected("Alice")
    waiting = make_job(payload={"identity_id": identity.pk, "n": 1}, status="queued", updated_at=timezone.now())
    stuck = make_job(
        payload={"identity_id": identity.pk, "n": 2},
        status="running",
        updated_at=timezone.now() - timedelta(hours=3),
    )
    counts.refresh(max_age_seconds=0)
    visit(page, "/ops")
    row_of(page, waiting.pk).get_by_role("button", name=f"Cancel job {waiting.pk}").click()
    dialog = page.get_by_role("alertdialog", name="Cancel job")
    expect(dialog).to_contain_text("Cancels the job before it runs.")
    dialog.get_by_role("button", name="Keep job").click()
    expect(dialog).to_have_count(0)
    assert status_of(waiting.pk) == "queued"
    row_of(page, waiting.pk).get_by_role("button", name=f"Cancel job {waiting.pk}").click()
    dialog.get_by_role("button", name="Cancel job").click()
    expect(row_of(page, waiting.pk)).to_contain_text("Cancelled")
    assert status_of(waiting.pk) == "cancelled"

    row = row_of(page, stuck.pk)
    expect(row).to_contain_text("Stuck")
    row.get_by_role("button", name=f"Mark as failed: job {stuck.pk}").click()
    dialog = page.get_by_role("alertdialog", name="Mark as failed")
    dialog.get_by_role("button", name="Mark as failed").click()
    expect(dialog).to_contain_text("Enter a reason.")
    dialog.get_by_label("Reason").fill("The worker was killed.")
    dialog.get_by_role("button", name="Mark as failed").click()
    expect(row).to_contain_text("The worker was killed.")
    expect(row.get_by_role("button", name=f"Retry job {stuck.pk}")).to_be_visible()
    assert status_of(stuck.pk) == "failed"


def test_a_job_that_may_have_taken_effect_is_retried_only_after_a_confirmation(as_operator: Page) -> None:
    page, identity = as_operator, connected("Alice")
    message = make_message(make_conversation(identity), remote_visibility="unknown")
    job = make_job(
        "message.send_manual",
        queue_name="messages",
        payload={"identity_id": identity.pk, "message_id": message.pk},
        last_error="AMBIGUOUS: worker lost",
        max_attempts=1,
    )
    visit(page, "/ops")
    row_of(page, job.pk).get_by_role("button", name=f"Retry job {job.pk}").click()
    dialog = page.get_by_role("alertdialog", name="Retry job")
    expect(dialog).to_contain_text("twice")
    assert status_of(job.pk) == "failed"
    dialog.get_by_role("button", name="Retry job").click()
    expect(dialog).to_have_count(0)
    expect(row_of(page, job.pk)).to_contain_text("Queued")
    assert status_of(job.pk) == "queued"


def test_a_job_that_changes_while_its_dialog_is_open_says_so_and_is_left_alone(
    as_operator: Page, windows: Windows, relay: Relay
) -> None:
    page, identity = as_operator, connected("Alice")
    windows.watched(page).expect_answers(409)
    job = make_job(payload={"identity_id": identity.pk, "n": 1}, status="queued", updated_at=timezone.now())
    visit(page, "/ops")
    # Until the page knows of the change, only the console does.
    with relay.holding(f"^/ops/jobs/{job.pk}$") as release:
        row_of(page, job.pk).get_by_role("button", name=f"Cancel job {job.pk}").click()
        dialog = page.get_by_role("alertdialog", name="Cancel job")
        expect(dialog).to_be_visible()
        Job.objects.filter(pk=job.pk).update(status="done", updated_at=timezone.now())
        dialog.get_by_role("button", name="Cancel job").click()
        expect(dialog.get_by_role("alert")).to_contain_text("This job is done")
        release()
    expect(dialog).to_contain_text("This job changed: Queued → Done.")
    expect(dialog.get_by_role("button", name="Cancel job")).to_have_attribute("aria-disabled", "true")
    dialog.get_by_role("button", name="Keep job").click()
    expect(row_of(page, job.pk)).to_contain_text("Done")
    assert status_of(job.pk) == "done"


def test_the_page_needs_no_mouse(as_operator: Page) -> None:
    page = as_operator
    newest, oldest = [make_job(payload={"n": n}) for n in (2, 1)][::-1]
    visit(page, "/ops")
    tab_to(page, f"ingest.sync_delta job {newest.pk}", element="a")
    page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog")
    expect(sheet.get_by_role("heading", name=f"#{newest.pk}")).to_be_visible()
    page.keyboard.press("j")
    expect(sheet.get_by_role("heading", name=f"#{oldest.pk}")).to_be_visible()
    page.wait_for_url(f"**job={oldest.pk}**")
    page.keyboard.press("k")
    expect(sheet.get_by_role("heading", name=f"#{newest.pk}")).to_be_visible()
    page.keyboard.press("j")
    expect(sheet.get_by_role("heading", name=f"#{oldest.pk}")).to_be_visible()
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    expect(row_of(page, oldest.pk).get_by_role("link", name=re.compile(f"job {oldest.pk}"))).to_be_focused()
    tab_to(page, f"Retry job {oldest.pk}", element="button")
    page.keyboard.press("Enter")
    expect(row_of(page, oldest.pk)).to_contain_text("Queued")
    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused == f"Retry job {oldest.pk}", "the focus was lost"
    assert status_of(oldest.pk) == "queued"
