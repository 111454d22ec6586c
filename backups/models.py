"""Backups and restore tests, in the core's tables, or in tables that the console creates if the core has none.

The models are unmanaged: a migration creates missing tables, and nothing ever alters them.
"""

from django.db import models

from opsconsole.fields import AnyJSONField, UTCDateTimeField
from opsconsole.schema.core_table import CoreTable, Lack, Values, Writes

DATABASE = "database"
ATTACHMENTS = "attachments"
KINDS = (DATABASE, ATTACHMENTS)

RUNNING = "running"
SUCCEEDED = "succeeded"
FAILED = "failed"
PASSED = "passed"
COULD_NOT_VERIFY = "could_not_verify"

MANUAL = "manual"
SCHEDULED = "scheduled"

_NO_BACKUP = Lack(consequence="Backups that have it can't be recorded, so they are not made.", severity="error")
_NO_TEST = Lack(consequence="Restore tests that have it can't be recorded, so they are not made.", severity="error")


class BackupRun(models.Model):
    """One attempt at one backup."""

    kind = models.CharField(max_length=16)
    status = models.CharField(max_length=16)
    trigger = models.CharField(max_length=16)
    job_id = models.BigIntegerField("job", null=True)
    started_at = UTCDateTimeField("started")
    completed_at = UTCDateTimeField("completed", null=True)
    storage_key = models.CharField(max_length=512, null=True)
    size_bytes = models.BigIntegerField("size", null=True)
    sha256 = models.CharField("checksum", max_length=64, null=True)
    manifest_json = AnyJSONField("manifest", null=True)
    error = models.TextField(null=True)
    removed_at = UTCDateTimeField("removed", null=True)

    core_table = CoreTable(
        needed_for="backups",
        values={
            "kind": Values(known=dict.fromkeys(KINDS, _NO_BACKUP)),
            "status": Values(known=dict.fromkeys((RUNNING, SUCCEEDED, FAILED), _NO_BACKUP)),
            "trigger": Values(known=dict.fromkeys((MANUAL, SCHEDULED), _NO_BACKUP)),
        },
        writes=Writes(
            inserted=(
                "kind",
                "status",
                "trigger",
                "job_id",
                "started_at",
                "completed_at",
                "storage_key",
                "size_bytes",
                "sha256",
                "manifest_json",
                "error",
                "removed_at",
            ),
            updated=(
                "status",
                "completed_at",
                "storage_key",
                "size_bytes",
                "sha256",
                "manifest_json",
                "error",
                "removed_at",
            ),
            nulled=(
                "job_id",
                "completed_at",
                "storage_key",
                "size_bytes",
                "sha256",
                "manifest_json",
                "error",
                "removed_at",
            ),
            lengths={"kind": 11, "status": 9, "trigger": 9, "error": 5_000, "storage_key": 80},
            at_stake="backups can't be made",
        ),
    )

    class Meta:
        managed = False
        db_table = "backup_runs"
        verbose_name = "backup"
        default_permissions = ("view",)
        permissions = [("start_backuprun", "Can start backups")]

    def __str__(self) -> str:
        return f"{self.kind} backup {self.pk}"

    @property
    def is_removed(self) -> bool:
        """Whether retention has deleted the file.

        If Python can't represent the time of that, this needs the annotation `removed_at_text`.
        """
        return self.removed_at is not None or bool(vars(self).get("removed_at_text"))


class RestoreTest(models.Model):
    """One attempt at restoring one backup."""

    backup_run = models.ForeignKey(BackupRun, on_delete=models.DO_NOTHING, db_constraint=False, verbose_name="backup")
    status = models.CharField(max_length=32)
    trigger = models.CharField(max_length=16)
    job_id = models.BigIntegerField("job", null=True)
    started_at = UTCDateTimeField("started")
    completed_at = UTCDateTimeField("completed", null=True)
    checks_json = AnyJSONField("checks", null=True)
    attachments_sampled = models.IntegerField(default=0)
    attachments_verified = models.IntegerField(default=0)
    error = models.TextField(null=True)

    core_table = CoreTable(
        needed_for="restore tests",
        values={
            "status": Values(known=dict.fromkeys((RUNNING, PASSED, FAILED, COULD_NOT_VERIFY), _NO_TEST)),
            "trigger": Values(known=dict.fromkeys((MANUAL, SCHEDULED), _NO_TEST)),
        },
        writes=Writes(
            inserted=(
                "backup_run_id",
                "status",
                "trigger",
                "job_id",
                "started_at",
                "completed_at",
                "checks_json",
                "attachments_sampled",
                "attachments_verified",
                "error",
            ),
            updated=(
                "status",
                "completed_at",
                "checks_json",
                "attachments_sampled",
                "attachments_verified",
                "error",
            ),
            nulled=("job_id", "completed_at", "checks_json", "error"),
            lengths={"status": 16, "trigger": 9, "error": 5_000},
            at_stake="restore tests can't be made",
        ),
    )

    class Meta:
        managed = False
        db_table = "restore_tests"
        default_permissions = ("view",)
        permissions = [("start_restoretest", "Can start restore tests")]

    def __str__(self) -> str:
        return f"Restore test {self.pk}"
