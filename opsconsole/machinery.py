"""What does the work: the broker with what waits in it, workers, beat, the sweeper; on a page, and on the first one.

Workers are never asked here: what they told the sweeper is read. The broker is, within about two seconds, which is why
all of this comes after the page. What can't be read is said in its place, and takes nothing else away.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from jobs import catalog, gateway, pulse
from jobs.pulse import Worker
from jobs.schedules.queries import beat_state, entries
from opsconsole.errors import OpsError
from opsconsole.redaction import redact_name

logger = structlog.get_logger(__name__)

VIEW: Final = "jobs.view_job"
SEE_SCHEDULES: Final = "django_celery_beat.view_periodictask"
SWITCH: Final = "django_celery_beat.change_periodictask"


@dataclass
class _Broker:
    """Since when this process has found the broker down; no other place is left to keep that while Redis is away."""

    down_since: datetime | None = None


_broker = _Broker()


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A queue: who listens on it, how many messages wait in it (None: nobody knows), how many jobs are due for it."""

    name: str
    workers: Sequence[str]
    messages: int | None
    jobs: int
    oldest_at: datetime | None


def page_view(request: HttpRequest) -> HttpResponse:
    """Return the page; what it shows comes after it."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    context = {**admin.site.each_context(request), "title": "Machinery", "part_url": reverse("machinery-part")}
    return TemplateResponse(request, "opsconsole/machinery.html", context)


def part_view(request: HttpRequest) -> HttpResponse:
    """Return what the page and the first page show, for htmx to put in place."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    whole = request.GET.get("whole") == "1"
    return TemplateResponse(request, "opsconsole/_machinery.html", _context(request) | {"whole": whole}).render()


def _context(request: HttpRequest) -> dict[str, Any]:
    context: dict[str, Any] = {"now": timezone.now(), "queues": (), "workers": ()}
    known = _read(context, "workers_problem", pulse.workers) or ()
    since = context["now"] - timedelta(seconds=settings.WORKER_SILENT_SECONDS)
    online = [worker for worker in known if worker.seen_at > since]
    context["workers"] = [
        {
            "name": redact_name(worker.hostname),
            "queues": [redact_name(queue) for queue in worker.queues],
            "seen_at": worker.seen_at,
            "online": worker in online,
        }
        for worker in known
    ]
    old = context["now"] - timedelta(seconds=settings.SWEEPER_SILENT_SECONDS)
    context["sweepers"] = [
        {
            "name": redact_name(sweeper.name),
            "alive_at": sweeper.alive_at,
            "ticked_at": sweeper.ticked_at,
            "silent": sweeper.alive_at < old,
            "behind": sweeper.waits_since < old,
        }
        for sweeper in _read(context, "sweeper_problem", pulse.sweepers) or ()
    ]
    context["sweeper"] = min(context["sweepers"], key=lambda each: (each["silent"], each["behind"]), default=None)
    context["queues"] = _queues(context, online)
    if request.user.has_perm(SEE_SCHEDULES):
        _read_schedules(request, context)
    return context


def _queues(context: dict[str, Any], online: Sequence[Worker]) -> list[Queue]:
    work = _read(context, "work_problem", pulse.work_of_late)
    due = {waiting.queue: waiting for waiting in work.waiting} if work else {}
    names = {*catalog.queues(), *due, *(queue for worker in online for queue in worker.queues)}
    messages: dict[str, int] = {}
    try:
        messages = gateway.waiting_in(names)
    except gateway.BrokerUnreachable:
        _broker.down_since = _broker.down_since or context["now"]
        context["broker_down_since"] = _broker.down_since
    else:
        _broker.down_since = None
    return [
        Queue(
            name=redact_name(name),
            workers=sorted({redact_name(worker.hostname) for worker in online if name in worker.queues}),
            messages=messages.get(name),
            jobs=due[name].jobs if name in due else 0,
            oldest_at=due[name].oldest_at if name in due else None,
        )
        for name in sorted(names)
    ]


def _read_schedules(request: HttpRequest, context: dict[str, Any]) -> None:
    found = _read(context, "beat_problem", entries)
    if found is None:
        return
    context["beat"] = beat_state(found)
    paused = [entry for entry in found if entry.paused and not entry.task.enabled]
    context["paused"] = len(paused)
    context["enabled"] = sum(entry.task.enabled for entry in found)
    context["paused_since"] = min((entry.task.pause.paused_at for entry in paused), default=None)
    context["paused_by"] = paused[0].task.pause.paused_by if paused else ""
    if request.user.has_perm(SWITCH):
        name = "admin:django_celery_beat_periodictask_"
        context["resume_url"] = reverse(f"{name}resume") if paused else ""
        context["pause_url"] = reverse(f"{name}pause") if context["enabled"] else ""


def _read(context: dict[str, Any], problem: str, source: Callable[[], Any]) -> Any:
    try:
        with transaction.atomic():
            return source()
    except OpsError as error:
        context[problem] = error.message
    except DatabaseError:
        logger.exception("machinery.unread", part=problem.removesuffix("_problem"))
        context[problem] = "This can't be read at the moment."
    return None
