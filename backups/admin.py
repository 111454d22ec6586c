"""The pages of backups and restore tests: what there is, and whether it was verified."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from backups.models import BackupRun, RestoreTest
from opsconsole import formatting
from opsconsole.admin.lists import EmptyList, ListAdmin
from opsconsole.formatting import Look
from opsconsole.links import page_of
from opsconsole.redaction import redact, redact_name, redact_text

LOOKS = {
    "running": Look(word="Running", icon="autorenew", tone="busy"),
    "succeeded": Look(word="Succeeded", icon="check_circle", tone="good"),
    "passed": Look(word="Passed", icon="verified", tone="good"),
    "failed": Look(word="Failed", icon="error", tone="bad"),
    "could_not_verify": Look(word="Could not verify", icon="help", tone="warn"),
}


def look_of(status: str) -> Look:
    """Return how a state is shown; an unknown one by its own name."""
    return LOOKS.get(status, Look(word=status, icon="help", tone="idle"))


def took(started: datetime | None, completed: datetime | None) -> SafeString:
    """Return how long something took, or has been running."""
    if started is None:
        return SafeString(formatting.NOTHING)
    if completed is None:
        return SafeString(formatting.NOTHING)
    milliseconds = int((completed - started).total_seconds() * 1_000)
    return format_html('<span class="oc-number">{}</span>', formatting.duration(max(0, milliseconds)))


@admin.register(BackupRun)
class BackupRunAdmin(ListAdmin[BackupRun]):
    """Backups, newest first."""

    list_display = ("state", "what", "started", "duration", "size", "why", "kept")
    list_display_links = ("what",)
    empty_list = EmptyList(
        icon="backup", title="No backups yet", text="They appear as soon as the first one has started."
    )

    @admin.display(description="State")
    def state(self, obj: BackupRun) -> SafeString:
        """How it ended."""
        return formatting.badge(look_of(obj.status))

    @admin.display(description="Backup")
    def what(self, obj: BackupRun) -> str:
        """What was backed up."""
        return f"{obj.kind.capitalize()} #{obj.pk}"

    @admin.display(description="Started")
    def started(self, obj: BackupRun) -> SafeString:
        """When it started."""
        return formatting.ago(obj.started_at)

    @admin.display(description="Duration")
    def duration(self, obj: BackupRun) -> SafeString:
        """How long it took."""
        return took(obj.started_at, obj.completed_at)

    @admin.display(description="Size")
    def size(self, obj: BackupRun) -> SafeString:
        """How large its file is."""
        return format_html('<span class="oc-number">{}</span>', formatting.size(obj.size_bytes))

    @admin.display(description="Trigger")
    def why(self, obj: BackupRun) -> str:
        """By hand, or by the schedule."""
        return obj.trigger.capitalize()

    @admin.display(description="File")
    def kept(self, obj: BackupRun) -> str:
        """Whether the file is still there."""
        if obj.removed_at:
            return "removed by retention"
        return "kept" if obj.storage_key else formatting.NOTHING

    def details(self, shown: BackupRun) -> list[tuple[str, Any]]:
        """Return what the page shows."""
        return [
            ("State", formatting.badge(look_of(shown.status))),
            ("Started", formatting.ago(shown.started_at)),
            ("Completed", formatting.ago(shown.completed_at)),
            ("Duration", took(shown.started_at, shown.completed_at)),
            ("Size", formatting.size(shown.size_bytes)),
            ("Trigger", shown.trigger),
            ("Job", _job(shown.job_id)),
            ("File", redact_name(shown.storage_key) if shown.storage_key else None),
            ("SHA-256", redact_name(shown.sha256) if shown.sha256 else None),
            ("Removed", formatting.ago(shown.removed_at) if shown.removed_at else None),
            ("Error", redact_text(shown.error) if shown.error else None),
            ("Manifest", redact(shown.manifest_json)),
        ]


@admin.register(RestoreTest)
class RestoreTestAdmin(ListAdmin[RestoreTest]):
    """Restore tests, newest first."""

    list_display = ("state", "what", "of_backup", "started", "duration", "checks", "why")
    list_display_links = ("what",)
    empty_list = EmptyList(
        icon="verified",
        title="No restore tests yet",
        text="A backup counts once it has been restored; none was tried yet.",
    )

    @admin.display(description="Verdict")
    def state(self, obj: RestoreTest) -> SafeString:
        """How it ended."""
        return formatting.badge(look_of(obj.status))

    @admin.display(description="Test")
    def what(self, obj: RestoreTest) -> str:
        """Its number."""
        return f"Restore test #{obj.pk}"

    @admin.display(description="Backup")
    def of_backup(self, obj: RestoreTest) -> str:
        """Which backup was restored."""
        return f"#{obj.backup_run_id}"

    @admin.display(description="Started")
    def started(self, obj: RestoreTest) -> SafeString:
        """When it started."""
        return formatting.ago(obj.started_at)

    @admin.display(description="Duration")
    def duration(self, obj: RestoreTest) -> SafeString:
        """How long it took."""
        return took(obj.started_at, obj.completed_at)

    @admin.display(description="Checks")
    def checks(self, obj: RestoreTest) -> str:
        """How many of its checks passed."""
        found = (
            [check for check in obj.checks_json or [] if isinstance(check, dict)] if _is_list(obj.checks_json) else []
        )
        passed = sum(bool(check.get("passed")) for check in found)
        return f"{passed} of {len(found)} passed" if found else formatting.NOTHING

    @admin.display(description="Trigger")
    def why(self, obj: RestoreTest) -> str:
        """By hand, or by the schedule."""
        return obj.trigger.capitalize()

    def details(self, shown: RestoreTest) -> list[tuple[str, Any]]:
        """Return what the page shows."""
        return [
            ("Verdict", formatting.badge(look_of(shown.status))),
            ("Backup", f"#{shown.backup_run_id}"),
            ("Started", formatting.ago(shown.started_at)),
            ("Completed", formatting.ago(shown.completed_at)),
            ("Duration", took(shown.started_at, shown.completed_at)),
            ("Trigger", shown.trigger),
            ("Job", _job(shown.job_id)),
            ("Attachments verified", f"{shown.attachments_verified:,} of {shown.attachments_sampled:,}"),
            ("Error", redact_text(shown.error) if shown.error else None),
            ("Checks", redact(shown.checks_json)),
        ]


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _job(job_id: int | None) -> Any:
    url = page_of("job", job_id)
    return format_html('<a class="oc-link" href="{}">Job {}</a>', url, job_id) if url else None
