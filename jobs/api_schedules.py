"""The API's endpoints for beat's periodic tasks."""

from collections.abc import Callable
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import api_schedule_shapes
from jobs.api_changes import accepted
from jobs.api_shapes import Accepted
from jobs.schedules import operations, queries
from jobs.schedules.operations import Switched
from jobs.schedules.representation import beat_as_json, schedule_as_json
from opsconsole.api.actor import actor_of
from opsconsole.api.fields import Input, ReasonField
from opsconsole.api.viewsets import OpsViewSet

VIEW = "django_celery_beat.view_periodictask"
CHANGE = "django_celery_beat.change_periodictask"


class ScheduleChangeInput(Input):
    """What an operation on schedules takes."""

    reason = ReasonField()


class ScheduleViewSet(OpsViewSet):
    """Schedules: what beat starts, when it did last and will next, and whether it does."""

    tag = "Schedules"
    id_words = "The periodic task's id."
    answers: ClassVar[dict[str, Any]] = {
        "list": api_schedule_shapes.ScheduleList,
        "retrieve": api_schedule_shapes.Schedule,
        "run": {202: Accepted},
        **dict.fromkeys(("enable", "disable"), api_schedule_shapes.ScheduleSwitched),
        **dict.fromkeys(("pause", "resume"), api_schedule_shapes.SchedulesSwitched),
    }
    permissions: ClassVar[dict[str, str]] = {
        "list": VIEW,
        "retrieve": VIEW,
        **dict.fromkeys(("run", "enable", "disable", "pause", "resume"), CHANGE),
    }
    serializer_class: type[serializers.Serializer[Any]] = ScheduleChangeInput

    def list(self, request: Request) -> Response:
        """All periodic tasks by name, how beat is doing, and whether all schedules are paused."""
        found = queries.entries()
        state = queries.beat_state(found)
        return Response(
            {
                "schedules": [schedule_as_json(entry) for entry in found],
                "beat": beat_as_json(state),
                "paused": any(entry.paused and not entry.task.enabled for entry in found),
            }
        )

    def retrieve(self, request: Request, pk: str) -> Response:
        """One periodic task."""
        return Response(schedule_as_json(queries.get(queries.schedule_id_of(pk))))

    @action(detail=True, methods=["post"])
    def run(self, request: Request, pk: str) -> Response:
        """Start what stands behind it, as a job, also when it is off or paused."""
        reason = _reason(request)
        return self.once(
            request,
            lambda: operations.run_now(queries.schedule_id_of(pk), actor=actor_of(request), reason=reason),
            accepted,
        )

    @action(detail=True, methods=["post"])
    def enable(self, request: Request, pk: str) -> Response:
        """Switch it on; it counts from now."""
        return self._switch(request, pk, enabled=True)

    @action(detail=True, methods=["post"])
    def disable(self, request: Request, pk: str) -> Response:
        """Switch it off."""
        return self._switch(request, pk, enabled=False)

    @action(detail=False, methods=["post"])
    def pause(self, request: Request) -> Response:
        """Switch off all that are on, and remember them."""
        return self._all(request, operations.pause_all)

    @action(detail=False, methods=["post"])
    def resume(self, request: Request) -> Response:
        """Switch on what was paused."""
        return self._all(request, operations.resume_all)

    def _switch(self, request: Request, pk: str, *, enabled: bool) -> Response:
        reason = _reason(request)
        return self.once(
            request,
            lambda: operations.set_enabled(
                [queries.schedule_id_of(pk)], enabled=enabled, actor=actor_of(request), reason=reason
            ),
            lambda switched: Response(
                {"message": switched.message, "schedule": schedule_as_json(queries.get(next(iter(switched.done))))}
            ),
        )

    def _all(self, request: Request, operate: Callable[..., Switched]) -> Response:
        reason = _reason(request)
        return self.once(
            request,
            lambda: operate(actor=actor_of(request), reason=reason),
            lambda switched: Response(
                {
                    "message": switched.message,
                    "schedules": [{"id": pk, "name": name} for pk, name in switched.done.items()],
                    "left": [{"id": pk, "name": name} for pk, name in switched.left.items()],
                }
            ),
        )


def _reason(request: Request) -> str:
    given = ScheduleChangeInput(data=request.data)
    given.is_valid(raise_exception=True)
    return str(given.validated_data["reason"])
