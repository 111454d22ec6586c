"""Jobs in a browser: what failed is read and retried, one or all that match, with the mouse or the keyboard alone."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from jobs import counts
from jobs.models import Job
from tests.browser.keyboard import tab_to
from tests.cast import make_job
from tests.matching.doing import connected, failed_jobs

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]


def make_sync(**values: Any) -> Job:
    job = make_job(payload={"identity_id": connected("Alice").pk}, **values)
    counts.refresh(max_age_seconds=0)
    return job


def test_a_failed_job_is_found_read_and_retried(as_operator: Page) -> None:
    page, job = as_operator, make_sync(last_error="TimeoutError: no answer")
    page.goto("/admin/jobs/job/")
    page.get_by_role("link", name=re.compile("^Failed")).click()
    page.get_by_role("link", name=f"Sync #{job.pk}").click()
    expect(page.get_by_text("TimeoutError: no answer").first).to_be_visible()
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("#job-live")).to_contain_text("Queued")
    assert Job.objects.get(pk=job.pk).status == "queued"


def test_a_long_job_type_stays_in_its_card_on_a_phone(as_operator: Page) -> None:
    page, job = as_operator, make_job("x" * 64, last_error="TimeoutError: no answer")
    counts.refresh(max_age_seconds=0)
    page.set_viewport_size({"width": 390, "height": 844})
    for url in ("/admin/jobs/job/", f"/admin/jobs/job/{job.pk}/change/"):
        page.goto(url)
        for named in page.get_by_text("x" * 64).locator("visible=true").all():
            box = named.bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= 390, (url, named.evaluate("each => each.outerHTML"))


def test_a_page_follows_its_job_by_itself(as_operator: Page) -> None:
    page, job = as_operator, make_sync(status="queued", attempts=0)
    page.goto(f"/admin/jobs/job/{job.pk}/change/")
    expect(page.locator("#job-live")).to_contain_text("Queued")
    Job.objects.filter(pk=job.pk).update(status="running")
    expect(page.locator("#job-live")).to_contain_text("Running")
    Job.objects.filter(pk=job.pk).update(status="done")
    expect(page.locator("#job-live")).to_contain_text("Done")


def test_all_that_failed_is_retried_after_a_look_at_what_that_will_do(
    as_operator: Page, console_worker: Callable[..., Any], sweeper: Callable[..., Any]
) -> None:
    page, jobs = as_operator, failed_jobs(7)
    counts.refresh(max_age_seconds=0)
    console_worker()
    sweeper("--tick", "0.2")
    page.goto("/admin/jobs/job/?status=failed")
    page.get_by_role("link", name="Retry all that match…").click()
    expect(page.get_by_text("7 jobs match now.")).to_be_visible()
    page.get_by_label("Retry 5 first").uncheck()
    page.get_by_label("Reason").fill("the provider is back")
    page.get_by_role("button", name="Retry 7 jobs").click()
    page.wait_for_url("**/admin/jobs/run/**")
    expect(page.get_by_label("Result")).to_contain_text("7")
    expect(page.locator("#run-live .oc-hero")).to_contain_text("Done")
    assert set(Job.objects.filter(pk__in=jobs).values_list("status", flat=True)) == {"queued"}


def test_a_retry_needs_no_mouse(as_operator: Page) -> None:
    page, job = as_operator, make_sync()
    page.goto("/admin/jobs/job/?status=failed")
    tab_to(page, f"Sync #{job.pk}", element="a")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/admin/jobs/job/{job.pk}/change/**")
    tab_to(page, "Retry", element="button")
    page.keyboard.press("Enter")
    expect(page.locator("#job-live")).to_contain_text("Queued")


def test_whoever_may_only_look_sees_no_button(as_viewer: Page) -> None:
    page, job = as_viewer, make_sync()
    for address in ("/admin/", "/admin/jobs/job/", f"/admin/jobs/job/{job.pk}/change/", "/admin/identities/identity/"):
        page.goto(address)
        expect(page.get_by_text("Alice").locator("visible=true").first).to_be_visible()
        for verb in ("Retry", "Cancel", "Sync", "Backfill", "Back up", "Pause", "Set failed"):
            found = page.get_by_role("button", name=verb).or_(page.get_by_role("link", name=verb))
            words = [text for text in found.all_inner_texts() if text.strip().rstrip("…").endswith(verb)]
            assert not words, (address, words)
