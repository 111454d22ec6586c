"""Two consoles on one database, of which each knows types of its own: neither gets in the other's way."""

from collections.abc import Callable
from typing import Any

import pytest

from jobs import attempts, losses, operations, sweeper
from jobs.models import DONE, FAILED, QUEUED, RETRYING, Dispatch, Job
from tests.cast import OPERATOR
from tests.worker import own_tasks
from tests.worker.conftest import Submit
from tests.worker.faults import claim, let_run_out, messages

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other_console(settings: Any, own_types: dict[str, str]) -> Callable[[], None]:
    """From now on this process is a console that knows none of the tests' types."""

    def switch() -> None:
        settings.JOB_TYPES = {}

    return switch


def test_the_other_console_hands_over_what_it_does_not_know_with_the_arguments_that_it_was_submitted_with(
    submit: Submit, other_console: Callable[[], None]
) -> None:
    job_id = submit("tests.count", name="a")
    Dispatch.objects.update(published_at=None, publications=0)
    let_run_out("publication_lease_until")
    other_console()

    assert sweeper.publish_due() == 1
    first, second = messages(own_tasks.QUEUE)
    assert (first["id"], first["task"]) == (second["id"], second["task"])
    assert attempts.complete(claim(job_id), {"counted": 1})


def test_the_other_console_ends_what_it_does_not_know_when_its_worker_is_lost_and_leaves_the_retry_to_the_first(
    submit: Submit, settings: Any, other_console: Callable[[], None]
) -> None:
    claim(submit("tests.count", name="a"))
    let_run_out("lease_until")
    other_console()
    assert sweeper.expire_leases() == 1
    let_run_out("next_attempt_at")
    assert sweeper.redispatch_due() == 0
    assert (Job.objects.get().status, Dispatch.objects.count()) == (RETRYING, 1)

    settings.JOB_TYPES = own_tasks.TYPES
    assert sweeper.redispatch_due() == 1


def test_an_own_task_that_the_other_console_retries_runs_in_the_first_ones_worker(
    submit: Submit, other_console: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = submit("tests.count", name="a")
    attempts.fail(claim(job_id), error="401", permanent=True)
    other_console()
    monkeypatch.setattr("jobs.gateway.registered_tasks", lambda: {"tests.count"})
    operations.retry_job(job_id, actor=OPERATOR, confirm=True)

    held = claim(job_id)
    assert not Dispatch.objects.get(ended_at=None).in_core
    assert attempts.complete(held, {"counted": 1})
    assert Job.objects.get().status == DONE


@pytest.mark.processes
def test_a_job_whose_message_a_worker_throws_away_that_lacks_its_task_is_not_lost(
    submit: Submit,
    console_worker: Callable[..., Any],
    own_worker: Callable[..., Any],
    wait_until: Callable[..., Any],
) -> None:
    job_id = submit("tests.count", name=own_tasks.SECRET)
    stranger = console_worker()
    stranger.wait_for("unregistered task")
    wait_until(lambda: not messages(own_tasks.QUEUE))
    assert own_tasks.SECRET not in stranger.output
    assert Job.objects.get().status == QUEUED
    stranger.stop()

    let_run_out("check_at")
    assert losses.republish_unclaimed() == 1
    own_worker()
    wait_until(lambda: Job.objects.get(pk=job_id).status == DONE)
    assert own_tasks.effects(own_tasks.SECRET) == [str(job_id)]


def test_what_only_the_other_console_knows_is_not_retried_here_when_no_worker_knows_it(
    submit: Submit, other_console: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from opsconsole.errors import Refused

    job_id = submit("tests.count", name="a")
    attempts.fail(claim(job_id), error="401", permanent=True)
    other_console()
    monkeypatch.setattr("jobs.gateway.registered_tasks", set)
    with pytest.raises(Refused):
        operations.retry_job(job_id, actor=OPERATOR, confirm=True)
    assert Job.objects.get().status == FAILED
