"""Schedules in a browser: an identity gets its own, and all are paused and resumed."""

import pytest
from django_celery_beat.models import PeriodicTask
from playwright.sync_api import Page, expect

from jobs import counts
from tests.matching.doing import connected
from tests.schedules.cast import make_schedule

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]


def test_an_identity_gets_a_schedule_of_its_own(as_operator: Page) -> None:
    page, identity = as_operator, connected("Alice")
    page.goto(f"/admin/identities/identity/{identity.pk}/change/")
    page.get_by_label("Minutes between syncs").fill("7")
    page.get_by_role("button", name="Give it its own").click()
    expect(page.get_by_role("region", name="Schedule")).to_contain_text("Every 7 minutes")
    made = PeriodicTask.objects.get(kwargs__contains=f'"identity_id": {identity.pk}')
    assert (made.interval.every, made.interval.period, made.enabled) == (7, "minutes", True)


def test_an_interval_that_is_not_allowed_is_refused_before_it_is_sent(as_operator: Page) -> None:
    page, identity = as_operator, connected("Alice")
    page.goto(f"/admin/identities/identity/{identity.pk}/change/")
    page.get_by_label("Minutes between syncs").fill("0")
    page.get_by_role("button", name="Give it its own").click()
    assert page.evaluate("document.getElementById('every_minutes').validity.rangeUnderflow")
    assert not PeriodicTask.objects.filter(kwargs__contains=f'"identity_id": {identity.pk}').exists()


def test_all_schedules_are_paused_with_a_reason_which_the_verdict_says_until_they_are_resumed(
    as_operator: Page,
) -> None:
    page = as_operator
    PeriodicTask.objects.all().delete()
    make_schedule(name="Sync all")
    counts.refresh(max_age_seconds=0)
    page.goto("/admin/")
    page.get_by_role("link", name="Pause all schedules…").click()
    page.get_by_label("Reason").fill("the provider asked for it")
    page.get_by_role("button", name="Pause").click()
    page.goto("/admin/")
    verdict = page.get_by_role("region", name="Verdict")
    expect(verdict).to_contain_text("by olivia (“the provider asked for it”)")
    assert not PeriodicTask.objects.get(name="Sync all").enabled
    page.get_by_role("link", name="Resume all schedules…").click()
    page.get_by_role("button", name="Resume").click()
    page.goto("/admin/")
    expect(verdict).to_contain_text("just now")
    expect(verdict).not_to_contain_text("paused")
    assert PeriodicTask.objects.get(name="Sync all").enabled
