"""Which task, queue and arguments stand behind which job type, and what may be done with a job of that type.

The only module that names the core's tasks. An installation adds types, or maps one to another task, by the setting
`JOB_TYPES` (environment: `OPS_JOB_TYPES`, a JSON object) from the name of a job type to attributes of `JobType` below:
`{"media.transcode": {"task": "media.encode", "queue": "gpu", "arguments": ["attachment_id"]}}`. What is left out is as
shipped, or the default for a new type; a new one needs `task` and `queue`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

BACKFILL_CONVERSATIONS = "ingest.backfill_conversations"
BACKFILL_MESSAGES = "ingest.backfill_messages"
SYNC = "ingest.sync_delta"
SYNC_INBOX_FAST = "ingest.sync_inbox_fast"
REDOWNLOAD_ATTACHMENTS = "ingest.redownload_attachments"
SEND_MESSAGE = "message.send_manual"
HOUSEKEEPING = "opsconsole.housekeeping"
RETRY_MATCHING = "opsconsole.retry_matching"
CANCEL_MATCHING = "opsconsole.cancel_matching"
TELL_VERDICT = "opsconsole.tell_verdict"
DATABASE_BACKUP = "opsconsole.database_backup"
ATTACHMENTS_SNAPSHOT = "opsconsole.attachments_snapshot"
RESTORE_TEST = "opsconsole.restore_test"
# The core's own backups.
CORE_DATABASE_BACKUP = "maintenance.mysql_dump_local"
CORE_ATTACHMENTS_SNAPSHOT = "maintenance.attachments_snapshot_local"
CORE_RESTORE_TEST = "maintenance.restore_test_local"

TWO_HOURS = 2 * 60 * 60


@dataclass(frozen=True, kw_only=True)
class JobType:
    """What stands behind a job type.

    Attributes:
        name: the type, as the ledger has it.
        label: what people call it.
        task: the Celery task's name.
        queue: the queue that its worker listens on.
        arguments: payload keys that become keyword arguments of the same name; None for all of them.
        payload_argument: the one keyword argument that takes the whole payload, instead of `arguments`.
        in_core: it runs in the core's worker, which knows nothing of the ledger.
        max_attempts: how often it is tried before it counts as failed.
        time_limit_seconds: a running job older than this is stuck.
        at_most_once: it may never run again without an explicit confirmation.
        core_writes_row: the core's worker writes the ledger row of this type itself.
        serial_group: of the types of one group, only one job of an identity is handed over at a time.
        not_cancellable: why a job of this type can't be cancelled, or empty.
        syncs_identity: it fetches what is new for an identity, so that its success is a sync of it.
    """

    name: str
    task: str
    queue: str
    label: str = ""
    arguments: tuple[str, ...] | None = None
    payload_argument: str = ""
    in_core: bool = True
    max_attempts: int = 3
    time_limit_seconds: int = TWO_HOURS
    at_most_once: bool = False
    core_writes_row: bool = False
    serial_group: str = ""
    not_cancellable: str = ""
    syncs_identity: bool = False

    @property
    def title(self) -> str:
        """What people call it."""
        return self.label or self.name

    def kwargs(self, payload: Any) -> dict[str, Any]:
        """Return the task's keyword arguments for a job's payload (any JSON value; only an object has keys)."""
        if self.payload_argument:
            return {self.payload_argument: payload}
        if not isinstance(payload, dict):
            return {}
        if self.arguments is None:
            return dict(payload)
        return {name: payload[name] for name in self.arguments if name in payload}

    def serial_key(self, subject_id: int | None) -> str | None:
        """Return the key under which its jobs are handed over one at a time, or None when they need not wait.

        Args:
            subject_id: whom the job concerns, where that is known.
        """
        return f"{self.serial_group}:{subject_id}" if self.serial_group and subject_id is not None else None


_INGEST: dict[str, Any] = {"queue": "ingest", "serial_group": "ingest"}
_SEND = JobType(
    name=SEND_MESSAGE,
    label="Send message",
    task="message.send_manual",
    queue="messages",
    payload_argument="payload",
    max_attempts=1,
    at_most_once=True,
    core_writes_row=True,
    not_cancellable="Delete the message in its conversation.",
)

_SHIPPED: tuple[JobType, ...] = (
    JobType(
        name=BACKFILL_CONVERSATIONS,
        label="Backfill conversations",
        task="ingest.backfill_conversations",
        arguments=("provider_id", "identity_id"),
        syncs_identity=True,
        **_INGEST,
    ),
    JobType(
        name=BACKFILL_MESSAGES,
        label="Backfill messages",
        task="ingest.backfill_messages",
        arguments=("provider_id", "conversation_id", "identity_id"),
        syncs_identity=True,
        **_INGEST,
    ),
    JobType(
        name=SYNC,
        label="Sync",
        task="ingest.sync_delta",
        arguments=("provider_id", "identity_id"),
        syncs_identity=True,
        **_INGEST,
    ),
    # Of the default identity; the core's beat starts it without arguments.
    JobType(
        name=SYNC_INBOX_FAST,
        label="Sync inbox",
        task="ingest.sync_inbox_fast",
        arguments=(),
        syncs_identity=True,
        **_INGEST,
    ),
    JobType(
        name=REDOWNLOAD_ATTACHMENTS,
        label="Fetch attachments again",
        task="ingest.redownload_attachments",
        arguments=("conversation_id", "limit"),
        **_INGEST,
    ),
    _SEND,
    JobType(
        name=HOUSEKEEPING,
        label="Housekeeping",
        task="opsconsole.housekeeping",
        queue="opsconsole",
        arguments=(),
        in_core=False,
        max_attempts=1,
    ),
    JobType(
        name=TELL_VERDICT,
        label="Tell of the verdict",
        task=TELL_VERDICT,
        queue="opsconsole",
        arguments=("notice_id",),
        in_core=False,
        max_attempts=12,
    ),
    # How far they have come is kept beside them: another attempt goes on there.
    *(
        JobType(name=name, label=label, task=name, queue="opsconsole", arguments=(), in_core=False)
        for name, label in ((RETRY_MATCHING, "Retry many jobs"), (CANCEL_MATCHING, "Cancel many jobs"))
    ),
    *(
        JobType(
            name=name,
            label=label,
            task=name,
            queue="opsconsole.maintenance",
            arguments=arguments,
            in_core=False,
            max_attempts=2,
            time_limit_seconds=12 * 60 * 60,
        )
        for name, label, arguments in (
            (DATABASE_BACKUP, "Database backup", ()),
            (ATTACHMENTS_SNAPSHOT, "Attachments snapshot", ()),
            (RESTORE_TEST, "Restore test", ("backup_run_id", "all_files")),
        )
    ),
    # The name that older rows have.
    replace(_SEND, name="send_manual"),
    *(
        JobType(name=name, label=label, task=name, queue="maintenance", arguments=(), max_attempts=1)
        for name, label in (
            (CORE_DATABASE_BACKUP, "Database backup (core)"),
            (CORE_ATTACHMENTS_SNAPSHOT, "Attachments snapshot (core)"),
            (CORE_RESTORE_TEST, "Restore test (core)"),
        )
    ),
)


def find(job_type: str) -> JobType | None:
    """Return what stands behind a job type, or None when the catalog lacks it."""
    return _catalog().get(job_type)


def own_type_of(task: str) -> JobType | None:
    """Return the job type that an own task runs, or None when the catalog has none."""
    return next((found for found in _catalog().values() if found.task == task and not found.in_core), None)


def type_of(task: str) -> JobType | None:
    """Return the job type that a task runs, the one of the same name first, or None when the catalog has none."""
    known = _catalog()
    same = known.get(task)
    return same if same and same.task == task else next((found for found in known.values() if found.task == task), None)


def syncing() -> tuple[JobType, ...]:
    """Return the types whose jobs sync an identity."""
    return tuple(found for found in _catalog().values() if found.syncs_identity)


def unlisted(job_type: str, queue: str) -> JobType:
    """Return how a type that only a live worker knows is run: its own task, its row's queue, at most once."""
    return JobType(name=job_type, task=job_type, queue=queue, max_attempts=1, at_most_once=True)


def time_limits() -> dict[str, int]:
    """Return the time limit in seconds of each type that the catalog knows."""
    return {name: job_type.time_limit_seconds for name, job_type in _catalog().items()}


def queues() -> set[str]:
    """Return the queues of the types that the catalog knows."""
    return {job_type.queue for job_type in _catalog().values()}


def titles() -> dict[str, str]:
    """Return what people call each type that the catalog knows."""
    return {name: job_type.title for name, job_type in _catalog().items()}


@cache
def _catalog() -> Mapping[str, JobType]:
    types = {job_type.name: job_type for job_type in _SHIPPED}
    known = {field.name for field in fields(JobType)} - {"name"}
    for name, given in settings.JOB_TYPES.items():
        if unknown := sorted(set(given) - known):
            raise ImproperlyConfigured(
                f"JOB_TYPES[{name!r}] has the unknown keys {', '.join(unknown)}; known are {', '.join(sorted(known))}."
            )
        values: dict[str, Any] = {
            key: tuple(value) if key == "arguments" and value is not None else value for key, value in given.items()
        }
        if name in types:
            types[name] = replace(types[name], **values)
        elif {"task", "queue"} <= set(values):
            types[name] = JobType(name=name, **values)
        else:
            raise ImproperlyConfigured(f"JOB_TYPES[{name!r}] needs a `task` and a `queue`.")
    return types


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting == "JOB_TYPES":
        _catalog.cache_clear()


setting_changed.connect(_forget, dispatch_uid="jobs.catalog")
