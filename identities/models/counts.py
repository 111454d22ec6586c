"""How many conversations and messages there are, not counted while somebody waits; the console's own tables."""

from django.db import models

from identities.models.core import Conversation, Identity


class ConversationCount(models.Model):
    """How many messages (not deleted) a conversation has, up to the id that `CountingState` names."""

    conversation = models.OneToOneField(
        Conversation, on_delete=models.DO_NOTHING, db_constraint=False, primary_key=True, related_name="counted"
    )
    messages = models.BigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.messages} messages of conversation {self.conversation_id}"


class MessageArrivals(models.Model):
    """How many messages have arrived for an identity within a quarter of an hour."""

    identity = models.ForeignKey(
        Identity, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="arrivals"
    )
    slot = models.DateTimeField()
    messages = models.BigIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["identity", "slot"], name="message_arrivals_once")]

    def __str__(self) -> str:
        return f"{self.messages} messages for identity {self.identity_id} since {self.slot}"


class IdentityCounts(models.Model):
    """How many conversations and messages (neither deleted) an identity had at a moment, summed up from the others."""

    identity = models.OneToOneField(
        Identity, on_delete=models.DO_NOTHING, db_constraint=False, primary_key=True, related_name="counts"
    )
    conversations = models.BigIntegerField(default=0)
    messages = models.BigIntegerField(default=0)
    new_messages_24h = models.BigIntegerField(default=0)
    newest_message_at = models.DateTimeField(null=True)
    # None until all messages have been counted once: the numbers are too low.
    as_of = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.messages} messages of identity {self.identity_id}"


class CountingState(models.Model):
    """How far the counting of messages has come; one row.

    `counted_id` is the highest id that is counted. `horizon_*` is the next one that can be: ids up to `horizon_id` are
    all known once every transaction before `horizon_xid` has ended.
    """

    counted_id = models.BigIntegerField(default=0)
    counted_as_of = models.DateTimeField(null=True)
    horizon_id = models.BigIntegerField(null=True)
    horizon_xid = models.BigIntegerField(null=True)
    horizon_at = models.DateTimeField(null=True)
    # The whole recount in slices, which finds what was deleted since: the conversation that it has come to.
    recount_position = models.BigIntegerField(null=True)
    recount_began_at = models.DateTimeField(null=True)
    recounted_at = models.DateTimeField(null=True)
    # PostgreSQL's tally of messages changed and deleted when the last whole recount began.
    recount_tally = models.BigIntegerField(null=True)
    recounting_tally = models.BigIntegerField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"Counted up to message {self.counted_id}"
