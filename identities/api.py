"""The API's endpoints for identities, conversations, and what can be started for them."""

import hashlib
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from identities import api_shapes, operations, queries
from identities.choosing import MAX_CONVERSATIONS
from jobs.api import RunPollingViewSet
from jobs.api_changes import accepted
from jobs.api_shapes import Accepted
from opsconsole.api import cursors
from opsconsole.api.actor import actor_of
from opsconsole.api.fields import IdField, Input, ListQuery, ReasonField
from opsconsole.api.viewsets import OpsViewSet
from opsconsole.row_ids import MAX_ID


class BackfillConversationsInput(Input):
    """What a backfill of identities takes; without an identity it is all active ones."""

    identity_id = IdField(required=False, allow_null=True, default=None)
    reason = ReasonField()


class BackfillMessagesInput(Input):
    """What a backfill of conversations takes: one, or several."""

    conversation_id = IdField(required=False)
    conversation_ids = serializers.ListField(
        child=IdField(),
        required=False,
        max_length=MAX_CONVERSATIONS,
        error_messages={
            "max_length": f"At most {MAX_CONVERSATIONS} conversations can be backfilled at once.",
            "not_a_list": "This must be a list of conversation ids.",
        },
    )
    reason = ReasonField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take exactly one of the two."""
        if ("conversation_id" in attrs) == bool(attrs.get("conversation_ids")):
            raise serializers.ValidationError(
                "Give either conversation_id or a conversation_ids list that is not empty."
            )
        return attrs


class RedownloadInput(Input):
    """What fetching attachments again takes."""

    conversation_id = IdField(required=False, allow_null=True, default=None)
    limit = serializers.IntegerField(
        default=100,
        min_value=1,
        max_value=operations.MAX_ATTACHMENTS,
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value", "max_string_length"),
            f"This must be a whole number from 1 to {operations.MAX_ATTACHMENTS}.",
        ),
    )
    reason = ReasonField()


class BackfillViewSet(RunPollingViewSet):
    """Backfills: importing the history of identities or of conversations."""

    tag = "Backfill and sync"
    answers: ClassVar[dict[str, Any]] = {
        **RunPollingViewSet.answers,
        "conversations": {202: Accepted},
        "messages": {202: Accepted},
    }
    permissions: ClassVar[dict[str, str]] = {
        "retrieve": "jobs.view_run",
        "conversations": "identities.backfill_identity",
        "messages": "identities.backfill_identity",
    }

    @action(detail=False, methods=["post"], serializer_class=BackfillConversationsInput)
    def conversations(self, request: Request) -> Response:
        """Backfill one identity, or all active ones."""
        given = BackfillConversationsInput(data=request.data)
        given.is_valid(raise_exception=True)
        identity_id = given.validated_data["identity_id"]
        return self.once(
            request,
            lambda: operations.backfill_conversations(
                identity_ids=None if identity_id is None else [identity_id],
                actor=actor_of(request),
                reason=given.validated_data["reason"],
            ),
            accepted,
        )

    @action(detail=False, methods=["post"], serializer_class=BackfillMessagesInput)
    def messages(self, request: Request) -> Response:
        """Backfill the messages of one conversation, or of up to a hundred."""
        given = BackfillMessagesInput(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        return self.once(
            request,
            lambda: operations.backfill_messages(
                conversation_ids=data.get("conversation_ids") or [data["conversation_id"]],
                actor=actor_of(request),
                reason=data["reason"],
            ),
            accepted,
        )


class RedownloadViewSet(OpsViewSet):
    """Fetching again what could not be had."""

    tag = "Backfill and sync"
    answers: ClassVar[dict[str, Any]] = {"attachments": {202: Accepted}}
    permissions: ClassVar[dict[str, str]] = {"attachments": "identities.backfill_identity"}
    serializer_class = RedownloadInput

    @action(detail=False, methods=["post"])
    def attachments(self, request: Request) -> Response:
        """Fetch missing attachments again, of one conversation or of all."""
        given = RedownloadInput(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        return self.once(
            request,
            lambda: operations.redownload_attachments(
                conversation_id=data["conversation_id"],
                limit=data["limit"],
                actor=actor_of(request),
                reason=data["reason"],
            ),
            accepted,
        )


class ConversationQuery(ListQuery):
    """The query parameters of the conversations list."""

    identity_id = IdField(required=False, max_value=MAX_ID)
    q = serializers.CharField(required=False, allow_blank=True, default="", max_length=128)


class ConversationViewSet(OpsViewSet):
    """Conversations, to choose what to backfill. Never a message's text."""

    tag = "Identities"
    answers: ClassVar[dict[str, Any]] = {"list": api_shapes.ConversationPage}
    queries: ClassVar[dict[str, Any]] = {"list": ConversationQuery}
    permissions: ClassVar[dict[str, str]] = {"list": "identities.view_conversation"}

    def list(self, request: Request) -> Response:
        """Conversations, newest first, by identity and by a part of the counterpart's name."""
        query = ConversationQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        data = query.validated_data
        identity_id = data.get("identity_id")
        # The text itself could make a cursor that is too long to be taken back.
        listed = f"conversations:{identity_id}:{hashlib.blake2s(data['q'].encode(), digest_size=9).hexdigest()}"
        beyond, backwards = None, False
        if data["cursor"]:
            beyond, backwards = cursors.decode(data["cursor"], listed=listed)
        rows, more = queries.conversation_page(
            identity_id=identity_id, q=data["q"], limit=data["limit"], beyond=beyond, backwards=backwards
        )

        return Response(
            {
                "conversations": rows,
                **cursors.links(
                    request,
                    listed=listed,
                    keys=[row["id"] for row in rows],
                    has_next=backwards or more,
                    has_previous=more if backwards else beyond is not None,
                ),
            }
        )
