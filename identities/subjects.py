"""Whom a job's payload concerns: the registration of identities with the ledger."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, Max, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from identities import ability
from identities.models import Conversation, Identity, Message, ProviderCredential
from jobs.subjects import Arrived, SendState, Subject, Subjects, Watermarks, identity_id_of
from opsconsole.far_times import EARLIEST, Near
from opsconsole.row_ids import row_id


class IdentitySubjects(Subjects):
    """Tells the ledger about identities, conversations and messages, in a fixed number of queries."""

    def of(self, payloads: Mapping[int, Any]) -> dict[int, Subject]:
        """Return the identity that each job concerns: the one it names, else its conversation's."""
        identities = {job_id: found for job_id, payload in payloads.items() if (found := identity_id_of(payload))}
        conversations = {
            job_id: found
            for job_id, payload in payloads.items()
            if job_id not in identities
            and isinstance(payload, Mapping)
            and (found := row_id(payload.get("conversation_id")))
        }
        if conversations:
            owners = dict(
                Conversation.objects.filter(pk__in=set(conversations.values())).values_list("pk", "identity_id")
            )
            identities |= {job_id: owners[found] for job_id, found in conversations.items() if found in owners}
        if not identities:
            return {}
        renewed = (
            ProviderCredential.objects.filter(identity_id=OuterRef("pk"))
            .order_by()
            .values("identity_id")
            # A credential counts as connected long ago if Python can't represent its times.
            .values(at=Max(Coalesce(Near("rotated_at"), Near("created_at"), Value(EARLIEST))))
        )
        concerned = ability.with_provider_off(Identity.objects.filter(pk__in=set(identities.values())))
        rows = concerned.annotate(connected_at=Subquery(renewed)).values_list(
            "pk",
            "display_name",
            "is_active",
            "provider_id",
            "provider_off",
            "connected_at",
            "last_sync__rejected_at",
            "last_sync__success_at",
        )
        known = {
            pk: Subject(
                id=pk,
                display_name=name,
                is_active=is_active,
                disconnected=ability.provider_off(name, provider_id) if is_off else _disconnected(name, *since),
            )
            for pk, name, is_active, provider_id, is_off, *since in rows
        }
        return {job_id: known[identity] for job_id, identity in identities.items() if identity in known}

    def send_states(self, payloads: Mapping[int, Any]) -> dict[int, SendState]:
        """Return what became of the message that each payload names."""
        messages = {
            job_id: row_id(payload.get("message_id")) if isinstance(payload, Mapping) else None
            for job_id, payload in payloads.items()
        }
        found = Message.objects.filter(pk__in={pk for pk in messages.values() if pk})
        # Compare in SQL: Django reads a time that Python can't represent as None, but the message is deleted.
        is_deleted = ExpressionWrapper(Q(deleted_at__isnull=False), output_field=BooleanField())
        rows = found.annotate(is_deleted=is_deleted).values_list("pk", "is_deleted", "remote_visibility")
        known = {pk: SendState(exists=True, deleted=deleted, visibility=visibility) for pk, deleted, visibility in rows}
        missing = SendState(exists=False)
        return {job_id: known.get(pk, missing) if pk else missing for job_id, pk in messages.items()}

    def watermarks(self) -> Watermarks:
        """Return the highest ids of conversations and messages, each read from its primary key's end."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT COALESCE((SELECT max(id) FROM conversations), 0), COALESCE((SELECT max(id) FROM messages), 0)"
            )
            conversations, messages = cursor.fetchone()
        return Watermarks(conversations=conversations, messages=messages)

    def arrived(self, payload: Any, since: Watermarks) -> Arrived | None:
        """Count what lies above the watermarks; a message without an identity belongs to its conversation's."""
        identity_id = identity_id_of(payload)
        if identity_id is None:
            return None
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT (SELECT count(*) FROM conversations WHERE id > %(conversations)s AND identity_id = %(identity)s),
                       (SELECT count(*) FROM messages m WHERE m.id > %(messages)s
                         AND COALESCE(m.identity_id,
                                      (SELECT c.identity_id FROM conversations c WHERE c.id = m.conversation_id)
                                     ) = %(identity)s)
                """,
                {"conversations": since.conversations, "messages": since.messages, "identity": identity_id},
            )
            conversations, messages = cursor.fetchone()
        return Arrived(conversations=conversations, messages=messages)


def _disconnected(
    name: str, connected_at: datetime | None, rejected_at: datetime | None, success_at: datetime | None
) -> str:
    if rejected_at is not None and (connected_at is None or connected_at <= rejected_at):
        return f"The provider refuses the credential of {name}; connect the account again in the core first."
    # Without a credential of its own it may still have synced; then nothing is said of it.
    if connected_at is None and success_at is None:
        return f"{name} has no credential, so its provider lets nothing in; connect the account in the core first."
    return ""
