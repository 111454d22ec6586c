"""In at the login page and out again, with scripts and without."""

import re

import pytest
from playwright.sync_api import Page, expect

from jobs import counts
from tests.backups.cast import make_backup
from tests.cast import make_job
from tests.matching.doing import connected
from tests.web.conftest import PASSWORD
from tests.web.windows import Windows, panel

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]


def log_in(page: Page, username: str, password: str = PASSWORD) -> None:
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_a_wrong_password_is_said_and_the_right_one_leads_to_the_page_until_one_logs_out(
    windows: Windows, olivia: str
) -> None:
    page = windows.open()
    page.goto("/ops?status=failed")
    page.wait_for_url("**/login?**")
    log_in(page, olivia, "banana")
    expect(page.get_by_text("Wrong username or password.")).to_be_visible()
    log_in(page, olivia)
    page.wait_for_url(re.compile("/ops"))
    expect(panel(page, "Jobs")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    page.goto("/ops")
    page.wait_for_url("**/login?**")
    # No page of another site follows the login.
    page.goto("/login?next=//elsewhere.example/")
    log_in(page, olivia)
    page.wait_for_url(re.compile("/ops$"))


def test_without_scripts_one_logs_in_and_the_rows_are_there(windows: Windows, olivia: str) -> None:
    identity = connected("Alice")
    job = make_job(payload={"identity_id": identity.pk}, last_error="TimeoutError: no answer")
    backup = make_backup()
    counts.refresh(max_age_seconds=0)
    page = windows.open(java_script_enabled=False)
    page.goto("/ops")
    log_in(page, olivia)
    page.wait_for_url("**/ops")
    row = panel(page, "Jobs").get_by_role("row").filter(has_text=f"#{job.pk}")
    expect(row).to_contain_text("TimeoutError: no answer")
    expect(row.get_by_role("link", name=re.compile("ingest.sync_delta"))).to_be_visible()
    expect(panel(page, "Sync status").get_by_role("heading", name="Alice")).to_be_visible()
    expect(panel(page, "Backups")).to_contain_text(f"#{backup.pk}")
    panel(page, "Jobs").get_by_role("link", name=re.compile("^Done")).click()
    page.wait_for_url("**status=done**")
    expect(panel(page, "Jobs")).to_contain_text("No results.")
