"""A silent worker proves nothing. Several workers can share a name, and perhaps only some of them answer."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from identities.operations import backfill_conversations
from jobs import gateway, losses, pulse, sweeper
from jobs.gateway import ActiveTask, Workers
from jobs.models import RUNNING, Dispatch, Job, WorkerReport
from tests.cast import OPERATOR, make_credential, make_identity
from tests.waiting import wait_until
from tests.worker.faults import core_held_up, let_run_out, lose_message
from tests.worker.world import World

pytestmark = pytest.mark.django_db(transaction=True)

Replies = dict[str, list[Any]]


def report(name: str, *, number: int = 1, queue: str = "ingest", minutes_ago: float = 0) -> None:
    seen_at = timezone.now() - timedelta(minutes=minutes_ago)
    WorkerReport.objects.create(hostname=name, number=number, queues=[queue], tasks=["a task"], seen_at=seen_at)


def answer(*names: str, queue: str = "ingest", **values: Any) -> Workers:
    """Return the answer of these workers, which have no tasks, with an empty queue."""
    given: dict[str, Any] = {"answered": frozenset(names), "queues": {name: [queue] for name in names}, "namesakes": {}}
    return Workers(**{**given, "empty_queues": frozenset({"ingest"}), **values})


def is_taken_for_lost(workers: Workers) -> bool:
    """Return whether a sweeper that gets this answer takes a published task for lost."""
    let_run_out("check_at", ended_at=None)
    losses.note_unknown(workers)
    return Dispatch.objects.exclude(unknown_since=None).exists()


@pytest.fixture
def dispatch() -> Dispatch:
    """An attempt of a core task whose message was lost."""
    identity = make_identity()
    make_credential(identity)
    backfill_conversations(identity_ids=[identity.pk], actor=OPERATOR)
    found = Dispatch.objects.get()
    lose_message("ingest", found.job_id)
    return found


ANSWERS = {
    "one, the only one": ([("w", 1, 0)], answer("w"), True),
    "one that nobody knew": ([], answer("w"), True),
    "two of two": ([("w", 1, 0), ("w", 2, 0)], answer("w", namesakes={"w": 2}), True),
    "one of two of its name": ([("w", 1, 0), ("w", 2, 0)], answer("w", namesakes={"w": 1}), False),
    "two of three of their name": ([("w", 3, 0)], answer("w", namesakes={"w": 2}), False),
    "three where two were": ([("w", 1, 0), ("w", 2, 0)], answer("w", namesakes={"w": 3}), True),
    "one of two names": ([("w", 1, 0), ("v", 1, 0)], answer("w"), False),
    "nobody": ([("w", 1, 0)], answer(), False),
    "nobody of whom anything is known": ([], answer(), False),
    "two, one of them not every question": ([("w", 1, 0)], answer(queues={"w": ["ingest"]}, namesakes={"w": 2}), False),
    "one, another has been silent for long": ([("v", 1, 10)], answer("w"), False),
    "one, another is gone for sure": ([("v", 1, 12)], answer("w"), True),
    "one, its namesake has been silent for long": ([("w", 2, 10)], answer("w", namesakes={"w": 1}), False),
    "one, its namesake is gone for sure": ([("w", 2, 12)], answer("w", namesakes={"w": 1}), True),
    "one that listens elsewhere": ([], answer("w", queue="messages"), False),
    "one, while messages wait": ([], answer("w", empty_queues=frozenset()), False),
}


@pytest.mark.parametrize(("reports", "workers", "lost"), ANSWERS.values(), ids=ANSWERS.keys())
def test_a_task_is_lost_only_where_everybody_has_answered_who_may_have_it(
    dispatch: Dispatch, reports: list[tuple[str, int, float]], workers: Workers, lost: bool
) -> None:
    for name, number, minutes_ago in reports:
        report(name, number=number, minutes_ago=minutes_ago)
    assert is_taken_for_lost(workers) is lost


def test_a_silent_worker_of_another_queue_has_nothing_to_do_with_it(dispatch: Dispatch) -> None:
    report("v", queue="messages")
    assert is_taken_for_lost(answer("w"))


@pytest.mark.parametrize("known", ["active", "reserved"])
def test_a_task_that_one_of_two_of_a_name_has_is_not_lost(dispatch: Dispatch, known: str) -> None:
    task_id = str(dispatch.task_id)
    has: dict[str, Any] = {
        "active": {task_id: ActiveTask(task_id=task_id, worker="w", started_at=None)},
        "reserved": frozenset({task_id}),
    }
    assert not is_taken_for_lost(answer("w", namesakes={"w": 2}, **{known: has[known]}))


# --- what the workers' replies mean -------------------------------------------------------------------------------


@pytest.fixture
def replies(monkeypatch: pytest.MonkeyPatch) -> Replies:
    """Fake replies of workers to each question."""
    replies: Replies = {}
    monkeypatch.setattr(gateway._controller().control, "broadcast", lambda command, **options: replies.get(command, []))
    return replies


def test_the_tasks_of_all_that_go_by_one_name_are_known(replies: Replies) -> None:
    replies["active"] = [{"w": [{"id": "a"}]}, {"w": [{"id": "b"}]}, {"v": []}]
    replies["reserved"] = [{"w": [{"id": "c"}]}, {"w": [{"id": "d"}]}, {"v": []}]
    replies["scheduled"] = [{"w": [{"request": {"id": "e"}}]}, {"w": []}, {"v": []}]
    replies["active_queues"] = [{"w": [{"name": "x"}]}, {"w": [{"name": "y"}]}, {"v": []}]
    found = gateway.ask_workers(missing_from={"x"})
    assert set(found.active) == {"a", "b"}
    assert found.reserved == {"c", "d", "e"}
    assert found.queues["w"] == ["x", "y"]
    assert found.namesakes == {"w": 2, "v": 1}
    assert found.answered == {"w", "v"}


@pytest.mark.parametrize("command", ["reserved", "scheduled", "active", "active_queues"])
@pytest.mark.parametrize("second", [None, {"w": {"error": "it broke"}}, {"w": "text"}, ["w"], 7])
def test_who_does_not_answer_one_question_has_not_answered(replies: Replies, command: str, second: Any) -> None:
    for each in ("reserved", "scheduled", "active", "active_queues"):
        replies[each] = [{"w": []}, {"w": []}, {"v": []}]
    replies[command] = [{"w": []}, *([] if second is None else [second]), {"v": []}]
    found = gateway.ask_workers(missing_from={"x"})
    assert found.answered == {"v"}
    assert found.namesakes["w"] == 2


def test_each_of_a_name_is_remembered_until_it_is_forgotten(replies: Replies) -> None:
    for each in ("active", "active_queues", "registered"):
        replies[each] = [{"w": []}] * 3
    sweeper.note_workers(gateway.ask_workers(registered=True))
    for each in replies:
        replies[each] = [{"w": []}] * 2
    WorkerReport.objects.update(seen_at=F("seen_at") - sweeper.FORGET_WORKERS_AFTER)
    sweeper.note_workers(gateway.ask_workers(registered=True))
    assert [worker.hostname for worker in pulse.workers()] == ["w", "w"]


# --- real ones ----------------------------------------------------------------------------------------------------


def test_two_workers_of_one_name_are_two(world: World) -> None:
    world.kill()
    for name in ("Alice", "Bob"):
        make_credential(make_identity(name))

    def ask() -> bool:
        let_run_out("check_at", ended_at=None)
        sweeper.note_workers(gateway.ask_workers(registered=True, missing_from=losses.suspicious_queues()))
        return set(Job.objects.values_list("status", flat=True)) == {RUNNING}

    first, second = (world.another_core_worker(hostname="core@dup") for _ in range(2))
    with core_held_up():
        backfill_conversations(actor=OPERATOR)
        wait_until(ask)
        # Both run one, so nothing is unknown, now or later.
        for _ in range(3):
            ask()
            let_run_out("unknown_since", seconds=61)
        assert not Dispatch.objects.exclude(unknown_since=None).exists()
        second.kill()
        wait_until(lambda: gateway.ask_workers().namesakes == {"core@dup": 1})
        ask()
        assert not Dispatch.objects.exclude(unknown_since=None).exists()
        # Once the worker is certainly gone, no one knows its task. The other worker's task is known.
        WorkerReport.objects.update(seen_at=F("seen_at") - losses.WORKER_ALIVE)
        ask()
        assert Dispatch.objects.exclude(unknown_since=None).count() == 1
    assert set(Dispatch.objects.values_list("publications", flat=True)) == {1}
    first.kill()
