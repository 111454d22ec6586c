"""From the login page to the verdict."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from jobs.at_work import AtWork
from tests.browser.observing import Observed
from tests.cast import make_identity

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]

PASSWORD = "a long one, for once"


def test_somebody_logs_in_and_reads_the_verdict(page: Page, operator: User, observed: Observed) -> None:
    operator.set_password(PASSWORD)
    operator.save()
    make_identity("Quiet Harbor")
    AtWork().note_tick()
    page.goto("/admin/")
    page.get_by_label("Username").fill("olivia")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    verdict = page.get_by_role("region", name="Verdict")
    expect(verdict).to_contain_text("No worker is online: jobs will not be processed.")
    expect(verdict).to_contain_text("1 identity needs somebody to act.")
    verdict.get_by_role("link", name="1 identity needs somebody to act.").click()
    expect(page.get_by_role("heading", name="Identities")).to_be_visible()


def test_a_wrong_password_is_said_and_lets_nobody_in(page: Page, operator: User, observed: Observed) -> None:
    page.goto("/admin/")
    page.get_by_label("Username").fill("olivia")
    page.get_by_label("Password").fill("banana")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Please enter the correct username and password")).to_be_visible()
    expect(page.get_by_role("region", name="Verdict")).to_have_count(0)
