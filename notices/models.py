"""What others were told of the verdict, and what was last seen of it."""

import uuid

from django.db import models


class Notice(models.Model):
    """One change of the verdict, as it is told."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # As the receiver gets it.
    body = models.JSONField()
    created_at = models.DateTimeField(db_index=True)
    sent_at = models.DateTimeField(null=True)
    # The job that goes on trying, where the first attempt has failed.
    job_id = models.BigIntegerField(null=True)

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["created_at"], condition=models.Q(sent_at=None, job_id=None), name="notice_unsent")
        ]

    def __str__(self) -> str:
        return f"Notice {self.pk}"


class Seen(models.Model):
    """The one row that says what the last look saw, and what the last notice told."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    looked_at = models.DateTimeField(null=True)
    # What a verdict is known by: its status and its critical reasons.
    seen = models.JSONField(null=True)
    told = models.JSONField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"Seen at {self.looked_at}"
