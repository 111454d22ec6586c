"""Core tasks that their own worker retries: retrying between tries, running during a try, one attempt in all."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from demo.core_maintenance import FOLDER, LOCK
from jobs import catalog, gateway, losses, operations, queries, stuck, sweeper, worker_retries
from jobs.gateway import ActiveTask, TaskState, Workers
from jobs.models import CANCELLED, DONE, FAILED, QUEUED, RETRYING, RUNNING, Dispatch, Job
from opsconsole.audit import Entity
from opsconsole.permissions import OPERATORS
from tests.api.cast import make_staff, with_token
from tests.cast import OPERATOR, make_conversation, make_identity, make_job, make_message
from tests.waiting import wait_until
from tests.worker.conftest import Leave
from tests.worker.faults import let_run_out, lose_message, psycopg_url

pytestmark = pytest.mark.django_db(transaction=True)

QUEUE = "maintenance"
GOOD = {"status": "success", "deleted": 4}
TRACEBACK = "Traceback (most recent call last):\n  HistoryLockedError: locked"


def error(message: str = "locked") -> dict[str, Any]:
    return {"exc_type": "HistoryLockedError", "exc_message": [message], "exc_module": "core.maintenance"}


def submit() -> None:
    """Submit a cleanup of the watch history."""
    operations.submit_run(
        operation="tests.trigger",
        title="Clean up",
        requests=[operations.JobRequest(job_type=catalog.CLEANUP_WATCH_HISTORY, payload={"retention_days": 3})],
        actor=OPERATOR,
        entity=Entity(type="job"),
    )


@pytest.fixture
def dispatch() -> Dispatch:
    """The published attempt of a cleanup whose message a worker has taken."""
    submit()
    found = Dispatch.objects.get()
    lose_message(QUEUE, found.job_id)
    return found


@pytest.fixture
def api() -> APIClient:
    return with_token(make_staff("olga", OPERATORS))


def only_job() -> Job:
    return Job.objects.get()


def soon(minutes: float = 5) -> datetime:
    return (timezone.now() + timedelta(minutes=minutes)).replace(microsecond=123_456)


def answer(dispatch: Dispatch, *, active: bool = False, until: datetime | None = None, **values: Any) -> Workers:
    """Return the answer of the queue's only worker to all questions. With `until`, it keeps the task until then."""
    task_id = str(dispatch.task_id)
    running = ActiveTask(task_id=task_id, worker="core@host", started_at=timezone.now())
    given: dict[str, Any] = {
        "active": {task_id: running} if active else {},
        "scheduled": {task_id: until} if until else {},
        "reserved": frozenset({task_id} if until else ()),
        "answered": frozenset({"core@host"}),
        "namesakes": {"core@host": 1},
        "queues": {"core@host": [QUEUE]},
        "empty_queues": frozenset({QUEUE}),
    }
    return Workers(**{**given, **values})


def fail_a_try(dispatch: Dispatch, leave_result: Leave, message: str = "locked") -> None:
    leave_result(dispatch, error(message), state="RETRY", traceback=TRACEBACK)
    sweeper.settle_ended()
    dispatch.refresh_from_db()


def test_between_two_tries_a_job_is_retrying_with_the_error(
    dispatch: Dispatch, leave_result: Leave, api: APIClient
) -> None:
    fail_a_try(dispatch, leave_result)
    shown = api.get(f"/ops/jobs/{dispatch.job_id}").json()
    assert (shown["status"], shown["last_error"], shown["attempts"]) == (RETRYING, "HistoryLockedError: locked", 1)
    assert (shown["handed_over"], shown["next_run_at"], shown["stuck"]) == ("retrying", None, False)
    assert shown["traceback"] == TRACEBACK
    (attempt,) = shown["attempts_history"]
    assert (attempt["outcome"], attempt["error"]) == (None, "HistoryLockedError: locked")
    assert attempt["started_at"]
    assert attempt["retrying_since"]


def test_the_time_of_the_next_try_is_known_where_a_worker_has_it_scheduled(
    dispatch: Dispatch, leave_result: Leave
) -> None:
    fail_a_try(dispatch, leave_result)
    at = soon()
    for _ in range(2):
        sweeper.note_workers(answer(dispatch, until=at))
    job = only_job()
    assert (job.status, job.next_run_at, job.last_error) == (RETRYING, at, "HistoryLockedError: locked")


def test_a_job_has_been_retrying_since_its_try_failed_not_since_the_time_of_the_next_try_is_known(
    dispatch: Dispatch, leave_result: Leave
) -> None:
    fail_a_try(dispatch, leave_result)
    since = dispatch.retrying_since
    sweeper.note_workers(answer(dispatch, until=soon()))
    dispatch.refresh_from_db()
    assert dispatch.retrying_since == since


def test_a_task_that_its_worker_has_retried_for_more_than_a_day_is_still_retrying(
    dispatch: Dispatch, leave_result: Leave, api: APIClient
) -> None:
    fail_a_try(dispatch, leave_result)
    Dispatch.objects.update(published_at=timezone.now() - timedelta(days=2))
    assert api.get(f"/ops/jobs/{dispatch.job_id}").json()["handed_over"] == "retrying"


def test_no_other_attempt_is_made_while_it_waits_and_its_message_is_not_sent_again(
    dispatch: Dispatch, leave_result: Leave
) -> None:
    fail_a_try(dispatch, leave_result)
    sweeper.note_workers(answer(dispatch, until=soon(-1)))
    let_run_out("check_at", ended_at=None)
    assert (sweeper.redispatch_due(), sweeper.publish_due(), losses.republish_unclaimed()) == (0, 0, 0)
    dispatch.refresh_from_db()
    assert (Dispatch.objects.count(), dispatch.publications, dispatch.ended_at) == (1, 1, None)


def take(step: str, dispatch: Dispatch, leave_result: Leave) -> None:
    """Make the console see one state of an attempt's task."""
    match step:
        case "a try fails":
            leave_result(dispatch, error(), state="RETRY", traceback=TRACEBACK)
        case "a try fails otherwise":
            leave_result(dispatch, error("still locked"), state="RETRY", traceback=TRACEBACK)
        case "it runs":
            sweeper.note_workers(answer(dispatch, active=True))
        case "it is scheduled":
            sweeper.note_workers(answer(dispatch, until=soon()))
        case "nobody has it":
            sweeper.note_workers(answer(dispatch))
        case "nobody answers":
            sweeper.note_workers(Workers())
        case "it reports":
            leave_result(dispatch, {"current": 1, "total": 2, "unit": "days"}, state="PROGRESS")
        case "it returns":
            leave_result(dispatch, GOOD)
        case "it gives up":
            leave_result(dispatch, error(), state="FAILURE")
        case _:
            raise ValueError(step)
    sweeper.settle_ended()
    dispatch.refresh_from_db()


@pytest.mark.parametrize(
    ("steps", "status", "last_error", "has_a_time"),
    [
        (["a try fails"], RETRYING, "locked", False),
        (["it runs", "a try fails"], RETRYING, "locked", False),
        (["it runs", "a try fails", "it is scheduled"], RETRYING, "locked", True),
        (["a try fails", "a try fails"], RETRYING, "locked", False),
        (["a try fails", "it is scheduled", "a try fails"], RETRYING, "locked", True),
        (["a try fails", "nobody answers"], RETRYING, "locked", False),
        (["a try fails", "it is scheduled", "nobody answers"], RETRYING, "locked", True),
        # The message waits in the queue until a worker has room for it.
        (["a try fails", "it is scheduled", "nobody has it"], RETRYING, "locked", True),
        (["a try fails", "it runs"], RUNNING, "locked", False),
        # The back end still says that the first try failed.
        (["a try fails", "it runs", "a try fails"], RUNNING, "locked", False),
        (["a try fails", "it runs", "nobody answers"], RUNNING, "locked", False),
        (["a try fails", "it is scheduled", "it runs", "a try fails"], RUNNING, "locked", False),
        # The second try fails. That shows by another error, by where the task is, or by where it is not.
        (["a try fails", "it runs", "a try fails otherwise"], RETRYING, "still locked", False),
        (["a try fails", "it is scheduled", "a try fails otherwise"], RETRYING, "still locked", False),
        (["a try fails", "it runs", "it is scheduled"], RETRYING, "locked", True),
        (["a try fails", "it runs", "nobody has it"], RETRYING, "locked", False),
        (["a try fails", "it runs", "nobody has it", "it is scheduled", "it runs"], RUNNING, "locked", False),
        (["a try fails", "it reports"], RUNNING, "locked", False),
        (["a try fails", "it returns"], DONE, None, False),
        (["a try fails", "it is scheduled", "it runs", "it returns"], DONE, None, False),
        (["a try fails", "it runs", "a try fails otherwise", "it returns"], DONE, None, False),
        (["a try fails", "it gives up"], FAILED, "locked", False),
        (["a try fails", "it is scheduled", "it runs", "it gives up"], FAILED, "locked", False),
    ],
)
def test_what_is_seen_of_a_task_makes_its_job_retrying_or_running(
    dispatch: Dispatch,
    leave_result: Leave,
    steps: Sequence[str],
    status: str,
    last_error: str | None,
    has_a_time: bool,
) -> None:
    for step in steps:
        take(step, dispatch, leave_result)
    job = only_job()
    said = f"HistoryLockedError: {last_error}" if last_error else None
    assert (job.status, job.attempts, job.last_error, job.next_run_at is not None) == (status, 1, said, has_a_time)
    assert Dispatch.objects.count() == 1
    assert (dispatch.retrying_since is not None) == (status == RETRYING)
    assert (dispatch.ended_at is not None) == (status in {DONE, FAILED})
    if status == DONE:
        assert (dispatch.error, dispatch.traceback) == (None, None)


@pytest.mark.parametrize("before", [["a try fails"], ["a try fails", "it is scheduled"], ["a try fails", "it runs"]])
def test_it_can_be_cancelled_and_what_its_worker_says_afterwards_changes_nothing(
    dispatch: Dispatch, leave_result: Leave, before: list[str]
) -> None:
    for step in before:
        take(step, dispatch, leave_result)
    operations.cancel_job(dispatch.job_id, actor=OPERATOR)
    for step in ("a try fails otherwise", "it is scheduled", "it runs", "nobody has it"):
        take(step, dispatch, leave_result)
    leave_result(dispatch, {"exc_type": "TaskRevokedError", "exc_message": ["revoked"]}, state="REVOKED")
    let_run_out("late_check_at")
    sweeper.keep_late_results()
    dispatch.refresh_from_db()
    job = only_job()
    assert (job.status, job.attempts, job.dedupe_key, job.next_run_at) == (CANCELLED, 1, None, None)
    assert (dispatch.outcome, dispatch.error, dispatch.retrying_since) == ("cancelled", None, None)


def test_what_ended_while_its_failed_try_was_read_stays_ended(dispatch: Dispatch) -> None:
    read = Dispatch.objects.get()
    operations.cancel_job(dispatch.job_id, actor=OPERATOR)
    assert not worker_retries.note_failed_try(read, TaskState(state="RETRY", result=error()))
    assert not worker_retries.note_running(read)
    assert (only_job().status, Dispatch.objects.get().error) == (CANCELLED, None)


def look_for_losses(workers: Workers) -> None:
    for _ in range(2):
        let_run_out("check_at", ended_at=None)
        losses.note_unknown(workers)
        let_run_out("unknown_since", seconds=stuck.UNKNOWN_SECONDS + 1)


def cause() -> str | None:
    found: str | None = queries.get(only_job().pk)["stuck_cause"]
    return found


def test_it_is_neither_lost_nor_stuck_while_a_worker_has_it_scheduled(dispatch: Dispatch, leave_result: Leave) -> None:
    fail_a_try(dispatch, leave_result)
    workers = answer(dispatch, until=soon())
    sweeper.note_workers(workers)
    look_for_losses(workers)
    Job.objects.update(updated_at=timezone.now() - timedelta(hours=5))
    assert cause() is None
    assert (only_job().status, Dispatch.objects.get().publications) == (RETRYING, 1)


def test_it_is_not_lost_while_its_message_may_wait_in_the_queue(dispatch: Dispatch, leave_result: Leave) -> None:
    fail_a_try(dispatch, leave_result)
    look_for_losses(answer(dispatch, empty_queues=frozenset()))
    assert cause() is None


def test_it_is_stuck_once_neither_the_queue_nor_a_worker_has_it_and_is_not_sent_again(
    dispatch: Dispatch, leave_result: Leave
) -> None:
    fail_a_try(dispatch, leave_result)
    look_for_losses(answer(dispatch))
    assert cause() == "unknown"
    assert Dispatch.objects.get().publications == 1
    operations.fail_job(dispatch.job_id, actor=OPERATOR, reason="Its worker is gone.")
    assert only_job().status == FAILED


def test_it_is_stuck_when_its_time_has_been_over_for_long(dispatch: Dispatch, leave_result: Leave) -> None:
    fail_a_try(dispatch, leave_result)
    sweeper.note_workers(answer(dispatch, until=soon(-20)))
    Dispatch.objects.update(published_at=timezone.now() - timedelta(hours=1))
    assert cause() == "waiting"


def test_the_time_limit_counts_from_the_try_that_runs(dispatch: Dispatch, leave_result: Leave) -> None:
    fail_a_try(dispatch, leave_result)
    Dispatch.objects.update(started_at=timezone.now() - timedelta(hours=1))
    Job.objects.update(updated_at=timezone.now() - timedelta(hours=1))
    sweeper.note_workers(answer(dispatch, active=True))
    assert cause() is None
    Job.objects.update(updated_at=timezone.now() - timedelta(minutes=11))
    assert cause() == "time limit"


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (error(), "HistoryLockedError: locked"),
        ({"exc_type": "OSError", "exc_message": [5, "Input/output error"]}, "OSError: 5, Input/output error"),
        ({"exc_type": "OSError", "exc_message": "gone"}, "OSError: gone"),
        ({"exc_type": "TimeoutError"}, "TimeoutError"),
        ({"exc_type": "TimeoutError", "exc_message": None}, "TimeoutError"),
        (None, "The task asked to be retried and gave no reason."),
        ("", "The task asked to be retried and gave no reason."),
        ({}, "The task asked to be retried and gave no reason."),
        ("Retry in 60s", "Retry in 60s"),
        (["a", 1], "['a', 1]"),
        (7, "7"),
        ({"exc_type": "E", "exc_message": ["access_token=abcDEF123secret"]}, "E: access_token=[redacted]"),
        ({"exc_type": "E", "exc_message": ["x " * 10_000]}, ("E: " + "x " * 10_000)[:5_000]),
    ],
)
def test_whatever_a_failed_try_leaves_is_shown_without_what_is_private(
    dispatch: Dispatch, leave_result: Leave, result: Any, words: str
) -> None:
    for _ in range(2):
        leave_result(dispatch, result, state="RETRY")
        sweeper.settle_ended()
    assert (only_job().status, only_job().last_error, only_job().attempts) == (RETRYING, words, 1)


@pytest.mark.parametrize(
    ("eta", "expected"),
    [
        ("2026-03-14T12:00:00+00:00", datetime(2026, 3, 14, 12, tzinfo=UTC)),
        ("2026-03-14T12:00:00.250000+00:00", datetime(2026, 3, 14, 12, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-03-14T14:00:00+02:00", datetime(2026, 3, 14, 12, tzinfo=UTC)),
        ("2026-03-14T12:00:00", datetime(2026, 3, 14, 12, tzinfo=UTC)),
        ("9999-12-31T23:59:59+00:00", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("9999-12-31T23:59:59-05:00", None),
        ("0001-01-01T00:00:00+23:00", None),
        ("in a minute", None),
        ("", None),
        (None, None),
        (1_773_489_600, None),
        ([], None),
    ],
)
def test_workers_say_in_many_ways_when_the_next_try_is(
    dispatch: Dispatch,
    leave_result: Leave,
    monkeypatch: pytest.MonkeyPatch,
    eta: Any,
    expected: datetime | None,
) -> None:
    replies = {"scheduled": [{"core@host": [{"eta": eta, "priority": 6, "request": {"id": str(dispatch.task_id)}}]}]}
    monkeypatch.setattr(gateway._controller().control, "broadcast", lambda command, **_: replies.get(command, []))
    fail_a_try(dispatch, leave_result)
    sweeper.note_workers(gateway.ask_workers(scheduled=True))
    assert (only_job().status, only_job().next_run_at) == (RETRYING, expected)


def test_what_moves_from_waiting_to_running_while_workers_are_asked_is_not_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(gateway._controller().control, "broadcast", lambda command, **_: asked.append(command))
    gateway.ask_workers(scheduled=True, missing_from={QUEUE})
    assert asked[:3] == ["scheduled", "reserved", "active"]


def test_a_row_that_its_worker_writes_itself_is_left_to_it(leave_result: Leave) -> None:
    message = make_message(make_conversation(make_identity()), remote_visibility="send_failed")
    job = make_job("message.send_manual", queue_name="messages", payload={"message_id": message.pk})
    operations.retry_job(job.pk, actor=OPERATOR)
    dispatch = Dispatch.objects.get()
    fail_a_try(dispatch, leave_result)
    assert (only_job().status, only_job().last_error) == (QUEUED, None)
    assert dispatch.retrying_since is not None


def test_the_wait_of_a_row_that_its_worker_writes_itself_is_noted_once(leave_result: Leave) -> None:
    message = make_message(make_conversation(make_identity()), remote_visibility="send_failed")
    operations.retry_job(
        make_job("message.send_manual", queue_name="messages", payload={"message_id": message.pk}).pk, actor=OPERATOR
    )
    dispatch = Dispatch.objects.get()
    fail_a_try(dispatch, leave_result)
    noted = (dispatch.retrying_since, dispatch.check_at)
    sweeper.note_workers(answer(dispatch, until=soon()))
    dispatch.refresh_from_db()
    assert (dispatch.retrying_since, dispatch.check_at) == noted


def test_a_row_that_somebody_holds_is_changed_later(dispatch: Dispatch, leave_result: Leave) -> None:
    with psycopg.connect(psycopg_url()) as elsewhere:
        elsewhere.execute("SELECT FROM jobs FOR UPDATE")
        fail_a_try(dispatch, leave_result)
        assert (only_job().status, dispatch.error) == (QUEUED, None)
    fail_a_try(dispatch, leave_result)
    assert (only_job().status, only_job().attempts) == (RETRYING, 1)


# --- a real worker ------------------------------------------------------------------------------------------------


@pytest.fixture
def history(core_worker: Any, tmp_path: Path) -> Path:
    """A locked history with an old day, and a worker that tries to clean it up every ten seconds."""
    folder = tmp_path / "archive" / FOLDER
    folder.mkdir(parents=True)
    (folder / LOCK).touch()
    (folder / "2020-01-01.jsonl").touch()
    core_worker(DEMO_RETRY_SECONDS="10")
    return folder


def look() -> Job:
    """Run the sweeper's duties for core tasks, and return the job."""
    sweeper.settle_ended()
    sweeper.note_workers(gateway.ask_workers(scheduled=True))
    return only_job()


def submit_and_wait_for_a_failed_try() -> Job:
    submit()
    wait_until(lambda: (job := look()).status == RETRYING and job.next_run_at is not None)
    job = only_job()
    assert job.last_error == "HistoryLockedError: The watch history is locked by another run."
    assert (job.attempts, Dispatch.objects.count()) == (1, 1)
    return job


def test_the_cores_worker_tries_a_task_again_until_it_succeeds(history: Path) -> None:
    submit_and_wait_for_a_failed_try()
    (history / LOCK).unlink()
    wait_until(lambda: look().status == DONE)
    dispatch = Dispatch.objects.get()
    assert (dispatch.result, dispatch.error) == ({"status": "success", "deleted": 1}, None)
    assert (only_job().attempts, only_job().last_error) == (1, None)


def test_the_cores_worker_does_not_try_a_cancelled_task_again(history: Path) -> None:
    job = submit_and_wait_for_a_failed_try()
    operations.cancel_job(job.pk, actor=OPERATOR)
    (history / LOCK).unlink()

    def has_returned() -> bool:
        let_run_out("late_check_at")
        return bool(sweeper.keep_late_results())

    wait_until(has_returned)
    assert (history / "2020-01-01.jsonl").exists()
    assert (look().status, Dispatch.objects.get().outcome) == (CANCELLED, "cancelled")
