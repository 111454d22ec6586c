"""Many who want the same thing at the same moment: threads, sweepers, workers, beats and webs."""

import pytest

from jobs import sweeper
from jobs.gateway import Workers
from jobs.models import WorkerReport
from tests.worker.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_sweepers_that_were_answered_in_different_orders_do_not_wait_for_each_other() -> None:
    names = [f"worker-{number}" for number in range(1_500)]

    def note(order: list[str]) -> None:
        answer = Workers(answered=frozenset(order), tasks=dict.fromkeys(order, ["a"]), queues=dict.fromkeys(order, []))
        for _ in range(4):
            sweeper.note_workers(answer)

    assert at_once([lambda: note(names), lambda: note(names[::-1])]) == [None, None]
    assert WorkerReport.objects.count() == len(names)
