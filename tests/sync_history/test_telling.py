"""Telling of attempts that have ended: each once in effect, whatever dies and however many tell at once."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from identities.models import SyncAttempt
from identities.operations import sync_identities
from jobs import ended, settling, sweeper
from jobs.ended import EndedAttempt
from jobs.gateway import TaskState
from jobs.models import Dispatch
from tests.cast import OPERATOR, make_identity
from tests.sync_history.rows import attempt, history, last, minutes
from tests.worker.at_once import at_once
from tests.worker.world import died_at_its_failpoint

pytestmark = pytest.mark.django_db(transaction=True)

Register = Callable[[ended.Receiver], None]


@pytest.fixture(autouse=True)
def _nothing_failed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ended, "_failures", type(ended._failures)())


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Register:
    """Have somebody else told too: `receiver(function)`."""
    monkeypatch.setattr(ended, "_receivers", list(ended._receivers))
    return ended.register


def told() -> list[bool]:
    return list(Dispatch.objects.order_by("pk").values_list("told", flat=True))


def test_an_end_is_told_once(receiver: Register) -> None:
    heard: list[int] = []
    receiver(lambda attempts: heard.extend(one.dispatch_id for one in attempts))
    ids = [attempt(make_identity()).pk for _ in range(3)]

    assert [ended.tell(), ended.tell()] == [3, 0]
    assert heard == ids
    assert told() == [True] * 3


def test_what_is_told_is_all_that_is_known_of_the_attempt(receiver: Register) -> None:
    heard: list[EndedAttempt] = []
    receiver(heard.extend)
    alice = make_identity("Alice")
    one = attempt(alice, "failed", error="down", result={"status": "error"})
    ended.tell()
    assert heard == [
        EndedAttempt(
            dispatch_id=one.pk,
            job_id=one.job_id,
            job_type="ingest.sync_delta",
            payload={"provider_id": "reddit", "identity_id": alice.pk},
            queue="ingest",
            task="ingest.sync_delta",
            outcome="failed",
            started_at=one.started_at,
            ended_at=one.ended_at or minutes(0),
            returned_at=None,
            result={"status": "error"},
            error="down",
            requested_by="olivia",
            via="api",
        )
    ]


def test_an_attempt_that_has_not_ended_is_not_told() -> None:
    attempt(make_identity(), ended_at=None)
    assert ended.tell() == 0
    assert told() == [False]


def test_what_has_ended_before_is_told_in_batches() -> None:
    alice = make_identity("Alice")
    ids = [attempt(alice, at=minutes(n)).pk for n in range(5)]
    assert [ended.tell(limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert [source for source, _ in history(alice)] == [f"dispatch:{pk}" for pk in reversed(ids)]


def test_a_tick_tells_of_all_that_is_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "TOLD_AT_ONCE", 2)
    for _ in range(5):
        attempt(make_identity())
    assert sweeper.tell_ended() == 5
    assert all(told())


def test_a_receiver_that_fails_once_loses_nothing(receiver: Register) -> None:
    failures = [RuntimeError("once"), RuntimeError("twice")]

    def fail(attempts: Sequence[EndedAttempt]) -> None:
        if failures:
            raise failures.pop()

    receiver(fail)
    alice = make_identity("Alice")
    one = attempt(alice)
    assert ended.tell() == 0
    assert not SyncAttempt.objects.exists(), "what the first receiver wrote stays only with the rest"
    assert told() == [False]

    assert [ended.tell(), ended.tell(), ended.tell()] == [0, 1, 0]
    assert history(alice) == [(f"dispatch:{one.pk}", "done")]


def test_one_attempt_of_which_nothing_can_be_made_does_not_hold_up_the_others(receiver: Register) -> None:
    alice = make_identity("Alice")
    bad, good = attempt(alice, at=minutes(0)), attempt(alice, at=minutes(1))

    def fail(attempts: Sequence[EndedAttempt]) -> None:
        assert all(one.dispatch_id != bad.pk for one in attempts), "that one"

    receiver(fail)
    assert ended.tell() == 1
    assert history(alice) == [(f"dispatch:{good.pk}", "done")]
    assert told() == [False, True]
    # It is tried again, and after a few times no more.
    assert [ended.tell() for _ in range(4)] == [0, 1, 0, 0]
    assert told() == [True, True]
    assert history(alice) == [(f"dispatch:{good.pk}", "done")]


def test_a_row_that_the_database_refuses_does_not_spoil_the_transaction(receiver: Register) -> None:
    def refuse(attempts: Sequence[EndedAttempt]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / %s", [sum(one.outcome != "skipped" for one in attempts)])

    receiver(refuse)
    alice = make_identity("Alice")
    attempt(alice, "skipped", at=minutes(0))
    good = attempt(alice, "done", at=minutes(1))
    attempt(alice, "skipped", at=minutes(2))
    # Together they pass; alone, two of them don't.
    assert ended.tell() == 3
    Dispatch.objects.update(told=False)
    assert [ended.tell(limit=1), ended.tell(limit=1), ended.tell(limit=1)] == [0, 0, 1]
    assert last(alice).success_at == good.ended_at


def test_a_database_that_fails_is_no_fault_of_the_attempts(receiver: Register) -> None:
    def fail(attempts: Sequence[EndedAttempt]) -> None:
        raise OperationalError("deadlock detected")

    receiver(fail)
    attempt(make_identity())
    for _ in range(ended.MAX_TRIES + 1):
        with pytest.raises(OperationalError):
            ended.tell()
    assert told() == [False]
    assert not SyncAttempt.objects.exists()


def test_two_who_tell_at_once_tell_each_attempt_once(receiver: Register) -> None:
    heard: list[int] = []
    receiver(lambda attempts: heard.extend(one.dispatch_id for one in attempts))
    identities = [make_identity() for _ in range(4)]
    ids = [attempt(identities[n % 4], at=minutes(n)).pk for n in range(40)]

    def tell_all() -> int:
        return sum(ended.tell(limit=3) for _ in range(20))

    counts = at_once([tell_all] * 4)
    # What another was telling of at the moment was left out.
    rest = sum(iter(ended.tell, 0)) if not all(told()) else 0
    assert sum(counts) + rest == 40
    assert sorted(heard) == ids
    for n, identity in enumerate(identities):
        assert len(history(identity)) == 10
        assert last(identity).success_at == minutes(36 + n)


def test_a_late_result_is_told_once_more() -> None:
    alice = make_identity("Alice")
    one = attempt(alice, "cancelled", at=minutes(0))
    ended.tell()
    late = {"status": "success", "messages_synced": 4, "new_messages": 4, "errors": []}
    settling.keep_late_result(one, TaskState(state="SUCCESS", result=late, ended_at=minutes(3)))

    assert [ended.tell(), ended.tell()] == [1, 0]
    assert (last(alice).success_at, last(alice).success_messages) == (minutes(3), 4)


def test_while_there_is_nothing_to_tell_one_query_is_made_over_a_small_index() -> None:
    alice = make_identity("Alice")
    one = attempt(alice)
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(quote_ident(attname), ',') FROM pg_attribute"
                       " WHERE attrelid = 'jobs_dispatch'::regclass AND attnum > 0 AND NOT attisdropped"
                       " AND attname NOT IN ('id', 'task_id', 'told')")  # fmt: skip
        (columns,) = cursor.fetchone()
        cursor.execute(
            f"INSERT INTO jobs_dispatch (task_id, told, {columns}) SELECT gen_random_uuid(), true, {columns}"
            " FROM jobs_dispatch, generate_series(1, 5000) WHERE id = %s",
            [one.pk],
        )
        cursor.execute("UPDATE jobs_dispatch SET told = true")
        cursor.execute("ANALYZE jobs_dispatch")
    with CaptureQueriesContext(connection) as queries:
        assert ended.tell() == 0
    (query,) = queries.captured_queries
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {query['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "dispatch_untold" in plan, plan


@pytest.mark.processes
def test_a_sweeper_that_is_killed_while_it_tells_has_told_nothing(sweeper: Callable[..., Any], wait_until: Any) -> None:
    alice = make_identity("Alice")
    one = attempt(alice)
    assert died_at_its_failpoint(sweeper(OPS_FAILPOINT="tell.before_commit"))
    assert told() == [False]
    assert not SyncAttempt.objects.exists()

    sweeper("--tick", "0.1")
    wait_until(lambda: history(alice) == [(f"dispatch:{one.pk}", "done")])
    assert told() == [True]


def test_an_attempt_that_nobody_cares_for_is_told_all_the_same() -> None:
    sync_identities(identity_ids=[make_identity("Alice").pk], actor=OPERATOR)
    Dispatch.objects.update(ended_at=minutes(0), outcome="cancelled")
    Dispatch.objects.update(task="core.unheard_of")
    assert ended.tell() == 1
