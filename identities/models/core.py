"""The accounts that the core acts as, and what it has fetched for them.

All of these tables belong to the core. They are mapped, never migrated, and nothing here writes to them. Two columns
are not mapped at all, so that no page can show them: a credential's secret and a message's text.
"""

from django.db import models

from opsconsole.fields import ShownCharField, UTCDateTimeField
from opsconsole.schema.core_table import ONLY_SHOWN, CoreTable, Lack, Values

_UNSEEN = Lack(
    consequence="Sending such a message again isn't refused, but asks for a confirmation as if nothing were known.",
    severity="warning",
)


class Provider(models.Model):
    """A service that the core talks to, such as Reddit."""

    provider_id = models.CharField(primary_key=True, max_length=32)
    display_name = ShownCharField(max_length=64)
    enabled = models.BooleanField(default=True)
    created_at = UTCDateTimeField()

    core_table = CoreTable(needed_for="providers and their identities")

    class Meta:
        managed = False
        db_table = "providers"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.display_name


class Identity(models.Model):
    """An account that the owner acts as."""

    provider = models.ForeignKey(Provider, on_delete=models.DO_NOTHING, db_constraint=False)
    external_username = ShownCharField("username", max_length=128)
    external_user_id = ShownCharField(max_length=128, null=True)
    display_name = ShownCharField("name", max_length=128)
    is_default = models.BooleanField("default", default=False)
    is_active = models.BooleanField("active", default=True)
    created_at = UTCDateTimeField("created")
    updated_at = UTCDateTimeField("updated")

    core_table = CoreTable(needed_for="identities and their backfills")

    class Meta:
        managed = False
        db_table = "identities"
        verbose_name_plural = "identities"
        default_permissions = ("view",)
        permissions = [
            ("sync_identity", "Can sync an identity"),
            ("backfill_identity", "Can backfill an identity or its conversations"),
            ("schedule_identity", "Can change an identity's sync schedule"),
        ]

    def __str__(self) -> str:
        return self.display_name


class ProviderCredential(models.Model):
    """That a credential exists, and since when; its secret is not mapped."""

    provider = models.ForeignKey(Provider, on_delete=models.DO_NOTHING, db_constraint=False)
    identity = models.ForeignKey(
        Identity, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="credentials"
    )
    credential_type = ShownCharField(max_length=64)
    created_at = UTCDateTimeField()
    rotated_at = UTCDateTimeField(null=True)

    core_table = CoreTable(needed_for="the credentials of identities")

    class Meta:
        managed = False
        db_table = "provider_credentials"
        default_permissions = ()

    def __str__(self) -> str:
        return self.credential_type


class ExternalAccount(models.Model):
    """A counterpart: somebody whom an identity talks to."""

    provider = models.ForeignKey(Provider, on_delete=models.DO_NOTHING, db_constraint=False)
    external_user_id = ShownCharField(max_length=128, null=True)
    external_username = ShownCharField("username", max_length=128)
    remote_status = models.CharField(max_length=32)
    created_at = UTCDateTimeField()
    updated_at = UTCDateTimeField()

    core_table = CoreTable(
        needed_for="the counterparts of conversations",
        values={
            "remote_status": Values(known=dict.fromkeys(("active", "deleted", "suspended", "unknown"), ONLY_SHOWN))
        },
    )

    class Meta:
        managed = False
        db_table = "external_accounts"
        default_permissions = ()

    def __str__(self) -> str:
        return self.external_username


class Conversation(models.Model):
    """A thread of messages between an identity and a counterpart."""

    provider = models.ForeignKey(Provider, on_delete=models.DO_NOTHING, db_constraint=False)
    external_conversation_id = ShownCharField(max_length=128)
    counterpart_account = models.ForeignKey(
        ExternalAccount, on_delete=models.DO_NOTHING, db_constraint=False, verbose_name="counterpart"
    )
    identity = models.ForeignKey(Identity, on_delete=models.DO_NOTHING, db_constraint=False)
    created_at = UTCDateTimeField("created")
    updated_at = UTCDateTimeField("updated")
    last_activity_at = UTCDateTimeField("last activity", null=True)
    archived_at = UTCDateTimeField(null=True)
    deleted_at = UTCDateTimeField(null=True)

    core_table = CoreTable(needed_for="conversations and their backfills")

    class Meta:
        managed = False
        db_table = "conversations"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"Conversation {self.pk}"


class Message(models.Model):
    """A message, without its text."""

    provider = models.ForeignKey(Provider, on_delete=models.DO_NOTHING, db_constraint=False)
    external_message_id = ShownCharField(max_length=128, null=True)
    conversation = models.ForeignKey(Conversation, on_delete=models.DO_NOTHING, db_constraint=False)
    identity = models.ForeignKey(Identity, on_delete=models.DO_NOTHING, db_constraint=False, null=True)
    direction = models.CharField(max_length=16)
    sent_at = UTCDateTimeField()
    remote_visibility = models.CharField(max_length=32)
    remote_deleted_at = UTCDateTimeField(null=True)
    deleted_at = UTCDateTimeField(null=True)
    created_at = UTCDateTimeField()

    core_table = CoreTable(
        needed_for="the progress of backfills, and jobs that send a message",
        values={
            "direction": Values(known=dict.fromkeys(("in", "out", "system"), ONLY_SHOWN)),
            "remote_visibility": Values(
                known={
                    "visible": _UNSEEN,
                    "deleted_by_author": _UNSEEN,
                    "removed": _UNSEEN,
                    "unknown": ONLY_SHOWN,
                    "send_failed": Lack(
                        consequence="Sending a message again always asks for a confirmation.", severity="warning"
                    ),
                },
                others="Nothing is known of whether such a message went out: sending it again asks for a confirmation.",
            ),
        },
    )

    class Meta:
        managed = False
        db_table = "messages"
        default_permissions = ()

    def __str__(self) -> str:
        return f"Message {self.pk}"
