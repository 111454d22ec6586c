"""Many who want the same thing at the same moment: threads, sweepers, workers, beats and webs."""

from collections.abc import Callable, Sequence
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection

from jobs import sweeper
from jobs.gateway import Workers
from jobs.models import WorkerReport

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Call all of these at the same moment, each in a thread with a connection of its own.

    Returns:
        What each has returned or raised, in their order.
    """
    outcomes: list[Any] = [None] * len(calls)
    start = Barrier(len(calls))

    def run(index: int) -> None:
        try:
            # Connected before, so that none is late for that.
            connection.ensure_connection()
            start.wait()
            outcomes[index] = calls[index]()
        except Exception as error:  # noqa: BLE001 -- whatever it is, the test judges it
            outcomes[index] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_two_sweepers_that_were_answered_in_different_orders_do_not_wait_for_each_other() -> None:
    names = [f"worker-{number}" for number in range(1_500)]

    def note(order: list[str]) -> None:
        answer = Workers(answered=frozenset(order), tasks=dict.fromkeys(order, ["a"]), queues=dict.fromkeys(order, []))
        for _ in range(4):
            sweeper.note_workers(answer)

    assert at_once([lambda: note(names), lambda: note(names[::-1])]) == [None, None]
    assert WorkerReport.objects.count() == len(names)
