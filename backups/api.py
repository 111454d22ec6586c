"""The API's endpoints for backups and restore tests: how they are doing, what there was, and what can be started."""

from typing import Any, ClassVar, Final

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from backups import api_shapes, history, operations, status
from backups.history import STATUSES, TYPES, HistoryFilter
from backups.models import KINDS
from backups.operations import ALL
from backups.representation import history_as_json, status_as_json
from jobs.api_changes import accepted
from jobs.api_shapes import Accepted
from opsconsole.api.actor import actor_of
from opsconsole.api.fields import IdField, Input, ListQuery, ReasonField
from opsconsole.api.viewsets import OpsViewSet

MAX_OFFSET: Final = 1_000_000
_ASKED_FOR: Final = (*KINDS, ALL)


class ChoicesField(serializers.CharField):
    """Some of a few words, with commas.

    Args:
        noun: what each of them is, for the sentence.
        allowed: the words.
    """

    def __init__(self, *, noun: str, allowed: tuple[str, ...], **kwargs: Any) -> None:
        self._noun = noun
        self._allowed = allowed
        super().__init__(required=False, allow_blank=True, max_length=100, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        """Return the words, each of which must be allowed."""
        found = list(dict.fromkeys(part.strip() for part in super().to_internal_value(data).split(",") if part.strip()))
        for word in found:
            if word not in self._allowed:
                raise serializers.ValidationError(
                    f"“{word[:50]}” is not a {self._noun}; allowed are {', '.join(self._allowed)}."
                )
        return tuple(found)


class HistoryQuery(ListQuery):
    """The query parameters of the history."""

    type = ChoicesField(noun="type", allowed=TYPES)
    kind = ChoicesField(noun="kind", allowed=KINDS)
    status = ChoicesField(noun="status", allowed=STATUSES)
    offset = serializers.IntegerField(
        min_value=0,
        max_value=MAX_OFFSET,
        default=0,
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value", "max_string_length"),
            f"This must be a whole number from 0 to {MAX_OFFSET}.",
        ),
    )

    def to_internal_value(self, data: Any) -> Any:
        """Take words that are repeated or have commas."""
        values = dict(data.items())
        if hasattr(data, "getlist"):
            values |= {name: ",".join(data.getlist(name)) for name in ("type", "kind", "status") if name in data}
        return super().to_internal_value(values)


class TriggerInput(Input):
    """What a backup takes."""

    kind = serializers.ChoiceField(
        choices=_ASKED_FOR,
        default=ALL,
        error_messages={"invalid_choice": f"“{{input}}” is not a kind; allowed are {', '.join(_ASKED_FOR)}."},
    )
    reason = ReasonField()


class RestoreTestInput(Input):
    """What a restore test takes; without a backup it is the newest one of each kind."""

    backup_run_id = IdField(required=False, allow_null=True, default=None)
    all_files = serializers.BooleanField(
        required=False, default=False, error_messages={"invalid": "This must be true or false."}
    )
    reason = ReasonField()


class BackupViewSet(OpsViewSet):
    """Backups and restore tests. The files themselves are never offered: they hold everything."""

    tag = "Backups"
    answers: ClassVar[dict[str, Any]] = {
        "status": api_shapes.BackupStatus,
        "history": api_shapes.BackupHistory,
        "trigger": {202: Accepted},
        "restore_test": {202: Accepted},
    }
    queries: ClassVar[dict[str, Any]] = {"history": HistoryQuery}
    permissions: ClassVar[dict[str, str]] = {
        "status": "backups.view_backuprun",
        "history": "backups.view_backuprun",
        "trigger": "backups.start_backuprun",
        "restore_test": "backups.start_restoretest",
    }
    conditional = frozenset({"status"})
    moving = frozenset({"as_of"})

    @action(detail=False, methods=["get"])
    def status(self, request: Request) -> Response:
        """The last backup and restore test of each kind, the next ones, and how healthy that is.

        Takes the permission `backups.view_restoretest` too.
        """
        _check_may_see_tests(request)
        return Response(status_as_json(status.current()))

    @action(detail=False, methods=["get"])
    def history(self, request: Request) -> Response:
        """Backups and restore tests, newest first, by type, kind and status.

        Takes the permission `backups.view_restoretest` too.
        """
        _check_may_see_tests(request)
        query = HistoryQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        data = query.validated_data
        limit, offset = data["limit"], data["offset"]
        wanted = HistoryFilter(types=data.get("type", ()), kinds=data.get("kind", ()), statuses=data.get("status", ()))
        page = history.page(wanted, limit=limit, offset=offset)
        here = request.build_absolute_uri()
        beyond = offset + limit
        return Response(
            {
                "history": history_as_json(page),
                "total": page.total,
                "next": replace_query_param(here, "offset", beyond) if beyond < page.total else None,
                "previous": replace_query_param(here, "offset", max(0, offset - limit)) if offset else None,
            }
        )

    @action(detail=False, methods=["post"], serializer_class=TriggerInput)
    def trigger(self, request: Request) -> Response:
        """Back up the database, the attachments, or all that is set up and isn't running."""
        given = TriggerInput(data=request.data)
        given.is_valid(raise_exception=True)
        return self.once(
            request,
            lambda: operations.trigger_backup(actor=actor_of(request), **given.validated_data),
            accepted,
        )

    @action(detail=False, methods=["post"], url_path="restore-test", serializer_class=RestoreTestInput)
    def restore_test(self, request: Request) -> Response:
        """Restore a backup, or the newest one of each kind, and compare it with what was backed up."""
        given = RestoreTestInput(data=request.data)
        given.is_valid(raise_exception=True)
        return self.once(
            request,
            lambda: operations.trigger_restore_test(actor=actor_of(request), **given.validated_data),
            accepted,
        )


def _check_may_see_tests(request: Request) -> None:
    """Raise PermissionDenied for somebody who may see backups only: restore tests are part of these answers."""
    if not request.user.has_perm("backups.view_restoretest"):
        raise PermissionDenied("You may see backups, but not restore tests, which are part of this.")
