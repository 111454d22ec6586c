"""Settling: what a core task left in the result back end becomes the state of its job."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DataError, connection
from django.test.utils import CaptureQueriesContext

from identities.models import Identity, Message
from identities.operations import backfill_conversations
from jobs import catalog, losses, operations, progress, settling, sweeper
from jobs.gateway import ActiveTask, TaskState, Workers
from jobs.models import CANCELLED, DONE, FAILED, QUEUED, RETRYING, RUNNING, Dispatch, Job
from opsconsole.audit import Entity
from tests.cast import OPERATOR, make_conversation, make_identity, make_job, make_message
from tests.worker.conftest import Leave

pytestmark = pytest.mark.django_db(transaction=True)

GOOD = {
    "status": "success",
    "conversations_synced": 2,
    "messages_synced": 7,
    "new_conversations": 1,
    "new_messages": 7,
    "errors": [],
}


@pytest.fixture
def dispatch() -> Dispatch:
    """The published attempt of a backfill."""
    backfill_conversations(identity_ids=[make_identity("Alice").pk], actor=OPERATOR)
    return Dispatch.objects.get()


def only_job() -> Job:
    return Job.objects.get()


def settle(dispatch: Dispatch) -> None:
    sweeper.settle_ended()
    dispatch.refresh_from_db()


def test_a_success_makes_the_job_done_and_keeps_what_was_returned(dispatch: Dispatch, leave_result: Leave) -> None:
    leave_result(dispatch, GOOD)
    settle(dispatch)

    job = only_job()
    assert (job.status, job.attempts, job.last_error, job.dedupe_key) == (DONE, 1, None, None)
    assert (dispatch.outcome, dispatch.result) == ("done", GOOD)
    assert dispatch.ended_at is not None


def test_a_success_without_messages_and_errors_is_done(dispatch: Dispatch, leave_result: Leave) -> None:
    leave_result(dispatch, {**GOOD, "messages_synced": 0, "new_messages": 0})
    settle(dispatch)
    assert only_job().status == DONE


@pytest.mark.parametrize(
    "result",
    [
        {**GOOD, "errors": ["Failed to fetch page 7: 429 Too Many Requests"]},
        {**GOOD, "errors": ["No credentials for identity 4"], "messages_synced": 0},
        {**GOOD, "errors": ["some image could not be had"], "messages_synced": 0},
        {"status": "error", "error": "the provider is down"},
        {"status": "failed", "error": "the provider is down"},
    ],
)
def test_a_failure_that_comes_back_as_a_celery_success_is_retried_by_the_cores_rule(
    dispatch: Dispatch, leave_result: Leave, result: dict[str, Any]
) -> None:
    leave_result(dispatch, result)
    before = datetime.now(UTC)
    settle(dispatch)

    job = only_job()
    assert (job.status, job.attempts) == (RETRYING, 1)
    assert job.last_error
    assert job.dedupe_key
    assert job.next_run_at is not None
    after = datetime.now(UTC)
    assert before + timedelta(seconds=50) < job.next_run_at <= after + timedelta(seconds=60)
    assert dispatch.outcome == "retrying"


def test_a_partial_success_is_done_and_its_errors_are_kept(dispatch: Dispatch, leave_result: Leave) -> None:
    leave_result(dispatch, {**GOOD, "errors": ["image 5 could not be had"]})
    settle(dispatch)

    assert only_job().status == DONE
    assert (dispatch.outcome, dispatch.error) == ("partial", "image 5 could not be had")


def test_skipped_is_done_with_its_reason(dispatch: Dispatch, leave_result: Leave) -> None:
    leave_result(dispatch, {"status": "skipped", "reason": "nothing to do"})
    settle(dispatch)

    assert only_job().status == DONE
    assert (dispatch.outcome, dispatch.error) == ("skipped", "nothing to do")


@pytest.mark.parametrize(
    "error",
    ["401 Unauthorized", "403 Forbidden", "invalid_grant", "token was revoked", "Failed to refresh token for alice"],
)
def test_what_no_retry_can_mend_fails_at_once(dispatch: Dispatch, leave_result: Leave, error: str) -> None:
    leave_result(dispatch, {**GOOD, "messages_synced": 0, "errors": [error]})
    settle(dispatch)

    job = only_job()
    assert (job.status, job.dedupe_key, job.next_run_at) == (FAILED, None, None)
    assert error in (job.last_error or "")


@pytest.mark.parametrize(
    "error",
    [
        "conversation 403: timed out",
        "query took 401 ms",
        "short read, 403 of 512 bytes",
        "429 items could not be read",
        "Failed to refresh token: timed out",
        "received 429 HTTP response",
    ],
)
def test_what_only_has_the_number_of_a_refusal_is_retried(dispatch: Dispatch, leave_result: Leave, error: str) -> None:
    leave_result(dispatch, {**GOOD, "messages_synced": 0, "errors": [error]})
    settle(dispatch)
    assert only_job().status == RETRYING


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("429 messages had no author", DONE),
        ("conversation 403: timed out", DONE),
        ("image 5: 403 Forbidden", DONE),
        ("received 429 HTTP response", RETRYING),
        ("status code 403", FAILED),
    ],
)
def test_an_error_of_fetching_fails_a_sync_that_brought_something_and_a_number_does_not(
    dispatch: Dispatch, leave_result: Leave, error: str, status: str
) -> None:
    leave_result(dispatch, {**GOOD, "errors": [error]})
    settle(dispatch)
    assert only_job().status == status


@pytest.mark.parametrize(
    ("downloaded", "there", "failed", "outcome", "words"),
    [
        (0, 0, 5, "retrying", "5 of 5 attachments could not be downloaded."),
        (0, 0, 1, "retrying", "1 of 1 attachments could not be downloaded."),
        (None, None, 3, "retrying", "3 of 3 attachments could not be downloaded."),
        ("2", True, 3, "retrying", "3 of 3 attachments could not be downloaded."),
        (-4, 0, 3, "retrying", "3 of 3 attachments could not be downloaded."),
        (3, 0, 2, "partial", "2 of 5 attachments could not be downloaded."),
        (3, 4, 2, "partial", "2 of 9 attachments could not be downloaded."),
        (0, 4, 2, "partial", "2 of 6 attachments could not be downloaded."),
        (3, 0, 0, "done", None),
        (0, 4, 0, "done", None),
        (0, 0, 0, "done", None),
        (0, 0, None, "done", None),
        (0, 0, True, "done", None),
        (0, 0, "3", "done", None),
        (0, 0, -3, "done", None),
    ],
)
def test_a_redownload_has_failed_where_nothing_could_be_downloaded(
    dispatch: Dispatch,
    leave_result: Leave,
    downloaded: Any,
    there: Any,
    failed: Any,
    outcome: str,
    words: str | None,
) -> None:
    numbers = {"attachments_created": downloaded, "already_exists": there, "download_failed": failed}
    leave_result(dispatch, {"status": "success", **numbers, "errors": []})
    settle(dispatch)
    assert (dispatch.outcome, dispatch.error) == (outcome, words)
    assert only_job().status == (RETRYING if outcome == "retrying" else DONE)


def test_what_the_servers_of_files_say_is_shown_and_is_nothing_permanent(
    dispatch: Dispatch, leave_result: Leave
) -> None:
    errors = ["https://files.example/a: 403 Forbidden", "https://files.example/b: 404 Not Found"]
    leave_result(dispatch, {"status": "success", "attachments_created": 0, "download_failed": 2, "errors": errors})
    settle(dispatch)
    assert only_job().status == RETRYING
    assert only_job().last_error == "\n".join(["2 of 2 attachments could not be downloaded.", *errors])


def test_an_exception_is_a_failure_with_its_traceback(dispatch: Dispatch, leave_result: Leave) -> None:
    leave_result(
        dispatch,
        {"exc_type": "KeyError", "exc_message": ["author"], "exc_module": "builtins"},
        state="FAILURE",
        traceback="Traceback (most recent call last):\n  KeyError: 'author'",
    )
    settle(dispatch)

    assert only_job().last_error == "KeyError: author"
    assert "most recent call last" in (dispatch.traceback or "")


def test_the_last_attempt_that_fails_makes_the_job_failed(dispatch: Dispatch, leave_result: Leave) -> None:
    Job.objects.update(attempts=2)
    leave_result(dispatch, {"status": "error", "error": "still down"})
    settle(dispatch)

    job = only_job()
    assert (job.status, job.attempts, job.dedupe_key) == (FAILED, 3, None)


def test_a_retrying_job_gets_its_next_attempt_when_its_time_has_come(dispatch: Dispatch, leave_result: Leave) -> None:
    leave_result(dispatch, {"status": "error", "error": "down"})
    settle(dispatch)
    assert sweeper.redispatch_due() == 0

    Dispatch.objects.filter(pk=dispatch.pk).update(next_attempt_at=datetime.now(UTC) - timedelta(seconds=1))
    assert sweeper.redispatch_due() == 1
    assert sweeper.publish_due() == 1

    second = Dispatch.objects.latest("pk")
    assert second.pk != dispatch.pk
    assert (second.requested_by, second.via) == (OPERATOR.name, "sweeper")
    leave_result(second, GOOD)
    settle(second)
    assert (only_job().status, only_job().attempts) == (DONE, 2)


def test_a_retrying_job_that_somebody_changed_meanwhile_gets_no_further_attempt(
    dispatch: Dispatch, leave_result: Leave
) -> None:
    leave_result(dispatch, {"status": "error", "error": "down"})
    settle(dispatch)
    Job.objects.update(status=CANCELLED, dedupe_key=None)
    Dispatch.objects.update(next_attempt_at=datetime.now(UTC) - timedelta(seconds=1))

    assert sweeper.redispatch_due() == 0
    assert Dispatch.objects.count() == 1


def test_a_result_that_comes_after_a_cancel_stays_in_the_attempt_only(dispatch: Dispatch, leave_result: Leave) -> None:
    Job.objects.update(status=CANCELLED, dedupe_key=None)
    leave_result(dispatch, GOOD)
    settle(dispatch)

    assert only_job().status == CANCELLED
    assert dispatch.result == GOOD


def test_a_job_is_running_with_one_attempt_once_a_worker_tells_of_it(dispatch: Dispatch) -> None:
    started = datetime.now(UTC)
    active = ActiveTask(task_id=str(dispatch.task_id), worker="core@host", started_at=started)
    for _ in range(2):
        sweeper.note_workers(Workers(active={str(dispatch.task_id): active}))

    dispatch.refresh_from_db()
    assert (only_job().status, only_job().attempts) == (RUNNING, 1)
    assert dispatch.worker == "core@host"


def test_a_worker_whose_clock_is_ten_minutes_ahead_does_not_start_in_the_future(dispatch: Dispatch) -> None:
    ahead = datetime.now(UTC) + timedelta(minutes=10)
    active = ActiveTask(task_id=str(dispatch.task_id), worker="core@host", started_at=ahead)
    sweeper.note_workers(Workers(active={str(dispatch.task_id): active}))

    dispatch.refresh_from_db()
    assert dispatch.started_at is not None
    assert dispatch.started_at <= datetime.now(UTC)


def test_reported_progress_is_kept(dispatch: Dispatch, leave_result: Leave) -> None:
    leave_result(dispatch, {"current": 50, "total": 200, "unit": "messages"}, state="PROGRESS")
    settle(dispatch)

    assert only_job().status == RUNNING
    assert (dispatch.progress_current, dispatch.progress_total, dispatch.progress_source) == (50, 200, "reported")


@pytest.mark.parametrize("meta", [{"current": "many"}, {"current": -1}, {"current": True}, {}])
def test_progress_that_makes_no_sense_is_not_kept(
    dispatch: Dispatch, leave_result: Leave, meta: dict[str, Any]
) -> None:
    leave_result(dispatch, meta, state="PROGRESS")
    settle(dispatch)
    assert dispatch.progress_source != "reported"


def test_progress_is_observed_from_what_has_arrived_when_the_task_says_nothing(dispatch: Dispatch) -> None:
    active = ActiveTask(task_id=str(dispatch.task_id), worker="core@host", started_at=None)
    sweeper.note_workers(Workers(active={str(dispatch.task_id): active}))
    identity_id = only_job().payload_json["identity_id"]

    conversation = make_conversation(Identity.objects.get(pk=identity_id))
    make_message(conversation)
    make_message(conversation, identity_id=None)
    make_message(make_conversation(make_identity("Somebody else")))

    settle(dispatch)

    assert (dispatch.progress_current, dispatch.progress_source) == (2, "observed")


def begin(dispatch: Dispatch) -> None:
    """Make a worker report that it runs the attempt's task."""
    active = ActiveTask(task_id=str(dispatch.task_id), worker="core@host", started_at=None)
    sweeper.note_workers(Workers(active={str(dispatch.task_id): active}))
    dispatch.refresh_from_db()


def progress_of(dispatch: Dispatch) -> tuple[Any, ...]:
    dispatch.refresh_from_db()
    return dispatch.progress_current, dispatch.progress_total, dispatch.progress_source


def arrive(identity_name: str = "Alice", messages: int = 1) -> None:
    """Insert messages of an identity into the core's tables."""
    conversation = make_conversation(Identity.objects.get(display_name=identity_name))
    for _ in range(messages):
        make_message(conversation)


def test_nothing_is_known_of_a_task_that_says_nothing_and_has_not_committed(dispatch: Dispatch) -> None:
    begin(dispatch)
    settle(dispatch)
    assert progress_of(dispatch) == (None, None, None)


@pytest.mark.parametrize("told", [None, {"current": 0, "total": 40}, {"current": 3, "unit": "messages"}], ids=str)
def test_progress_is_written_once_and_again_only_when_it_has_changed(
    dispatch: Dispatch, leave_result: Leave, told: dict[str, int] | None
) -> None:
    begin(dispatch)
    if told is None:
        arrive()
    else:
        leave_result(dispatch, told, state="PROGRESS")
    settle(dispatch)
    assert dispatch.progress_at is not None

    with CaptureQueriesContext(connection) as queries:
        sweeper.settle_ended()
    assert [query["sql"] for query in queries if query["sql"].startswith("UPDATE")] == []

    if told is None:
        arrive()
    else:
        leave_result(dispatch, told | {"current": 9}, state="PROGRESS")
    at, before = dispatch.progress_at, dispatch.progress_current
    settle(dispatch)
    assert dispatch.progress_current != before
    assert dispatch.progress_at > at


def test_what_a_task_has_reported_is_not_replaced_by_what_is_observed(dispatch: Dispatch, leave_result: Leave) -> None:
    leave_result(dispatch, {"current": 50, "total": 200}, state="PROGRESS")
    settle(dispatch)
    leave_result(dispatch, None, state="STARTED")
    arrive()
    settle(dispatch)
    assert progress_of(dispatch) == (50, 200, "reported")


def test_what_has_arrived_has_arrived_also_when_it_is_deleted_meanwhile(dispatch: Dispatch) -> None:
    begin(dispatch)
    arrive(messages=3)
    settle(dispatch)
    Message.objects.all().delete()
    settle(dispatch)
    assert progress_of(dispatch) == (3, None, "observed")


@pytest.mark.parametrize(
    ("before", "result", "expected"),
    [
        ("nothing", GOOD, (7, 7, "reported")),
        ("arrived", GOOD, (7, 7, "reported")),
        ("arrived", {**GOOD, "errors": ["An image could not be had."]}, (7, 7, "reported")),
        ("nothing", {**GOOD, "messages_synced": 0}, (0, 0, "reported")),
        ("arrived", {**GOOD, "messages_synced": 0}, (0, 0, "reported")),
        ("reported", GOOD, (200, 200, "reported")),
        # Results without a number of messages, or without one that can be counted.
        ("nothing", {"status": "skipped", "reason": "It is paused."}, (None, None, None)),
        ("nothing", {**GOOD, "messages_synced": "many"}, (None, None, None)),
        ("nothing", {**GOOD, "messages_synced": True}, (None, None, None)),
        ("nothing", {**GOOD, "messages_synced": 10**30}, (None, None, None)),
        ("nothing", None, (None, None, None)),
        ("arrived", {"status": "success"}, (2, None, "observed")),
        # A failed task hasn't done what its result says.
        ("nothing", {**GOOD, "errors": ["Failed to fetch page 3"]}, (None, None, None)),
        ("arrived", {"status": "error", "error": "no such identity", "messages_synced": 9}, (2, None, "observed")),
    ],
    ids=str,
)
def test_at_the_end_the_tasks_own_numbers_count(
    dispatch: Dispatch, leave_result: Leave, before: str, result: Any, expected: tuple[Any, ...]
) -> None:
    begin(dispatch)
    if before == "arrived":
        arrive(messages=2)
    elif before == "reported":
        leave_result(dispatch, {"current": 50, "total": 200}, state="PROGRESS")
    settle(dispatch)
    leave_result(dispatch, result)
    settle(dispatch)
    assert dispatch.ended_at is not None
    assert progress_of(dispatch) == expected


def test_the_next_ingest_job_of_an_identity_is_handed_over_when_the_one_before_has_ended(leave_result: Leave) -> None:
    alice = make_identity("Alice")
    backfill_conversations(identity_ids=[alice.pk], actor=OPERATOR)
    operations.submit_run(
        operation="sync.trigger",
        title="Sync Alice",
        requests=[
            operations.JobRequest(job_type=catalog.SYNC, payload={"provider_id": "reddit", "identity_id": alice.pk})
        ],
        actor=OPERATOR,
        entity=Entity(type="identity", id=alice.pk),
    )
    first, second = Dispatch.objects.order_by("pk")
    assert second.published_at is None
    Dispatch.objects.filter(pk=second.pk).update(publication_lease_until=datetime.now(UTC) - timedelta(seconds=1))
    assert sweeper.publish_due() == 0

    leave_result(first, GOOD)
    sweeper.settle_ended()

    assert sweeper.publish_due() == 1
    second.refresh_from_db()
    assert second.published_at is not None


@pytest.mark.parametrize("status", [QUEUED, RETRYING])
def test_a_job_that_the_console_did_not_create_is_never_handed_over(status: str) -> None:
    make_job(status=status, next_run_at=datetime.now(UTC) - timedelta(hours=1))
    sweeper.redispatch_due()
    sweeper.publish_due()
    assert not Dispatch.objects.exists()


def test_a_failed_send_is_never_retried_by_itself(leave_result: Leave) -> None:
    message = make_message(make_conversation(make_identity()), remote_visibility="send_failed")
    job = make_job("message.send_manual", queue_name="messages", payload={"message_id": message.pk}, max_attempts=10)
    operations.retry_job(job.pk, actor=OPERATOR)
    dispatch = Dispatch.objects.get()
    leave_result(dispatch, {"status": "error", "error": "timeout"})
    settle(dispatch)

    assert only_job().status == FAILED


def test_a_huge_result_is_not_kept_but_counts(dispatch: Dispatch, leave_result: Leave) -> None:
    leave_result(dispatch, {**GOOD, "blob": "x" * 5_000_000})
    settle(dispatch)

    assert only_job().status == DONE
    assert "larger than" in str(dispatch.result)


@pytest.mark.parametrize("result", [None, "done", 5, [1, 2]])
def test_a_result_that_is_no_object_counts_as_done(dispatch: Dispatch, leave_result: Leave, result: Any) -> None:
    leave_result(dispatch, result)
    settle(dispatch)
    assert only_job().status == DONE


def test_a_start_that_is_noticed_after_the_end_changes_nothing(dispatch: Dispatch, leave_result: Leave) -> None:
    stale = Dispatch.objects.get()
    leave_result(dispatch, {"status": "error", "error": "down"})
    settle(dispatch)

    settling.mark_started(stale, ActiveTask(task_id=str(stale.task_id), worker="core@host", started_at=None))

    assert (only_job().status, only_job().attempts) == (RETRYING, 1)
    assert only_job().next_run_at is not None


@pytest.mark.parametrize("odd", ["a\ud83d", float("nan"), float("inf")])
def test_a_result_that_only_python_reads_is_no_failure(dispatch: Dispatch, leave_result: Leave, odd: Any) -> None:
    leave_result(dispatch, {**GOOD, "note": odd})
    settle(dispatch)
    assert only_job().status == DONE


def test_a_task_that_says_it_has_started_is_running(dispatch: Dispatch, leave_result: Leave) -> None:
    leave_result(dispatch, None, state="STARTED")
    settle(dispatch)
    assert only_job().status == RUNNING


def test_one_attempt_whose_report_cannot_be_kept_does_not_keep_the_others_from_being_settled(
    leave_result: Leave, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        make_identity()
    backfill_conversations(actor=OPERATOR)
    first, second = Dispatch.objects.order_by("pk")
    leave_result(first, {"current": 1, "unit": "a\x00"}, state="PROGRESS")
    leave_result(second, GOOD)

    def refuse(*_: Any) -> bool:
        raise DataError

    monkeypatch.setattr(progress, "report", refuse)
    sweeper.settle_ended()

    assert Job.objects.get(pk=second.job_id).status == DONE


def test_a_unit_of_progress_may_hold_anything(dispatch: Dispatch, leave_result: Leave) -> None:
    leave_result(dispatch, {"current": 1, "unit": "a\x00\ud800"}, state="PROGRESS")
    settle(dispatch)
    assert dispatch.progress_current == 1


def test_a_foreign_task_whose_id_is_no_uuid_does_not_hide_ours(dispatch: Dispatch) -> None:
    foreign = "not-a-uuid-but-thirty-six-characters"
    active = {
        name: ActiveTask(task_id=name, worker="core@host", started_at=None) for name in (foreign, str(dispatch.task_id))
    }
    sweeper.note_workers(Workers(active=active))
    assert only_job().status == RUNNING


def test_the_retry_of_a_job_that_the_core_has_deleted_is_given_up(dispatch: Dispatch, leave_result: Leave) -> None:
    leave_result(dispatch, {"status": "error", "error": "down"})
    settle(dispatch)
    Dispatch.objects.update(next_attempt_at=datetime.now(UTC) - timedelta(seconds=1))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM jobs")

    assert sweeper.redispatch_due() == 0
    assert not Dispatch.objects.exclude(next_attempt_at=None).exists()


def test_a_row_that_its_worker_has_ended_waits_for_the_result_of_its_attempt(leave_result: Leave) -> None:
    message = make_message(make_conversation(make_identity()), remote_visibility="send_failed")
    job = make_job("message.send_manual", queue_name="messages", payload={"message_id": message.pk})
    operations.retry_job(job.pk, actor=OPERATOR)
    dispatch = Dispatch.objects.get()
    # The core's worker writes its row first, and what its task returned a moment later.
    Job.objects.update(status=DONE, dedupe_key=None, updated_at=datetime.now(UTC))
    losses.let_go_of_ended()
    leave_result(dispatch, {"status": "success"})
    settle(dispatch)
    assert dispatch.outcome == "done"


def test_an_attempt_whose_result_never_comes_ends_after_its_row(dispatch: Dispatch) -> None:
    Job.objects.update(status=DONE, dedupe_key=None, updated_at=datetime.now(UTC) - timedelta(minutes=2))
    losses.let_go_of_ended()
    dispatch.refresh_from_db()
    assert dispatch.outcome == "superseded"


def test_an_attempt_that_was_not_sent_ends_at_once_with_its_row(dispatch: Dispatch) -> None:
    Dispatch.objects.update(published_at=None)
    Job.objects.update(status=CANCELLED, dedupe_key=None, updated_at=datetime.now(UTC))
    losses.let_go_of_ended()
    dispatch.refresh_from_db()
    assert dispatch.outcome == "superseded"


def test_a_result_that_two_sweepers_settle_counts_once(dispatch: Dispatch, leave_result: Leave) -> None:
    stale = Dispatch.objects.get()
    leave_result(dispatch, {"status": "error", "error": "down"})
    settle(dispatch)

    assert not settling.settle(stale, TaskState(state="SUCCESS", result=GOOD))
    assert (only_job().status, only_job().attempts) == (RETRYING, 1)
