"""Two of each process at the same time: sweepers, workers, beats and webs; everything happens once."""

import json
import urllib.request
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from rest_framework.authtoken.models import Token

from jobs import catalog, operations
from jobs.models import DONE, Dispatch, Job
from opsconsole.audit import AuditLog, Entity
from opsconsole.permissions import OPERATORS
from tests.api.cast import make_staff
from tests.cast import OPERATOR, make_credential, make_identity
from tests.waiting import PATIENCE
from tests.worker.at_once import at_once
from tests.worker.conftest import Leave, Order
from tests.worker.faults import copy_message, messages, put_off, redeliver
from tests.worker.file_tasks import QUEUE, Traces
from tests.worker.world import World

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.usefixtures("no_deadlock"),
]

WaitUntil = Callable[..., Any]
JOBS = 200


def test_two_sweepers_publish_each_message_once_and_settle_each_result_once(
    world: World, leave_result: Leave, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "HAND_OVER_SECONDS", -1.0)
    world.kill()
    requests = [
        operations.JobRequest(job_type=catalog.REDOWNLOAD_ATTACHMENTS, payload={"limit": limit})
        for limit in range(1, JOBS + 1)
    ]
    operations.submit_run(
        operation="tests.trigger", title="A test", requests=requests, actor=OPERATOR, entity=Entity(type="job")
    )
    assert messages("ingest") == []
    world.sweeper()
    world.sweeper()
    wait_until(lambda: not Dispatch.objects.filter(published_at=None).exists())
    assert Counter(message["job_id"] for message in messages("ingest")) == Counter(
        Job.objects.values_list("pk", flat=True)
    )

    for dispatch in Dispatch.objects.all():
        leave_result(dispatch, {"attachments_created": 1, "errors": []})
    wait_until(lambda: Job.objects.filter(status=DONE).count() == JOBS)
    assert Counter(Job.objects.values_list("attempts", flat=True)) == {1: JOBS}
    assert Counter(Dispatch.objects.values_list("outcome", "publications")) == {("done", 1): JOBS}


def test_two_workers_and_two_sweepers_do_each_own_job_once_though_each_message_comes_twice(
    world: World, order: Order, traces: Traces, wait_until: WaitUntil
) -> None:
    world.kill()
    jobs = {str(number): order("tests.mark", str(number)) for number in range(20)}
    for job_id in jobs.values():
        redeliver(QUEUE, copy_message(QUEUE, job_id))
    # Workers that are slow to start don't make the sweepers send anything again.
    put_off("check_at")
    world.sweeper()
    world.sweeper()
    workers = [world.another_own_worker(), world.another_own_worker()]
    wait_until(lambda: Job.objects.filter(status=DONE, attempts=1).count() == len(jobs))
    wait_until(lambda: sum(worker.output.count("attempt.ignored") for worker in workers) == len(jobs))

    assert [traces.began(name) for name in jobs] == [1] * len(jobs)


def test_two_beats_that_both_fire_make_one_job(world: World, wait_until: WaitUntil) -> None:
    alice = make_identity("Alice")
    make_credential(alice)
    world.kill()
    PeriodicTask.objects.create(
        name="Backfill Alice",
        task="opsconsole.backfill_conversations",
        interval=IntervalSchedule.objects.create(every=1, period=IntervalSchedule.SECONDS),
        queue=QUEUE,
        kwargs=json.dumps({"identity_id": alice.pk}),
    )
    world.own_worker()
    beats = [world.beat(), world.beat()]
    wait_until(lambda: all("Sending due task" in beat.output for beat in beats))
    wait_until(lambda: AuditLog.objects.filter(result="ok").count() >= 2)

    assert Job.objects.count() == Dispatch.objects.count() == len(messages("ingest")) == 1


def test_two_webs_that_are_asked_for_the_same_at_once_make_one_job(world: World) -> None:
    alice = make_identity("Alice")
    world.kill()
    token = Token.objects.create(user=make_staff("olivia", OPERATORS)).key
    addresses = [world.web()[1], world.web()[1]]

    def ask(address: str) -> int:
        question = urllib.request.Request(  # noqa: S310 -- our own address
            f"{address}/ops/backfill/conversations",
            data=json.dumps({"identity_id": alice.pk}).encode(),
            headers={"Authorization": f"Token {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(question, timeout=PATIENCE) as answer:  # noqa: S310 -- as above
            return int(answer.status)

    assert at_once([partial(ask, address) for address in addresses * 5]) == [202] * 10
    assert Job.objects.count() == Dispatch.objects.count() == len(messages("ingest")) == 1
