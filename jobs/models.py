"""The ledger and what the console keeps beside it.

`jobs` belongs to the core: it is mapped, never migrated, and no row of it is ever deleted. The other tables are the
console's own; their relations to the core's rows carry no constraint, so they never stand in the way of the core.
"""

import uuid
from typing import Final

from django.db import models
from django.db.models import Q
from django_celery_beat.models import PeriodicTask

from opsconsole.fields import AnyJSONField, UTCDateTimeField
from opsconsole.schema.core_table import CoreTable, Lack, Values, Writes

QUEUED: Final = "queued"
RUNNING: Final = "running"
RETRYING: Final = "retrying"
FAILED: Final = "failed"
DONE: Final = "done"
CANCELLED: Final = "cancelled"
ACTIVE_STATUSES: Final = (QUEUED, RUNNING, RETRYING)
ENDED_STATUSES: Final = (FAILED, DONE, CANCELLED)
STATUSES: Final = ACTIVE_STATUSES + ENDED_STATUSES


class Job(models.Model):
    """One piece of work in the core's ledger."""

    queue_name = models.CharField("queue", max_length=64)
    job_type = models.CharField("type", max_length=64)
    payload_json = AnyJSONField("payload", null=True)
    status = models.CharField(max_length=32, default=QUEUED)
    attempts = models.IntegerField(default=0)
    max_attempts = models.IntegerField(default=10)
    next_run_at = UTCDateTimeField(null=True)
    last_error = models.TextField(null=True)
    dedupe_key = models.CharField(max_length=256, null=True, unique=True)
    created_at = UTCDateTimeField("created")
    updated_at = UTCDateTimeField("updated")

    core_table = CoreTable(
        needed_for="jobs, runs and backfills",
        values={
            "status": Values(
                known={
                    QUEUED: Lack(consequence="Nothing can be submitted or retried.", severity="error"),
                    RUNNING: Lack(
                        consequence="No job can be set running, and what has ended can't be settled.", severity="error"
                    ),
                    RETRYING: Lack(consequence="What failed with attempts left can't be settled.", severity="error"),
                    FAILED: Lack(consequence="What failed for good can't be settled.", severity="error"),
                    DONE: Lack(consequence="What succeeded can't be settled.", severity="error"),
                    CANCELLED: Lack(consequence="Cancelling is off.", severity="warning"),
                },
                others="Jobs that have it are shown as they are and counted as other; nothing can be done with them.",
            )
        },
        writes=Writes(
            inserted=(
                "queue_name",
                "job_type",
                "payload_json",
                "status",
                "attempts",
                "max_attempts",
                "dedupe_key",
                "created_at",
                "updated_at",
            ),
            updated=("status", "attempts", "next_run_at", "last_error", "dedupe_key", "updated_at"),
            nulled=("next_run_at", "last_error", "dedupe_key"),
            lengths={"status": max(map(len, STATUSES)), "dedupe_key": 64, "last_error": 5_000},
            unique={
                "dedupe_key": "Nothing could decide between two who submit the same work at once, so PostgreSQL "
                "refuses the console's INSERT, and nothing can be submitted."
            },
            at_stake="jobs can't be submitted, retried or settled",
        ),
    )

    class Meta:
        managed = False
        db_table = "jobs"
        default_permissions = ("view",)
        permissions = [
            ("retry_job", "Can retry a failed job"),
            ("cancel_job", "Can cancel a job"),
            ("terminate_job", "Can terminate the task of a running job"),
            ("fail_job", "Can set a stuck job failed"),
        ]

    def __str__(self) -> str:
        return f"Job {self.pk} ({self.job_type})"


class Run(models.Model):
    """What one click asked for: one or more jobs."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    operation = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    requested_by = models.CharField(max_length=150)
    via = models.CharField(max_length=16)
    created_at = models.DateTimeField(db_index=True)
    # The skipped items with the reasons, and the job that covers each chosen conversation. Both have about a hundred
    # entries at most and are written once (jobs/receipts.py). Lists don't read them.
    left_out = models.JSONField(null=True)
    conversations = models.JSONField(null=True)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.title


class RunJob(models.Model):
    """A job of a run. A job that was active already when the run asked for it is *joined*, not doubled."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, db_index=False, related_name="members")
    job = models.ForeignKey(Job, on_delete=models.DO_NOTHING, db_constraint=False, related_name="memberships")
    joined = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["run", "job"], name="run_job_once")]

    def __str__(self) -> str:
        return f"{self.job_id} in {self.run_id}"


class Outcome(models.TextChoices):
    """How one attempt ended."""

    DONE = "done", "Done"
    PARTIAL = "partial", "Done, with errors"
    SKIPPED = "skipped", "Skipped"
    FAILED = "failed", "Failed"
    RETRYING = "retrying", "Failed, will be retried"
    UNKNOWN = "unknown", "Outcome unknown"
    CANCELLED = "cancelled", "Cancelled"
    SUPERSEDED = "superseded", "Superseded"


class Dispatch(models.Model):
    """One attempt at a job: the task that was, or will be, handed over to Celery for it.

    A job's newest dispatch is the only one that counts. `published_at` says that Celery has the message,
    `ended_at` that the attempt is over. Times are by the database's clock, unless Celery reports them.
    """

    job = models.ForeignKey(
        Job, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="dispatches"
    )
    task_id = models.UUIDField(default=uuid.uuid4, unique=True)
    task = models.CharField(max_length=255)
    queue = models.CharField(max_length=64)
    # The keyword arguments, as JSON. A text, since `jsonb` refuses what the core's payloads may hold (an escaped NUL).
    # Kept here, so that a console whose catalog lacks the type can hand it over all the same.
    kwargs_json = models.TextField(default="")
    in_core = models.BooleanField(help_text="Runs in the core's worker, which knows nothing of the ledger.")
    at_most_once = models.BooleanField(default=False)
    # Dispatches with the same key are handed over one at a time, in the order of their ids.
    serial_key = models.CharField(max_length=128, null=True)

    requested_by = models.CharField(max_length=150)
    via = models.CharField(max_length=16)
    requested_at = models.DateTimeField()

    # Until then, whoever took the lease is publishing; afterwards the sweeper may.
    publication_lease_until = models.DateTimeField()
    # Holds the place of its serial key from the moment it is about to be published until its task is known to be over:
    # the task of a job that was cancelled may go on for a while.
    holds_place = models.BooleanField(default=False)
    published_at = models.DateTimeField(null=True)
    publish_error = models.TextField(null=True)
    publications = models.SmallIntegerField(default=0, help_text="How often its message was sent.")
    # When the sweeper looks whether its message was lost: published, and nobody was seen working on it.
    check_at = models.DateTimeField(null=True)
    # Since when neither its queue nor any worker knows the task.
    unknown_since = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    # Core tasks: since when the worker has been waiting to retry the task; null while it runs. `error` is the error of
    # the last try.
    retrying_since = models.DateTimeField(null=True)
    # Own tasks: whoever has claimed it is alive until then, and says so again and again.
    lease_until = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # The attempt ended before its task did (it was cancelled, say): when to look for what the task leaves behind.
    late_check_at = models.DateTimeField(null=True)
    returned_at = models.DateTimeField(null=True, help_text="When the task of an attempt that had ended returned.")
    # When the next attempt is due, until its own dispatch is made.
    next_attempt_at = models.DateTimeField(null=True)
    worker = models.CharField(max_length=255, null=True)

    outcome = models.CharField(max_length=16, choices=Outcome, null=True)
    result = models.JSONField(null=True)
    error = models.TextField(null=True)
    traceback = models.TextField(null=True)

    # The highest ids when it was dispatched: what lies above them has arrived since.
    conversations_watermark = models.BigIntegerField(null=True)
    messages_watermark = models.BigIntegerField(null=True)
    progress_current = models.BigIntegerField(null=True)
    progress_total = models.BigIntegerField(null=True)
    progress_unit = models.CharField(max_length=32, null=True)
    progress_source = models.CharField(max_length=16, null=True)
    progress_at = models.DateTimeField(null=True)
    # Whoever keeps a history of ended attempts has been told of this end; see jobs/ended.py.
    told = models.BooleanField(default=False)

    class Meta:
        verbose_name = "attempt"
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["job", "-id"], name="dispatch_newest_of_job"),
            # One that holds most open attempts must be of use only to a query that names its column, or what it is
            # about: by statistics that were made while next to nothing was open, PostgreSQL goes through all of it
            # where it should look one up. That is why conditions say of columns that they are not null, which they
            # never are.
            models.Index(
                fields=["id"],
                condition=Q(ended_at__isnull=True, in_core=True, published_at__isnull=False),
                name="dispatch_awaited",
            ),
            models.Index(
                fields=["id"], condition=Q(ended_at__isnull=True, lease_until__isnull=True), name="dispatch_unleased"
            ),
            models.Index(
                fields=["publication_lease_until"],
                condition=Q(ended_at__isnull=True, published_at__isnull=True, publication_lease_until__isnull=False),
                name="dispatch_unpublished",
            ),
            models.Index(
                fields=["serial_key", "id"],
                condition=Q(ended_at__isnull=True, serial_key__isnull=False),
                name="dispatch_serial_order",
            ),
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="dispatch_next_attempt",
            ),
            models.Index(
                fields=["check_at"],
                condition=Q(ended_at__isnull=True, check_at__isnull=False),
                name="dispatch_check",
            ),
            models.Index(
                fields=["lease_until"],
                condition=Q(ended_at__isnull=True, lease_until__isnull=False),
                name="dispatch_lease",
            ),
            models.Index(
                fields=["late_check_at"], condition=Q(late_check_at__isnull=False), name="dispatch_late_check"
            ),
            models.Index(fields=["id"], condition=Q(ended_at__isnull=False, told=False), name="dispatch_untold"),
            models.Index(
                fields=["task", "-id"],
                condition=Q(started_at__isnull=False, ended_at__isnull=False),
                name="dispatch_run_times",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["serial_key"],
                condition=Q(holds_place=True),
                name="dispatch_one_per_serial_key",
            ),
            models.UniqueConstraint(
                fields=["job"],
                condition=Q(ended_at__isnull=True, job__isnull=False),
                name="dispatch_one_open_per_job",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.task_id}"


class StatusCount(models.Model):
    """How many jobs had a status when they were last counted; `as_of` is the same for all rows.

    Attributes:
        status: the status after a colon. The row with an empty text is about all jobs: its count is PostgreSQL's tally.
    """

    status = models.TextField(primary_key=True)
    count = models.BigIntegerField()
    as_of = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.count} {self.status}"


class StatusChange(models.Model):
    """What the console itself changed since the last count; folded into the next one, in the same snapshot."""

    status = models.TextField()
    change = models.SmallIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.change:+d} {self.status}"


class WorkerReport(models.Model):
    """A live worker's last answer; written by the sweeper, read where asking the worker would take too long.

    Attributes:
        hostname: the worker's name. Several workers can share one.
        number: counts the workers that share the name, from 1. The rows can't be matched to particular workers: if two
            of three answer, the third row goes stale.
        seen_at: when at least `number` workers of the name last answered.
    """

    hostname = models.CharField(max_length=255)
    number = models.PositiveIntegerField(default=1)
    queues = models.JSONField(default=list)
    tasks = models.JSONField(default=list)
    seen_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["hostname", "number"], name="jobs_workerreport_once")]

    def __str__(self) -> str:
        return self.hostname


class SweeperAtWork(models.Model):
    """A sweeper process, with the last time that it was alive and the last time that it completed a tick.

    The two times differ if a tick hangs: then the process is alive but does no work.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    hostname = models.CharField(max_length=255)
    pid = models.IntegerField()
    started_at = models.DateTimeField()
    alive_at = models.DateTimeField()
    ticked_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"Sweeper {self.pid} on {self.hostname}"


class PausedSchedule(models.Model):
    """A periodic task that was on when somebody paused all of them; it goes on with “resume”."""

    task = models.OneToOneField(PeriodicTask, on_delete=models.CASCADE, primary_key=True, related_name="pause")
    paused_at = models.DateTimeField()
    paused_by = models.CharField(max_length=150)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"Periodic task {self.task_id}, paused"


class ShippedSchedule(models.Model):
    """A periodic task that the console has made once; one that somebody has changed or deleted isn't made again."""

    key = models.CharField(primary_key=True, max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.key


class ErrorGroup(models.Model):
    """Failures that are the same but for numbers, ids, times and names; see jobs/error_groups."""

    fingerprint = models.CharField(max_length=16, unique=True)
    job_type = models.CharField("type", max_length=64)
    # What the newest one says, redacted: in one line, and as a sample of the whole.
    message = models.TextField()
    sample = models.TextField()
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    failures = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.message or "Failed without an error"


class ErrorSlot(models.Model):
    """How many failures of a group there were in a quarter of an hour."""

    group = models.ForeignKey(ErrorGroup, on_delete=models.CASCADE, db_index=False, related_name="slots")
    slot = models.DateTimeField(help_text="When the quarter began.")
    failures = models.IntegerField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["group", "slot"], name="error_slot_once")]

    def __str__(self) -> str:
        return f"{self.failures} in {self.group_id}"


class FailedJob(models.Model):
    """A job that has failed, and in which group its newest failure is. It may have gone on since."""

    job = models.OneToOneField(
        Job, on_delete=models.DO_NOTHING, db_constraint=False, primary_key=True, related_name="failure"
    )
    group = models.ForeignKey(ErrorGroup, on_delete=models.CASCADE, db_index=False, related_name="members")
    # The attempt that failed: 0 where the console made none. Together with the time, what counts once.
    dispatch_id = models.BigIntegerField(default=0)
    failed_at = models.DateTimeField()
    identity_id = models.BigIntegerField(null=True)
    is_open = models.BooleanField(default=True, help_text="It was still failed when the sweeper last looked.")

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["group", "-failed_at", "-job"], name="failed_job_newest"),
            models.Index(fields=["group"], condition=Q(is_open=True), name="failed_job_open"),
        ]

    def __str__(self) -> str:
        return f"Job {self.job_id} in {self.group_id}"


class BulkChange(models.Model):
    """A job that retries or cancels all jobs that matched a filter, and how far it has come; see jobs/matching.

    The job is in the ledger as any other one. What is written here is written in the transaction that changes the jobs
    it speaks of, so that one that goes on after a crash does nothing twice.
    """

    job = models.OneToOneField(
        Job, on_delete=models.DO_NOTHING, db_constraint=False, primary_key=True, related_name="bulk_change"
    )
    verb = models.CharField(max_length=16)
    # As the API has it; the jobs that it lets through up to this id, and no others.
    filter = models.JSONField(default=dict)
    up_to_id = models.BigIntegerField()
    matched = models.IntegerField(help_text="How many they were when it was asked for.")
    canary = models.SmallIntegerField(default=0, help_text="How many go first; the others only if these succeed.")
    reason = models.TextField()
    requested_by = models.CharField(max_length=150)
    via = models.CharField(max_length=16)

    canary_ids = models.JSONField(default=list)
    # All jobs up to this one are dealt with.
    position = models.BigIntegerField(default=0)
    done = models.IntegerField(default=0)
    changed = models.IntegerField(default=0, help_text="Somebody else had changed them meanwhile.")
    refused = models.IntegerField(default=0)
    failed = models.IntegerField(default=0, help_text="The console could not change them.")
    # Why, by code: the sentence, how many, and some of them.
    left_out = models.JSONField(default=dict)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.verb} of {self.matched} jobs by {self.job_id}"
