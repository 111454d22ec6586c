"""The API's endpoint for the verdict: whether anything is wrong, what, and what to do about it."""

from typing import Any, ClassVar, Final

from rest_framework.request import Request
from rest_framework.response import Response

from opsconsole.api.viewsets import OpsViewSet
from opsconsole.verdict import assess, shapes
from opsconsole.verdict.facts import PARTS, Part
from opsconsole.verdict.reading import facts
from opsconsole.verdict.representation import verdict_as_json

VIEW: Final = "jobs.view_job"
# What whoever may see jobs must be allowed to see besides, to be told of these parts.
NEEDED: Final[dict[Part, tuple[str, ...]]] = {
    "beat": ("django_celery_beat.view_periodictask",),
    "sync": ("identities.view_identity",),
    "backup": ("backups.view_backuprun", "backups.view_restoretest"),
}


def visible_parts(user: Any) -> tuple[Part, ...]:
    """Return the parts of the verdict that somebody may be told of."""
    return tuple(part for part in PARTS if user.has_perms(NEEDED.get(part, (VIEW,))))


class HealthViewSet(OpsViewSet):
    """The verdict on the whole: database, broker, workers, beat, queue, failures, syncs, backups."""

    tag = "The whole"
    answers: ClassVar[dict[str, Any]] = {"list": shapes.Health}
    permissions: ClassVar[dict[str, str]] = {"list": VIEW}
    conditional = frozenset({"list"})
    moving = frozenset({"as_of"})

    def list(self, request: Request) -> Response:
        """Whether anything is wrong, the reasons with the worst one first, and the status of each part."""
        return Response(verdict_as_json(assess(facts(visible_parts(request.user)))))
