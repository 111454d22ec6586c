"""A tick of the sweeper: a backlog in one duty doesn't keep the others waiting, and all is done in the end.

The tests have their own clock, which moves only when work is done.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from threading import Event
from threading import enumerate as enumerate_threads
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from jobs import (
    at_work,
    attempts,
    counts,
    dispatching,
    ended,
    gateway,
    handover,
    losses,
    open_attempts,
    progress,
    settling,
    sweeper,
)
from jobs.at_work import AtWork
from jobs.budget import Budget
from jobs.gateway import Workers
from jobs.models import CANCELLED, DONE, QUEUED, RETRYING, RUNNING, Dispatch, Job, SweeperAtWork
from jobs.sweeper import DUTY_SECONDS, SETTLE_SECONDS, Sweeper
from tests.api.cast import make_attempt
from tests.cast import make_conversation, make_identity, make_job, make_message
from tests.worker import own_tasks
from tests.worker.conftest import Leave
from tests.worker.faults import let_run_out, messages

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

MANY = 16
# The time that one item takes: a few fit into a tick.
SECONDS = 0.25
OWN = {"in_core": False, "task": "tests.count", "queue": own_tasks.QUEUE}


class Clock:
    """A clock that moves only when work is done."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def _nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "ask_workers", lambda **_: Workers())
    monkeypatch.setattr(open_attempts, "OBSERVED_AT_ONCE", 1)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Callable[..., None]:
    """Make a function take some time on the clock: `slow(owner, name, seconds=…)`."""

    def slow(owner: Any, name: str, *, seconds: float = SECONDS) -> None:
        really = getattr(owner, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            clock.now += seconds
            return really(*args, **kwargs)

        monkeypatch.setattr(owner, name, wrapped)

    return slow


def just_now() -> Any:
    return timezone.now() - timedelta(seconds=1)


def to_be_published(number: int = MANY) -> None:
    for _ in range(number):
        make_attempt(make_job(status=QUEUED).pk, published_at=None, publication_lease_until=just_now())


def to_be_settled(leave_result: Leave, number: int = MANY) -> None:
    for _ in range(number):
        leave_result(make_attempt(make_job(status=QUEUED).pk), {"status": "success", "errors": []})


def to_be_made_again() -> None:
    for _ in range(MANY):
        job = make_job(status=RETRYING)
        make_attempt(job.pk, ended_at=just_now(), outcome="retrying", told=True, next_attempt_at=just_now())


def to_be_observed() -> None:
    for _ in range(MANY):
        identity = make_identity()
        make_message(make_conversation(identity))
        job = make_job(status=RUNNING, payload={"identity_id": identity.pk})
        watermarks = {"conversations_watermark": 0, "messages_watermark": 0}
        make_attempt(job.pk, started_at=just_now(), worker="w", **watermarks)


def to_be_expired() -> None:
    for _ in range(MANY):
        job = make_job("tests.count", queue_name=own_tasks.QUEUE, status=RUNNING)
        make_attempt(job.pk, **OWN, started_at=just_now(), lease_until=just_now())


def to_be_sent_again() -> None:
    for _ in range(MANY):
        job = make_job("tests.count", queue_name=own_tasks.QUEUE, status=QUEUED)
        make_attempt(job.pk, **OWN, publications=1, check_at=just_now(), kwargs_json="{}")


def to_be_kept(leave_result: Leave) -> None:
    for _ in range(MANY):
        job = make_job(status=CANCELLED)
        values = {"ended_at": just_now(), "outcome": "cancelled", "told": True, "late_check_at": just_now()}
        leave_result(make_attempt(job.pk, **values), {"status": "success", "errors": []})


def to_be_told() -> None:
    for _ in range(MANY):
        make_attempt(make_job(status=DONE).pk, ended_at=just_now(), outcome="done")


DUTIES: dict[str, tuple[Callable[..., None], tuple[Any, str], Callable[[], int]]] = {
    "publishing": (to_be_published, (gateway, "publish"), lambda: Dispatch.objects.filter(published_at=None).count()),
    "settling": (to_be_settled, (settling, "settle"), lambda: Dispatch.objects.filter(ended_at=None).count()),
    "next attempts": (
        to_be_made_again,
        (sweeper, "_redispatch"),
        lambda: Dispatch.objects.exclude(next_attempt_at=None).count(),
    ),
    "observing": (
        to_be_observed,
        (progress, "observe"),
        lambda: Dispatch.objects.filter(progress_at=None).count(),
    ),
    "expiring": (to_be_expired, (attempts, "_end_badly"), lambda: Dispatch.objects.filter(ended_at=None).count()),
    "sending again": (
        to_be_sent_again,
        (losses, "_send_again"),
        lambda: MANY - len(messages(own_tasks.QUEUE)),
    ),
    "late results": (
        to_be_kept,
        (settling, "keep_late_result"),
        lambda: Dispatch.objects.filter(returned_at=None).count(),
    ),
    "telling one by one": (to_be_told, (ended, "_is_hopeless"), lambda: Dispatch.objects.filter(told=False).count()),
}


@pytest.mark.parametrize("duty", DUTIES)
def test_a_duty_with_much_to_do_stops_when_its_time_is_over_and_goes_on_in_the_next_tick(
    duty: str,
    clock: Clock,
    slow: Callable[..., None],
    leave_result: Leave,
    own_types: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arrange, unit, left = DUTIES[duty]
    arrange(leave_result) if arrange in (to_be_settled, to_be_kept) else arrange()
    slow(*unit)
    if duty == "telling one by one":
        # The receiver refuses all of them, so each is told by itself and then given up.
        monkeypatch.setattr(ended, "_is_received", lambda attempts: False)
        monkeypatch.setattr(ended, "MAX_TRIES", 1)
    swept = Sweeper(clock=clock)
    rest = [left()]
    assert rest == [MANY]
    while rest[-1]:
        before = clock.now
        more = swept.tick()
        assert clock.now - before < SETTLE_SECONDS + 2 * SECONDS
        rest.append(left())
        assert more or not rest[-1], "the next tick would have to wait"
        assert rest[-1] < rest[-2], "a tick got nothing done"
    assert len(rest) > 2, "it was all done in one tick"


def test_results_are_settled_within_two_ticks_though_thousands_of_messages_are_due(
    clock: Clock, slow: Callable[..., None], leave_result: Leave
) -> None:
    to_be_published(300)
    to_be_settled(leave_result, 40)
    slow(gateway, "publish", seconds=0.1)
    slow(settling, "settle", seconds=0.02)
    swept, began = Sweeper(clock=clock), clock.now
    for _ in range(2):
        swept.tick()
    assert Job.objects.filter(status=DONE).count() == 40
    assert 0 < Dispatch.objects.filter(published_at=None).count() < 300
    assert clock.now - began < 2 * (DUTY_SECONDS + SETTLE_SECONDS)


def test_every_duty_has_its_turn_where_all_have_too_much_to_do(
    clock: Clock, slow: Callable[..., None], leave_result: Leave, own_types: dict[str, str]
) -> None:
    for arrange in (to_be_published, to_be_made_again, to_be_observed, to_be_expired, to_be_sent_again):
        arrange()
    to_be_settled(leave_result)
    to_be_kept(leave_result)
    for _, unit, _ in DUTIES.values():
        slow(*unit)
    Sweeper(clock=clock).tick()
    assert Job.objects.filter(status=DONE).exists()
    assert Dispatch.objects.exclude(returned_at=None).exists()
    assert Dispatch.objects.exclude(progress_at=None).exists()
    assert Dispatch.objects.filter(outcome="retrying", told=True, next_attempt_at=None).exists()
    assert messages(own_tasks.QUEUE)
    assert messages("ingest")


def test_one_attempt_that_can_not_be_made_again_keeps_no_other_one_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    to_be_made_again()
    first = Dispatch.objects.earliest("pk").job_id
    really = dispatching.create_next_dispatch

    def break_on_the_first(**values: Any) -> int:
        if values["job_id"] == first:
            raise ValueError("nothing can be made of it")
        return really(**values)

    monkeypatch.setattr(sweeper, "create_next_dispatch", break_on_the_first)
    assert sweeper.redispatch_due() == MANY - 1


def test_a_round_over_open_attempts_reads_nothing_of_those_of_which_nothing_is_known(
    django_assert_num_queries: Any, leave_result: Leave
) -> None:
    for _ in range(MANY):
        make_attempt(make_job(status=QUEUED).pk, kwargs_json='{"text": "' + "x" * 1_000 + '"}')
    with django_assert_num_queries(2) as captured:
        sweeper.settle_ended()
    assert all("kwargs_json" not in query["sql"] for query in captured)


# --- leases that were taken and not used


def leased(number: int) -> Sequence[int]:
    to_be_published(number)
    return handover.lease_due()


def free() -> int:
    return Dispatch.objects.filter(published_at=None, publication_lease_until__lt=Now()).count()


def test_what_was_leased_and_found_no_time_is_free_at_once(clock: Clock, slow: Callable[..., None]) -> None:
    slow(gateway, "publish")
    assert handover.hand_over(leased(5), budget=Budget(2 * SECONDS, clock=clock)).published == 2
    assert free() == 3


def test_what_was_leased_and_found_no_broker_is_tried_again_as_soon_as_what_found_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unreachable(_: gateway.TaskMessage) -> None:
        raise gateway.BrokerUnreachable("The broker can't be reached.")

    with monkeypatch.context() as patched:
        patched.setattr(gateway, "publish", unreachable)
        assert handover.hand_over(leased(5)).broker_down
    soon = Now() + handover.RETRY_PUBLICATION_AFTER
    assert Dispatch.objects.filter(publication_lease_until__lte=soon).count() == 5
    let_run_out("publication_lease_until", seconds=handover.RETRY_PUBLICATION_AFTER.total_seconds())
    assert sweeper.publish_due() == 5


def test_what_was_leased_and_waits_for_a_place_goes_as_soon_as_that_is_free() -> None:
    values = {"published_at": None, "serial_key": "ingest:1", "publication_lease_until": just_now()}
    first, second = (make_attempt(make_job(status=QUEUED).pk, **values) for _ in range(2))
    handed_over = handover.hand_over([first.pk, second.pk])
    assert (handed_over.published, handed_over.waiting) == (1, 1)
    assert sweeper.publish_due() == 0
    Dispatch.objects.filter(pk=first.pk).update(ended_at=Now(), holds_place=False)
    assert sweeper.publish_due() == 1


def test_what_got_lost_and_found_no_time_is_looked_at_again_at_once(
    clock: Clock, slow: Callable[..., None], own_types: dict[str, str]
) -> None:
    to_be_sent_again()
    slow(losses, "_send_again")
    assert losses.republish_unclaimed(Budget(2 * SECONDS, clock=clock)) == 2
    assert losses.republish_unclaimed(Budget(clock=clock)) == MANY - 2


# --- whether it is at work


def test_a_tick_says_that_it_was_completed_and_those_that_are_gone_are_forgotten() -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    gone = {"hostname": "gone", "pid": 1, "started_at": long_ago, "alive_at": long_ago, "ticked_at": long_ago}
    SweeperAtWork.objects.create(id=uuid4(), **gone)
    first, second = Sweeper(), Sweeper()
    for swept in (first, second, first):
        swept.tick()
    assert SweeperAtWork.objects.exclude(hostname="gone").count() == 2
    assert not SweeperAtWork.objects.exclude(hostname="gone").filter(ticked_at=None).exists()
    first._at_work.note_alive()
    assert not SweeperAtWork.objects.filter(hostname="gone").exists()


def test_a_tick_that_breaks_off_was_not_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang() -> int:
        raise KeyboardInterrupt

    swept = Sweeper()
    swept._at_work.note_alive()
    monkeypatch.setattr(counts, "refresh", hang)
    with pytest.raises(KeyboardInterrupt):
        swept.tick()
    row = SweeperAtWork.objects.get()
    assert (row.ticked_at, row.alive_at >= row.started_at) == (None, True)


def test_a_process_whose_tick_hangs_goes_on_saying_that_it_is_alive(
    monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., Any]
) -> None:
    monkeypatch.setattr(at_work, "TELL_EVERY_SECONDS", 0.01)
    stop = Event()
    # No tick comes to its end.
    AtWork().begin(stop)
    try:
        first = SweeperAtWork.objects.get().alive_at
        wait_until(lambda: SweeperAtWork.objects.get().alive_at > first)
        assert SweeperAtWork.objects.get().ticked_at is None
    finally:
        stop.set()
        for thread in enumerate_threads():
            if thread.name == at_work.THREAD:
                thread.join()
