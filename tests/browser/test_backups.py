"""A backup and its restore test in a browser, made and tried out for real."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from backups.models import BackupRun, RestoreTest
from jobs import counts

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]

LONG_MS = 240_000


@pytest.fixture
def environment(tmp_path: Path, settings: Any) -> dict[str, str]:
    """Backups have a folder."""
    folder = tmp_path / "backups"
    folder.mkdir()
    settings.BACKUP_DIR = str(folder)
    return {"OPS_BACKUP_DIR": str(folder)}


def test_a_backup_is_made_and_tested(
    as_operator: Page, environment: dict[str, str], console_worker: Callable[..., Any], sweeper: Callable[..., Any]
) -> None:
    page = as_operator
    console_worker(queues="opsconsole.maintenance", **environment)
    sweeper("--tick", "0.2", **environment)
    counts.refresh(max_age_seconds=0)
    page.goto("/admin/backups/backuprun/")
    page.get_by_role("link", name="Back up now").first.click()
    page.get_by_role("button", name="Back up").click()
    page.wait_for_url("**/admin/jobs/run/**")
    expect(page.locator("#run-live .oc-hero")).to_contain_text("Done", timeout=LONG_MS)
    made = BackupRun.objects.get()
    assert made.status == "succeeded"
    page.goto(f"/admin/backups/backuprun/{made.pk}/change/")
    page.get_by_role("button", name="Test this backup").click()
    page.wait_for_url("**/admin/jobs/run/**")
    expect(page.locator("#run-live .oc-hero")).to_contain_text("Done", timeout=LONG_MS)
    test = RestoreTest.objects.get()
    assert test.status == "passed"
    page.goto(f"/admin/backups/restoretest/{test.pk}/change/")
    expect(page.get_by_text("Passed").first).to_be_visible()
