"""What stands behind a periodic task, and how it is started as a job of the ledger."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs import catalog, subjects
from jobs.catalog import JobType
from jobs.operations import JobRequest, submit_run
from jobs.receipts import Submitted
from jobs.schedules import entry_tasks
from jobs.schedules.arguments import bind, check_storable
from jobs.schedules.queries import Entry
from opsconsole.audit import Actor, Entity, record_refusal
from opsconsole.errors import NotFound, OpsError, Refused
from opsconsole.redaction import redact_name

SUBMIT_JOB = "opsconsole.submit_job"


@dataclass(frozen=True, kw_only=True)
class Startable:
    """Work that can be started as a job.

    Attributes:
        title: what it does, for people.
        start: the operation; takes `actor` and `reason`. None when there was nothing to do.
    """

    title: str
    start: Callable[..., Submitted | None]


def title_of(task: str) -> str:
    """Return what a periodic task starts, for people; the task's own name where nobody has given it another."""
    if entry_task := entry_tasks.find(task):
        return entry_task.title
    job_type = catalog.type_of(task)
    return job_type.title if job_type else redact_name(task)


def title_of_entry(entry: Entry) -> str:
    """Return what a periodic task starts; where it submits jobs of some type, what that type is called."""
    if entry.task.task == SUBMIT_JOB:
        job_type = catalog.find(str((entry.arguments or {}).get("job_type", "")))
        if job_type:
            return job_type.title
    return title_of(entry.task.task)


def startable(entry: Entry) -> Startable:
    """Return how the work of a periodic task is started as a job.

    Raises:
        Refused: its task is none that the console can turn into a job, or its arguments are not what it takes.
    """
    if entry.arguments is None or entry.positional is None:
        raise Refused("Its arguments are no valid JSON; correct them first.", code="bad_arguments")
    task = entry.task.task
    if entry_task := entry_tasks.find(task):
        bound = bind(entry_task.parameters, entry.positional, entry.arguments)

        def start(*, actor: Actor, reason: str) -> Submitted | None:
            return entry_task.start(**bound, actor=actor, reason=reason)

        return Startable(title=entry_task.title, start=start)
    job_type = catalog.type_of(task)
    if job_type is None:
        raise Refused(
            f"“{redact_name(task)}” can't be started as a job, so only beat starts it. What can be: the console's own "
            f"entry tasks ({', '.join(sorted(entry_tasks.registered()))}) and the tasks of the catalog's job types.",
            code="not_startable",
        )
    check_schedulable(job_type)
    payload = _payload(job_type, entry.positional, entry.arguments)

    def submit(*, actor: Actor, reason: str) -> Submitted:
        check_subject(job_type, payload)
        return _submit(job_type, payload, actor=actor, reason=reason)

    return Startable(title=job_type.title, start=submit)


def why_not(entry: Entry) -> str:
    """Return why a periodic task's work can't be started as a job, in a sentence, or an empty text when it can be."""
    try:
        startable(entry)
    except Refused as refusal:
        return refusal.message
    return ""


def check_schedulable(job_type: JobType) -> None:
    """Raise Refused for a type whose jobs no schedule and no “run now” may make."""
    if job_type.at_most_once:
        raise Refused(
            f"A job of the type “{job_type.title}” may run at most once, so it is never started by a schedule or from "
            "one.",
            code="at_most_once",
        )


def check_subject(job_type: JobType, payload: Mapping[str, Any]) -> None:
    """Raise Refused or NotFound for a payload by which a job would be about an identity that it can't be about."""
    given = payload.get("identity_id")
    if given is None or "identity_id" not in (job_type.arguments or ()):
        return
    if subjects.identity_id_of(payload) is None:
        raise Refused("Its argument identity_id must be the id of an identity.", code="bad_arguments")
    subject = subjects.registered().of({0: payload}).get(0)
    if subject is None:
        raise NotFound(f"There is no identity {given}.", code="identity_not_found")
    if not subject.is_active:
        raise NotFound(f"The identity {subject.display_name} is inactive; activate it first.", code="identity_inactive")


def submit_job(*, job_type: Any, payload: Any = None, actor: Actor, reason: str = "") -> Submitted:
    """Submit a job of a type that the catalog knows, as a periodic task's arguments name it.

    Args:
        job_type: the type's name.
        payload: the job's payload, an object; none is an empty one.
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Raises:
        Refused: the catalog lacks the type, its jobs run at most once, or the payload is no object.
        NotFound: the identity that it names does not exist or is inactive.
    """
    try:
        found = catalog.find(job_type) if isinstance(job_type, str) else None
        if found is None:
            raise Refused(
                f"“{redact_name(str(job_type))[:100]}” is not a job type of the catalog, whose types are "
                f"{', '.join(sorted(catalog.titles()))}.",
                code="unknown_job_type",
            )
        check_schedulable(found)
        given = {} if payload is None else payload
        if not isinstance(given, dict):
            raise Refused("The payload must be a JSON object, such as {}.", code="bad_arguments")
        check_storable(given)
        check_subject(found, given)
    except OpsError as refusal:
        # What can't be stored can't be written down either.
        asked = {"job_type": str(job_type)[:100]}
        record_refusal(
            refusal, actor=actor, action=entry_tasks.RUN, entity=Entity(type="job"), reason=reason, request=asked
        )
        raise
    return _submit(found, given, actor=actor, reason=reason)


def _payload(job_type: JobType, positional: Sequence[Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    if job_type.arguments is not None:
        return bind(job_type.arguments, positional, arguments)
    # It takes whatever it is given; nobody knows in which order.
    return bind(tuple(arguments), (), arguments) if not positional else bind((), positional, arguments)


def _submit(job_type: JobType, payload: dict[str, Any], *, actor: Actor, reason: str) -> Submitted:
    operation = f"{job_type.name.rpartition('.')[2]}.trigger"
    about: dict[str, Any] = {"actor": actor, "entity": Entity(type="job"), "reason": reason}
    try:
        return submit_run(
            operation=operation,
            title=job_type.title,
            requests=[JobRequest(job_type=job_type.name, payload=payload)],
            **about,
        )
    except OpsError as refusal:
        record_refusal(refusal, action=operation, request=payload, **about)
        raise
