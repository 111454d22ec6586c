"""A backup and its restore test from the page, made and tried out for real."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from backups.models import BackupRun, RestoreTest
from tests.web.windows import PATIENCE_MS, panel, visit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]

LONG_MS = 4 * PATIENCE_MS


def test_a_backup_is_made_and_restored_for_a_try(
    as_operator: Page,
    backup_folder: Path,
    settings: Any,
    console_worker: Callable[..., Any],
    sweeper: Callable[..., Any],
) -> None:
    page = as_operator
    settings.BACKUP_DIR = str(backup_folder)
    environment = {"OPS_BACKUP_DIR": str(backup_folder)}
    console_worker(queues="opsconsole.maintenance", **environment)
    sweeper("--tick", "0.2", **environment)
    visit(page, "/ops")
    backups = panel(page, "Backups")
    expect(backups.get_by_role("region", name="Database backup")).to_contain_text("No usable backup.")
    test = backups.get_by_role("button", name="Test restore")
    expect(test).to_have_attribute("aria-disabled", "true")
    expect(test).to_have_accessible_description("No backup to test yet. Back up first.")
    backups.get_by_role("button", name="Back up now").click()
    expect(backups.get_by_role("region", name="Backup", exact=True)).to_contain_text("Done", timeout=LONG_MS)
    made = BackupRun.objects.get()
    assert made.status == "succeeded"
    expect(backups.get_by_role("region", name="Database backup")).to_contain_text(f"#{made.pk}")
    test.click()
    expect(backups.get_by_role("region", name="Restore test", exact=True)).to_contain_text("Done", timeout=LONG_MS)
    assert RestoreTest.objects.get().status == "passed"
    expect(backups.get_by_role("region", name="Restore tests")).to_contain_text("Passed")
    history = backups.get_by_role("table")
    expect(history.get_by_role("row")).to_have_count(3)
