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
RUN_ALL_WATCHES = "scout.run_all_watches"
CLEANUP_WATCH_HISTORY = "maintenance.cleanup_scout_watch_history"
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

# The core's workers kill a task after this time.
CORE_TIME_LIMIT_SECONDS = 10 * 60
OWN_TIME_LIMIT_SECONDS = 2 * 60 * 60
# For types that the catalog lacks: which worker runs them, and with which limit, is unknown.
UNKNOWN_TIME_LIMIT_SECONDS = 2 * 60 * 60
# Celery's default queue. The core's workers listen on it too, though no type of the catalog uses it.
CORE_DEFAULT_QUEUE = "celery"

IDENTITY = "identity"


@dataclass(frozen=True, kw_only=True)
class JobType:
    """A job type and how its jobs are run.

    Attributes:
        name: the type, as the ledger has it.
        label: what people call it.
        task: the Celery task's name.
        queue: the queue that its worker listens on.
        arguments: payload keys that become keyword arguments of the same name; None for all of them.
        payload_argument: the one keyword argument that takes the whole payload, instead of `arguments`.
        in_core: it runs in the core's worker, which knows nothing of the ledger.
        max_attempts: how often it is tried before it counts as failed.
        time_limit_seconds: a job that runs longer is stuck; None for the default, CORE_TIME_LIMIT_SECONDS or
            OWN_TIME_LIMIT_SECONDS.
        at_most_once: it may never run again without an explicit confirmation.
        core_writes_row: the core's worker writes the ledger row of this type itself.
        serial_group: of the types of one group, only one job of an identity is handed over at a time.
        not_cancellable: why a job of this type can't be cancelled, or empty.
        syncs_identity: it fetches what is new for an identity, so that its success is a sync of it.
        covers: `identity` if the task fetches the whole identity, whichever conversation it is given. One job then
            does the work of several. Empty if the task does only what its payload names.
        repeatable: running it again is known to be safe.
        concerns: who or what its jobs concern; empty if that is unknown.
    """

    name: str
    task: str
    queue: str
    label: str = ""
    arguments: tuple[str, ...] | None = None
    payload_argument: str = ""
    in_core: bool = True
    max_attempts: int = 3
    time_limit_seconds: int | None = None
    at_most_once: bool = False
    core_writes_row: bool = False
    serial_group: str = ""
    not_cancellable: str = ""
    syncs_identity: bool = False
    covers: str = ""
    repeatable: bool = False
    concerns: str = ""

    @property
    def title(self) -> str:
        """What people call it."""
        return self.label or self.name

    @property
    def time_limit(self) -> int:
        """How many seconds a job may run before it counts as stuck."""
        if self.time_limit_seconds is not None:
            return self.time_limit_seconds
        return CORE_TIME_LIMIT_SECONDS if self.in_core else OWN_TIME_LIMIT_SECONDS

    @property
    def facts(self) -> tuple[str, ...]:
        """The facts that are known and unknown about jobs of this type, one sentence each."""
        again = "Unknown whether it can safely run more than once."
        if self.at_most_once:
            again = "Runs at most once. A retry needs a confirmation."
        elif self.repeatable:
            again = "Can safely run more than once."
        if self.payload_argument:
            arguments = f"Argument: {self.payload_argument}."
        elif self.arguments is None:
            arguments = "Arguments: unknown. All keys of the payload are passed."
        else:
            arguments = f"Arguments: {', '.join(self.arguments) or 'none'}."
        return (again, arguments, f"Concerns: {self.concerns or 'unknown'}.")

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
# The core's ingest tasks insert or update rows, so a second run is safe.
_FETCH: dict[str, Any] = {**_INGEST, "repeatable": True}
_SYNC: dict[str, Any] = {**_FETCH, "syncs_identity": True, "concerns": "an identity"}
_OF_IDENTITY = ("provider_id", "identity_id")
_OWN: dict[str, Any] = {"in_core": False, "repeatable": True}
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
    concerns="a message",
)
# Core tasks of which only the name and the queue are known. A job that the console creates for them has one attempt.
# A row that the core wrote has its own maximum.
_LITTLE_KNOWN: Mapping[str, Mapping[str, str]] = {
    "agent": {
        "agent.draft_intro": "Draft introduction",
        "agent.lead_scoring": "Score lead",
        "agent.profile_summary": "Summarize profile",
    },
    "embed": {
        "embed.generate": "Generate embedding",
        "embed.generate_batch": "Generate embeddings in batch",
        "embed.generate_for_entity": "Generate embeddings of entity",
    },
    "index": {
        "index.upsert_content": "Index content",
        "index.delete_content": "Delete content from index",
        "index.bulk_index_conversation": "Index conversation",
        "index.bulk_index_all_messages": "Index all messages",
    },
    "ingest": {
        "ingest.analyze_lead_profile": "Analyze lead profile",
        "ingest.analyze_reddit_user": "Analyze Reddit user",
        "ingest.browse_location": "Browse location",
        "ingest.fetch_post": "Fetch post",
        "ingest.fetch_profile": "Fetch profile",
        "ingest.fetch_profile_items": "Fetch profile items",
    },
    "multi_agent_analysis": {
        "multi_agent_analysis.analyze_lead": "Analyze lead",
        "multi_agent_analysis.batch_analyze": "Analyze leads in batch",
        "multi_agent_analysis.check_analysis_status": "Check analysis status",
        "multi_agent_analysis.cleanup_failed_analyses": "Clean up failed analyses",
    },
    "scout": {
        "scout.run_single_watch": "Run watch",
        "scout.analyze_and_decide": "Analyze and decide",
        "scout.reanalyze_post": "Analyze post again",
    },
}

_SHIPPED: tuple[JobType, ...] = (
    JobType(
        name=BACKFILL_CONVERSATIONS,
        label="Backfill conversations",
        task="ingest.backfill_conversations",
        arguments=_OF_IDENTITY,
        **_SYNC,
    ),
    JobType(
        name=BACKFILL_MESSAGES,
        label="Backfill messages",
        task="ingest.backfill_messages",
        arguments=("provider_id", "conversation_id", "identity_id"),
        covers=IDENTITY,
        **_SYNC,
    ),
    JobType(name=SYNC, label="Sync", task="ingest.sync_delta", arguments=_OF_IDENTITY, **_SYNC),
    # The core's beat starts it without arguments.
    JobType(
        name=SYNC_INBOX_FAST,
        label="Sync inbox",
        task="ingest.sync_inbox_fast",
        arguments=(),
        **{**_SYNC, "concerns": "the default identity"},
    ),
    JobType(
        name=REDOWNLOAD_ATTACHMENTS,
        label="Fetch attachments again",
        task="ingest.redownload_attachments",
        arguments=("conversation_id", "limit"),
        concerns="a conversation, or the newest messages of all",
        **_FETCH,
    ),
    _SEND,
    JobType(
        name=HOUSEKEEPING,
        label="Housekeeping",
        task="opsconsole.housekeeping",
        queue="opsconsole",
        arguments=(),
        max_attempts=1,
        concerns="the console's own tables",
        **_OWN,
    ),
    JobType(
        name=TELL_VERDICT,
        label="Tell of the verdict",
        task=TELL_VERDICT,
        queue="opsconsole",
        arguments=("notice_id",),
        max_attempts=12,
        concerns="a notice",
        **_OWN,
    ),
    # How far they have come is kept beside them: another attempt goes on there.
    *(
        JobType(
            name=name, label=label, task=name, queue="opsconsole", arguments=(), concerns="the jobs of a filter", **_OWN
        )
        for name, label in ((RETRY_MATCHING, "Retry many jobs"), (CANCEL_MATCHING, "Cancel many jobs"))
    ),
    *(
        JobType(
            name=name,
            label=label,
            task=name,
            queue="opsconsole.maintenance",
            arguments=arguments,
            max_attempts=2,
            time_limit_seconds=12 * 60 * 60,
            concerns=concerns,
            **_OWN,
        )
        for name, label, arguments, concerns in (
            (DATABASE_BACKUP, "Database backup", (), "the database"),
            (ATTACHMENTS_SNAPSHOT, "Attachments snapshot", (), "the attachments"),
            (RESTORE_TEST, "Restore test", ("backup_run_id", "all_files"), "a backup"),
        )
    ),
    # The name that older rows have.
    replace(_SEND, name="send_manual"),
    # The core's beat starts these regularly, so running them again is safe.
    *(
        JobType(
            name=name,
            label=label,
            task=name,
            queue=queue,
            arguments=arguments,
            max_attempts=1,
            repeatable=True,
            concerns=concerns,
        )
        for name, label, queue, arguments, concerns in (
            (CORE_DATABASE_BACKUP, "Database backup (core)", "maintenance", (), "the database"),
            (CORE_ATTACHMENTS_SNAPSHOT, "Attachments snapshot (core)", "maintenance", (), "the attachments"),
            (CORE_RESTORE_TEST, "Restore test (core)", "maintenance", (), "the core's backups"),
            (RUN_ALL_WATCHES, "Run all watches", "scout", (), "all watches"),
            (
                CLEANUP_WATCH_HISTORY,
                "Clean up watch history",
                "maintenance",
                ("retention_days",),
                "watch history older than so many days",
            ),
        )
    ),
    *(
        JobType(
            name=name,
            label=label,
            task=name,
            queue=queue,
            max_attempts=1,
            serial_group="ingest" if queue == "ingest" else "",
        )
        for queue, tasks in _LITTLE_KNOWN.items()
        for name, label in tasks.items()
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
    return {name: job_type.time_limit for name, job_type in _catalog().items()}


def longest_core_limit() -> int:
    """Return the longest time limit in seconds of the types that run in the core's workers."""
    return max(job_type.time_limit for job_type in _catalog().values() if job_type.in_core)


def facts(job_type: str) -> tuple[str, ...]:
    """Return what is known about jobs of a type, one sentence each. The catalog may lack the type."""
    if known := find(job_type):
        return known.facts
    return ("Unknown job type. Map it in OPS_JOB_TYPES.",)


def queues() -> set[str]:
    """Return the queues of the types that the catalog knows, and the core's default queue."""
    return {CORE_DEFAULT_QUEUE, *(job_type.queue for job_type in _catalog().values())}


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
        if values.get("covers", "") not in ("", IDENTITY):
            raise ImproperlyConfigured(
                f"`covers` of JOB_TYPES[{name!r}] must be {IDENTITY!r} or empty, not {values['covers']!r}."
            )
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
