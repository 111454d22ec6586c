"""What comes back from workers and makes no sense: results, reports of progress, answers, clocks."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.utils import timezone

from identities.operations import backfill_conversations
from jobs import gateway, losses, operations, settling, sweeper
from jobs.gateway import ActiveTask, Workers
from jobs.models import ACTIVE_STATUSES, DONE, RETRYING, RUNNING, Dispatch, Job, WorkerReport
from tests.cast import OPERATOR, make_identity
from tests.worker import own_tasks
from tests.worker.conftest import Leave
from tests.worker.faults import let_run_out

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

GOOD = {"status": "success", "messages_synced": 7, "errors": []}
SKEW = timedelta(minutes=10)


@pytest.fixture
def pair() -> tuple[Dispatch, Dispatch]:
    """The published attempts of two backfills; the second one is what must not suffer from the first."""
    for name in ("Alice", "Bob"):
        make_identity(name)
    backfill_conversations(actor=OPERATOR)
    first, second = Dispatch.objects.order_by("pk")
    return first, second


@pytest.fixture
def results() -> Iterator[Any]:
    """The Redis database that the core's worker leaves its results in."""
    with closing(redis.Redis.from_url(settings.CORE_RESULT_BACKEND)) as client:
        yield client


def key(dispatch: Dispatch) -> str:
    return f"celery-task-meta-{dispatch.task_id}"


def job_of(dispatch: Dispatch) -> Job:
    return Job.objects.get(pk=dispatch.job_id)


def fresh(dispatch: Dispatch) -> Dispatch:
    return Dispatch.objects.get(pk=dispatch.pk)


def now() -> datetime:
    """The database's time, to which the tests' own clock is the same."""
    return datetime.now(UTC)


# --- what stands in the result back end ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [
        {"date_done": "0001-01-01T00:00:00+14:00"},
        {"date_done": "9999-12-31T23:59:59-14:00"},
        {"date_done": "yesterday"},
        {"date_done": 1e400},
        {"date_done": {"at": 5}},
        {"date_done": None},
        {"traceback": {"file": "a.py"}},
        {"traceback": 5},
        {"traceback": ["a.py", 5]},
        {"children": "none", "task_id": 5, "parent_id": {}},
    ],
    ids=str,
)
def test_whatever_stands_beside_a_result_its_job_and_the_others_are_settled(
    pair: tuple[Dispatch, Dispatch], results: Any, leave_result: Leave, odd: dict[str, Any]
) -> None:
    meta = {"status": "FAILURE", "result": {"exc_type": "KeyError", "exc_message": ["a"]}, "traceback": None}
    results.set(key(pair[0]), json.dumps(meta | odd))
    leave_result(pair[1], GOOD)
    sweeper.settle_ended()

    assert job_of(pair[0]).status == RETRYING
    assert fresh(pair[0]).outcome == "retrying"
    assert job_of(pair[1]).status == DONE


@pytest.mark.parametrize(
    "raw",
    [b"", b"not JSON", b"\xff\xfe\x00", b"[]", b"5", b'"SUCCESS"', b"null", b"[" * 100_000, b'{"status": "SUCCESS"'],
    ids=lambda raw: str(raw[:20]),
)
def test_what_is_no_result_at_all_is_a_failure_that_says_so(
    pair: tuple[Dispatch, Dispatch], results: Any, leave_result: Leave, raw: bytes
) -> None:
    results.set(key(pair[0]), raw)
    leave_result(pair[1], GOOD)
    sweeper.settle_ended()

    assert "no JSON object" in (job_of(pair[0]).last_error or "")
    assert job_of(pair[1]).status == DONE


@pytest.mark.parametrize("levels", [600, 900, 50_000])
def test_a_result_nested_too_deeply_counts_as_what_it_says(
    pair: tuple[Dispatch, Dispatch], results: Any, levels: int
) -> None:
    deep = '{"a": ["]", ' * levels + "5" + "]}" * levels
    results.set(key(pair[0]), f'{{"status": "SUCCESS", "result": {{"status": "success", "tree": {deep}}}}}')
    sweeper.settle_ended()

    assert job_of(pair[0]).status == DONE
    result = fresh(pair[0]).result
    assert isinstance(result, dict)
    assert result["status"] == "success"


@pytest.mark.parametrize("result", [{"exc_type": None, "exc_message": None}, {"exc_type": "", "exc_message": []}])
def test_a_failure_without_a_type_and_a_message_says_so(
    pair: tuple[Dispatch, Dispatch], leave_result: Leave, result: Any
) -> None:
    leave_result(pair[0], result, state="FAILURE")
    sweeper.settle_ended()
    assert job_of(pair[0]).last_error == "The task ended as FAILURE without a reason."


@pytest.mark.parametrize("state", [None, 5, {}, "", "success", "TRANSCENDED"], ids=str)
def test_a_state_that_celery_lacks_settles_nothing(
    pair: tuple[Dispatch, Dispatch], leave_result: Leave, state: Any
) -> None:
    leave_result(pair[0], GOOD, state=state)
    leave_result(pair[1], GOOD)
    sweeper.settle_ended()

    assert job_of(pair[0]).status in ACTIVE_STATUSES
    assert fresh(pair[0]).ended_at is None
    assert job_of(pair[1]).status == DONE


def test_what_the_back_end_holds_under_another_type_of_key_is_no_result(
    pair: tuple[Dispatch, Dispatch], results: Any, leave_result: Leave
) -> None:
    results.rpush(key(pair[0]), "a", "b")
    leave_result(pair[1], GOOD)
    sweeper.settle_ended()

    assert fresh(pair[0]).ended_at is None
    assert job_of(pair[1]).status == DONE


@pytest.mark.parametrize(
    "result",
    [
        GOOD | {"status": ["success"]},
        GOOD | {"status": None},
        GOOD | {"errors": {"a": 1}},
        GOOD | {"errors": [None, {"deep": [1]}, 5.5, "x" * 100_000] * 50},
        GOOD | {"errors": True, "messages_synced": "many"},
        GOOD | {"messages_synced": float("nan")},
        {"status": "error", "error": {"code": [float("inf")]}},
        {"status": "error", "error": "\ud800\x00" * 10_000},
        {"status": "skipped", "reason": ["a", None]},
        {"\x00": {"\ud800": [[[[[]]]]]}},
        "x" * 5_000_000,
        ["x" * 100_000] * 50,
    ],
    ids=lambda result: str(result)[:40],
)
def test_whatever_a_core_task_returns_its_attempt_ends_with_something_that_can_be_shown(
    pair: tuple[Dispatch, Dispatch], leave_result: Leave, result: Any
) -> None:
    leave_result(pair[0], result)
    leave_result(pair[1], GOOD)
    sweeper.settle_ended()

    ended = fresh(pair[0])
    assert ended.ended_at is not None
    assert job_of(pair[0]).status in {DONE, RETRYING}
    assert len(json.dumps(ended.result)) <= settling.MAX_RESULT_BYTES
    assert len(ended.error or "") < 200_000
    assert len(job_of(pair[0]).last_error or "") <= 5_000
    assert job_of(pair[1]).status == DONE


@pytest.mark.parametrize("state", ["SUCCESS", "FAILURE"])
def test_no_secret_of_a_core_result_is_kept(pair: tuple[Dispatch, Dispatch], leave_result: Leave, state: str) -> None:
    secret = own_tasks.SECRET
    odd = {
        "status": "error",
        "error": {"refused": [secret], "password": "correct horse"},
        "access_token": "short",
        "errors": [f"Bearer {secret}", {"body_text": "dear Bob"}],
        "exc_type": f"Refused {secret}",
        "exc_message": [{"token": "short"}, f"https://user:{secret}@host/"],
    }
    leave_result(pair[0], odd, state=state, traceback=f'  auth(token="{secret}", password="correct horse")')
    sweeper.settle_ended()

    kept = str([*Job.objects.values(), *Dispatch.objects.values()])
    assert fresh(pair[0]).outcome == "retrying"
    assert not [word for word in (secret, "correct horse", "'short'", "dear Bob") if word in kept]


@pytest.mark.parametrize(
    "meta",
    [
        None,
        5,
        [],
        "half",
        {"current": float("nan")},
        {"current": 10**400},
        {"current": 1, "total": -5},
        {"current": []},
    ],
    ids=str,
)
def test_progress_that_makes_no_sense_keeps_nothing_from_being_settled(
    pair: tuple[Dispatch, Dispatch], leave_result: Leave, meta: Any
) -> None:
    leave_result(pair[0], meta, state="PROGRESS")
    leave_result(pair[1], GOOD)
    sweeper.settle_ended()

    assert job_of(pair[0]).status == RUNNING
    assert job_of(pair[1]).status == DONE


def test_a_late_result_that_makes_no_sense_is_kept_and_frees_the_place(
    pair: tuple[Dispatch, Dispatch], results: Any
) -> None:
    operations.cancel_job(pair[0].job_id, actor=OPERATOR)
    meta = {"status": "FAILURE", "result": ["odd"], "traceback": [5], "date_done": "0001-01-01T00:00:00+14:00"}
    results.set(key(pair[0]), json.dumps(meta))
    let_run_out("late_check_at")

    assert sweeper.keep_late_results() == 1
    assert (fresh(pair[0]).holds_place, fresh(pair[0]).late_check_at) == (False, None)


# --- what workers answer ------------------------------------------------------------------------------------------


def replies(command: str, running: ActiveTask, odd: Any) -> list[dict[str, Any]]:
    """Return the answers of two workers to a question: a list, and something else."""
    good: dict[str, list[Any]] = {
        "active": [{"id": running.task_id, "time_start": now().timestamp()}],
        "active_queues": [{"name": "ingest"}],
        "registered": ["ingest.sync_delta [rate_limit=5]"],
    }
    return [{"good@host": good.get(command, [])}, {"odd@host": odd}]


@pytest.mark.parametrize(
    "odd", [{"error": "KeyError('id')"}, None, "no", 5, [None], [5], [{}], [{"id": None, "name": None}]], ids=str
)
def test_what_one_worker_answers_in_its_own_way_does_not_hide_what_the_others_run(
    pair: tuple[Dispatch, Dispatch], monkeypatch: pytest.MonkeyPatch, odd: Any
) -> None:
    task = ActiveTask(task_id=str(pair[0].task_id), worker="good@host", started_at=None)
    monkeypatch.setattr(gateway._controller().control, "broadcast", lambda command, **_: replies(command, task, odd))

    workers = gateway.ask_workers(registered=True, missing_from=["ingest"])
    sweeper.note_workers(workers)

    assert job_of(pair[0]).status == RUNNING
    assert workers.tasks["good@host"] == ["ingest.sync_delta"]
    assert gateway.registered_tasks() == {"ingest.sync_delta"}
    if not isinstance(odd, list):
        assert workers.answered == {"good@host"}, "who refuses to answer has not said what it runs"


# --- clocks -------------------------------------------------------------------------------------------------------


def started(dispatch: Dispatch, at: Any) -> None:
    active = gateway.ActiveTask(task_id=str(dispatch.task_id), worker="core@host", started_at=gateway._moment(at))
    sweeper.note_workers(Workers(active={active.task_id: active}))


@pytest.mark.parametrize("skew", [-SKEW, SKEW], ids=["behind", "ahead"])
@pytest.mark.parametrize("marked", [True, False], ids=["marked", "its sender died"])
def test_no_attempt_lasts_longer_than_it_can_have_by_a_clock_that_is_off(
    pair: tuple[Dispatch, Dispatch], results: Any, skew: timedelta, marked: bool
) -> None:
    if not marked:
        Dispatch.objects.update(published_at=None, publications=0, check_at=None)
    started(pair[0], (now() + skew).timestamp())
    meta = {"status": "SUCCESS", "result": GOOD, "date_done": (now() + skew).isoformat()}
    results.set(key(pair[0]), json.dumps(meta))
    sweeper.settle_ended()

    ended = fresh(pair[0])
    assert ended.started_at is not None
    assert ended.ended_at is not None
    assert ended.requested_at <= ended.started_at <= ended.ended_at <= now()


@pytest.mark.parametrize("at", [float("nan"), 1e400, -1e10, "soon", None, 10**400, 0], ids=str)
def test_a_start_that_makes_no_sense_lies_between_its_submission_and_now(
    pair: tuple[Dispatch, Dispatch], at: Any
) -> None:
    Dispatch.objects.update(published_at=None)
    started(pair[0], at)

    found = fresh(pair[0]).started_at
    assert found is not None
    assert pair[0].requested_at <= found <= now()


@pytest.mark.parametrize("skew", [-SKEW, SKEW], ids=["behind", "ahead"])
def test_what_returns_late_does_not_return_before_it_began_or_in_the_future(
    pair: tuple[Dispatch, Dispatch], results: Any, skew: timedelta
) -> None:
    started(pair[0], now().timestamp())
    operations.cancel_job(pair[0].job_id, actor=OPERATOR)
    meta = {"status": "SUCCESS", "result": GOOD, "date_done": (now() + skew).isoformat()}
    results.set(key(pair[0]), json.dumps(meta))
    let_run_out("late_check_at")
    sweeper.keep_late_results()

    late = fresh(pair[0])
    assert late.returned_at is not None
    assert late.started_at is not None
    assert late.started_at <= late.returned_at <= now()


@pytest.mark.parametrize("skew", [-SKEW, SKEW], ids=["behind", "ahead"])
def test_a_sweeper_whose_clock_is_off_does_not_mistake_a_silent_worker_for_one_that_is_gone(
    pair: tuple[Dispatch, Dispatch], monkeypatch: pytest.MonkeyPatch, skew: timedelta
) -> None:
    answer = Workers(tasks={"core@host": ["ingest.sync_delta"]}, queues={"core@host": ["ingest"]})
    with monkeypatch.context() as patched:
        patched.setattr(timezone, "now", lambda: now() + skew)
        sweeper.note_workers(answer)
    # The other one answers, this one is busy: what it has is not lost.
    other = Workers(
        answered=frozenset({"other@host"}), queues={"other@host": ["ingest"]}, empty_queues=frozenset({"ingest"})
    )
    let_run_out("check_at", ended_at=None)
    losses.note_unknown(other)
    assert not Dispatch.objects.exclude(unknown_since=None).exists()

    seen_at = WorkerReport.objects.get().seen_at
    assert abs(seen_at - now()) < timedelta(minutes=1)
