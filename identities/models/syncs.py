"""What the console remembers of the syncs of each identity; its own tables, written by the sweeper."""

from django.db import models

from identities.models.core import Identity
from opsconsole.fields import ShownCharField, ShownTextField


class SyncAttempt(models.Model):
    """One sync or backfill of an identity that has ended, whoever asked for it.

    Most come from attempts at jobs of the ledger; others from Celery results that say whom they were for, and from
    rows of the ledger that the core wrote and ended by itself.
    """

    identity = models.ForeignKey(
        Identity, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="sync_attempts"
    )
    # Where it comes from, such as `dispatch:17`, `result:<task id>` or `job:17`; each is kept once.
    source = models.CharField(max_length=300, unique=True)
    job_type = ShownCharField(max_length=64)
    job_id = models.BigIntegerField(null=True)
    # One of jobs.models.Outcome.
    outcome = ShownCharField(max_length=16)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField()
    messages_synced = models.BigIntegerField(null=True)
    new_messages = models.BigIntegerField(null=True)
    new_conversations = models.BigIntegerField(null=True)
    # Redacted, and cut.
    error = ShownTextField(null=True)
    requested_by = ShownCharField(max_length=150, default="")
    via = ShownCharField(max_length=16, default="")

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["identity", "-ended_at", "-id"], name="sync_attempt_of_identity")]

    def __str__(self) -> str:
        return f"{self.job_type} of identity {self.identity_id}: {self.outcome}"


class LastSync(models.Model):
    """What is known of an identity's last successful sync, and of its last attempt at one: two facts."""

    identity = models.OneToOneField(
        Identity, on_delete=models.DO_NOTHING, db_constraint=False, primary_key=True, related_name="last_sync"
    )
    # The last one that succeeded, wholly or in part.
    success_at = models.DateTimeField(null=True)
    success_source = ShownCharField(max_length=16, default="")
    success_job_type = ShownCharField(max_length=64, default="")
    success_job_id = models.BigIntegerField(null=True)
    success_messages = models.BigIntegerField(null=True)
    # The errors of a success in part.
    success_error = ShownTextField(null=True)
    # The last one that ended, however it did.
    attempt_at = models.DateTimeField(null=True)
    attempt_outcome = ShownCharField(max_length=16, default="")
    attempt_job_type = ShownCharField(max_length=64, default="")
    attempt_job_id = models.BigIntegerField(null=True)
    # What it said; where some have failed since the last success, what the newest of these said.
    attempt_error = ShownTextField(null=True)
    # Those since the last success that failed, and since when.
    failures = models.IntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    # The newest error since the last success that says that the provider refuses the credential.
    rejection = ShownTextField(null=True)
    rejected_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"Last sync of identity {self.identity_id}"
