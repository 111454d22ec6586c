"""Backups and restore tests, as the core's tables have them. Mapped, never migrated."""

from django.db import models

from opsconsole.fields import AnyJSONField, UTCDateTimeField
from opsconsole.schema.core_table import ONLY_SHOWN, CoreTable, Values

_TRIGGERS = Values(known=dict.fromkeys(("manual", "scheduled"), ONLY_SHOWN))


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
            "kind": Values(known=dict.fromkeys(("database", "attachments"), ONLY_SHOWN)),
            "status": Values(known=dict.fromkeys(("running", "succeeded", "failed"), ONLY_SHOWN)),
            "trigger": _TRIGGERS,
        },
    )

    class Meta:
        managed = False
        db_table = "backup_runs"
        verbose_name = "backup"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.kind} backup {self.pk}"


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
            "status": Values(known=dict.fromkeys(("running", "passed", "failed", "could_not_verify"), ONLY_SHOWN)),
            "trigger": _TRIGGERS,
        },
    )

    class Meta:
        managed = False
        db_table = "restore_tests"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"Restore test {self.pk}"
