"""What the answers about jobs and runs look like."""

from typing import Final

from rest_framework import serializers

from jobs.models import STATUSES, Outcome
from opsconsole.api.shapes import (
    WAYS_IN,
    LeftOutOfRun,
    Links,
    Shape,
    Subject,
    anything,
    counts,
    far_text,
    flag,
    known,
    maybe_moment,
    maybe_number,
    maybe_text,
    moment,
    number,
    numbers,
    text,
    texts,
    word,
)
from opsconsole.api.words import KnownWord

RUN_STATES: Final = ("pending", "success", "failure")
HANDED_OVER: Final = ("waiting", "not_yet", "handed_over", "running", "retrying", "unknown")
# What a click asks for. Every other job type has an operation of its own, its last word and `.trigger`.
OPERATIONS: Final = (
    "backfill.trigger",
    "sync.trigger",
    "redownload_attachments.trigger",
    "backup.trigger",
    "restore_test.trigger",
    "job.retry_matching",
    "job.cancel_matching",
    "notice.send",
)


def job_status(words: str = "") -> KnownWord:
    """Return the status of a job."""
    return known("JobStatus", *STATUSES, words=words)


def maybe_outcome(words: str = "") -> KnownWord:
    """Return how an attempt ended, or null."""
    return known("AttemptOutcome", *Outcome.values, words=words, allow_null=True)


def way_in() -> KnownWord:
    """Return through which door somebody came."""
    return known("Via", *WAYS_IN)


def handed_over(words: str = "") -> serializers.ChoiceField:
    """Return how far the handing over of a job has come, or null."""
    return word(*HANDED_OVER, words=words, allow_null=True)


class Payload(Shape):
    """A job's payload without what is private: whatever the core wrote, which need not be ids where ids are meant."""

    has_more = True
    conversation_id = anything("A conversation's id.", required=False)
    message_id = anything("A message's id.", required=False)
    identity_id = anything("An identity's id.", required=False)


class RunResult(Shape):
    """What tasks returned, summed: their whole numbers under the tasks' own names."""

    has_more = True
    status = text("`success` or `failure`; of a Celery task that is no run's, what that says.", required=False)
    error = text("In a failure: which job did not end well, and why.", required=False)
    errors = texts("What the tasks say went wrong.", required=False)  # type: ignore[assignment]
    skipped_because = texts("Why jobs had nothing to do.", required=False)
    new_conversations = number(required=False)
    new_messages = number(required=False)
    conversations_synced = number(required=False)
    messages_synced = number(required=False)
    downloaded = number("Attachments.", required=False)
    skipped = number("Attachments that were there already.", required=False)
    failed = number("Attachments that could not be downloaded.", required=False)
    retried = number("Jobs.", required=False)
    cancelled = number("Jobs.", required=False)
    changed_meanwhile = number("Jobs.", required=False)
    refused = number("Jobs.", required=False)
    not_changed = number("Jobs.", required=False)
    backup_run_id = number("The backup that was made or tested, where it is one.", required=False)
    backup_run_ids = numbers("The backups, where they are several.", required=False)
    restore_test_id = number("The restore test, where it is one.", required=False)
    restore_test_ids = numbers("The restore tests, where they are several.", required=False)


class Progress(Shape):
    """How far a job or a run has come; null while that is not known, which is not 0."""

    current = number()
    total = number(required=False)
    percent = number(required=False)
    unit = maybe_text("What is counted, such as `messages`.")
    source = word(  # type: ignore[assignment]
        "reported", "observed", words="Said by the task, or seen from what has arrived.", allow_null=True
    )
    updated_at = maybe_moment()


class JobAbilities(Shape):
    """What can be done with a job, and why not."""

    retry = flag()
    cancel = flag()
    terminate = flag("Its task can be killed in the core's worker.")
    fail = flag("It is stuck, and can be set failed.")  # type: ignore[assignment]
    confirm = flag("A retry needs `confirm`: nobody knows whether it took effect.", required=False)
    reason = text("Why it can't be retried or cancelled.", required=False)
    warnings = texts("What a retry will run into.", required=False)


class Job(Shape):
    """A job of the ledger."""

    id = number()
    queue_name = text()
    job_type = text()
    status = job_status("Or another word of the ledger's.")
    attempts = number()
    max_attempts = number()
    last_error = maybe_text("In lists, its first 5,000 characters.")
    last_error_cut = flag("The page was too large, and its errors are shortened.", required=False)
    next_run_at = maybe_moment()
    next_run_at_text = far_text()
    created_at = maybe_moment()
    created_at_text = far_text()
    updated_at = maybe_moment()
    updated_at_text = far_text()
    payload = Payload()
    payload_cut = flag(
        "The payload has more than 2 KiB in a list, or 256 KiB in the job itself; its ids are shown.", required=False
    )
    payload_size = number("Bytes of a payload that is cut.", required=False)
    identity = Subject(allow_null=True)
    task_id = maybe_text("Of its newest attempt.")
    run_id = maybe_text("The newest run that it belongs to.")
    duration_ms = maybe_number("Of its newest attempt, so far where it runs.")
    progress = Progress(allow_null=True)
    cancel_requested_at = maybe_moment("Its task has been asked to end and has not ended yet.")
    waits_for = maybe_number("The id of the job that goes first.")
    handed_over = handed_over("How far handing it over to Celery has come; null when nothing is open.")
    stuck = flag()
    stuck_reason = maybe_text("Why, and what can be done about it.")
    requested_by = maybe_text()
    can = JobAbilities()


class JobPage(Links):
    """A page of jobs."""

    jobs = Job(many=True)
    total = number()
    total_is = word("exact", "estimated", "capped", words="Counted now, as of `as_of`, or that many or more.")
    as_of = maybe_moment()


class Attempt(Shape):
    """One attempt at a job that the console made."""

    id = number()
    task_id = text()
    task = text()
    queue = text()
    requested_by = text()
    via = way_in()
    dispatched_at = moment()
    published_at = maybe_moment()
    publish_error = maybe_text()
    publications = number("How often its message was sent.")
    started_at = maybe_moment()
    retrying_since = maybe_moment("Since when its own worker waits to try it again; null while it runs.")
    cancel_requested_at = maybe_moment()
    ended_at = maybe_moment()
    returned_at = maybe_moment("When its task returned after the attempt had ended.")
    worker = maybe_text()
    wait_ms = maybe_number()
    run_ms = maybe_number()
    outcome = maybe_outcome("Null while it is open.")
    error = maybe_text()
    traceback = maybe_text()
    error_cut = flag("Too many attempts have long errors, and each is shortened.", required=False)
    publish_error_cut = flag("Likewise.", required=False)
    traceback_cut = flag("Likewise.", required=False)
    result = anything("What its task returned, without what is private.")


class JobDetails(Job):
    """A job with its attempts and its whole error."""

    type_title = text("What its type is called.")
    type_facts = texts("What is known about its type, and what isn't: repeatable, arguments, whom it concerns.")
    attempts_history = Attempt(many=True)
    traceback = maybe_text()
    result = anything()
    error_is_cut = flag("The error has more than 200,000 characters.")


class JobCounts(Shape):
    """How many jobs there are of each status."""

    queued = number()
    running = number()
    retrying = number()
    failed = number()
    done = number()
    cancelled = number()
    other = number("Of statuses that the console doesn't know, where there are any.", required=False)
    total = number()
    as_of = maybe_moment()


class JobRetried(Shape):
    """A job that was queued again."""

    id = number()
    status = job_status()
    message = text()
    job = Job()


class JobEnded(JobRetried):
    """A job that was cancelled or set failed, or asked to end."""

    warning = maybe_text("What it doesn't stop.")


class CoveredConversation(Shape):
    """A conversation that was chosen, and the job that fetches its messages."""

    conversation_id = number()
    covered_by = maybe_number("The job's id; null where the conversation was left out.")


class Accepted(Shape):
    """Something was started."""

    job_id = text("The id of the run; poll `/ops/backfill/{job_id}` with it.")
    status = word("queued")
    message = text()
    jobs = numbers("The ids of its jobs.")
    already_active = numbers("Those of them that were active already, and were joined.")
    handed_over = flag("Whether Celery has them; null where all were joined.", allow_null=True)
    left_out = LeftOutOfRun(many=True)
    conversations = CoveredConversation(many=True)


class Polling(Shape):
    """How what was started is getting on."""

    job_id = text()
    status = word(*RUN_STATES, words="`success` when all jobs are done.")
    result = RunResult(help_text="Null while it is pending.", allow_null=True)
    progress = Progress(allow_null=True)
    jobs = numbers()
    stuck = numbers("Those of them that are stuck: nothing runs them, or not any more.")


class RunSummary(Shape):
    """What was asked for at one click."""

    id = text()
    operation = known("Operation", *OPERATIONS)
    title = text()
    status = word(*RUN_STATES)
    requested_by = text()
    via = way_in()
    created_at = moment()
    job_count = number()
    by_status = counts()
    cancelling = number("How many of its running jobs have been asked to end.")
    progress = Progress(allow_null=True)


class RunPage(Links):
    """A page of runs, newest first."""

    runs = RunSummary(many=True)


class RunJob(Shape):
    """A job of a run. One that is not in the ledger any more has no type."""

    id = number()
    job_type = maybe_text()
    status = known("RunJobStatus", *STATUSES, "gone", words="`gone` is one that is not in the ledger any more.")
    attempts = maybe_number()
    max_attempts = maybe_number()
    joined = flag("It was active already when the run asked for it.")
    identity = Subject(allow_null=True)
    handed_over = handed_over()
    waits_for = maybe_number()
    cancel_requested_at = maybe_moment()
    stuck = flag()
    stuck_reason = maybe_text()
    progress = Progress(allow_null=True)
    duration_ms = maybe_number()
    outcome = maybe_outcome()
    last_error = maybe_text()
    last_error_cut = flag("The run was too large, and its errors are shortened.", required=False)
    result = anything()
    result_cut = flag("It is long, and only its short values and its first errors are shown.", required=False)


class Run(RunSummary):
    """A run with its jobs and what they returned."""

    result = RunResult(help_text="Null while it is pending.", allow_null=True)
    jobs = RunJob(many=True)
    left_out = LeftOutOfRun(many=True)
    conversations = CoveredConversation(many=True)


class RefusedJob(Shape):
    """A job that was left as it was, and why."""

    id = number()
    detail = text()


class RunChanged(Shape):
    """What came of cancelling a run's jobs, or of setting them failed."""

    id = text()
    status = word(*RUN_STATES)
    message = text()
    done = numbers()
    cancelling = numbers("Their tasks have been asked to end.")
    refused = RefusedJob(many=True)
    warnings = texts()
    run = Run()


class CountOfIdentity(Shape):
    """How many jobs concern an identity; without an id, all others."""

    id = maybe_number()
    display_name = text(required=False)
    n = number()


class LeftOut(Shape):
    """Why jobs would be left as they are, and how many."""

    code = text()
    reason = text()
    n = number()


class MatchingPreview(Shape):
    """What retrying or cancelling all jobs of a filter would do."""

    matched = number()
    up_to_id = number("No job with a higher id will be touched.")
    looked_at = number("All that follows is about so many of them, the oldest.")
    will_retry = number(required=False)
    will_cancel = number(required=False)
    by_type = counts()
    by_identity = CountOfIdentity(many=True)
    left_out = LeftOut(many=True)
    warnings = texts()
    sample = Job(many=True)
