"""The API's endpoint for the audit log."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from opsconsole import audit_queries
from opsconsole.api import cursors
from opsconsole.api.bounds import shorten
from opsconsole.api.fields import IdField, ListQuery, MomentField
from opsconsole.api.shapes import AuditPage
from opsconsole.api.viewsets import OpsViewSet
from opsconsole.row_ids import MAX_ID


class AuditQuery(ListQuery):
    """The query parameters of the audit log."""

    action = serializers.CharField(required=False, max_length=128)
    actor = serializers.ChoiceField(
        choices=audit_queries.ACTORS,
        required=False,
        error_messages={"invalid_choice": f"“{{input}}” is no actor; allowed are {', '.join(audit_queries.ACTORS)}."},
    )
    result = serializers.ChoiceField(
        choices=audit_queries.RESULTS,
        required=False,
        error_messages={"invalid_choice": f"“{{input}}” is no result; allowed are {', '.join(audit_queries.RESULTS)}."},
    )
    identity_id = IdField(required=False, max_value=MAX_ID)
    after = MomentField(required=False)
    before = MomentField(required=False)


class AuditViewSet(OpsViewSet):
    """The audit log: who did what, through what, why, and what came of it."""

    tag = "Audit log"
    answers: ClassVar[dict[str, Any]] = {"list": AuditPage}
    queries: ClassVar[dict[str, Any]] = {"list": AuditQuery}
    permissions: ClassVar[dict[str, str]] = {"list": "opsconsole.view_auditlog"}

    def list(self, request: Request) -> Response:
        """Entries, newest first, by action, actor, identity, result and time."""
        query = AuditQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        data = dict(query.validated_data)
        limit, cursor = data.pop("limit"), data.pop("cursor")
        audit_filter = audit_queries.AuditFilter(**data)
        listed = f"audit:{audit_filter.digest}"
        beyond, backwards = None, False
        if cursor:
            beyond, backwards = cursors.decode(cursor, listed=listed)
        rows, more = audit_queries.page(audit_filter, limit=limit, beyond=beyond, backwards=backwards)
        entries = [audit_queries.as_json(row) for row in rows]
        shorten(entries, "error")
        return Response(
            {
                "entries": entries,
                **cursors.links(
                    request,
                    listed=listed,
                    keys=[row.pk for row in rows],
                    has_next=backwards or more,
                    has_previous=more if backwards else beyond is not None,
                ),
            }
        )
