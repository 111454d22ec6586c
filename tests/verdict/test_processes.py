"""The verdict on processes that really run."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from opsconsole.verdict import Verdict, assess
from opsconsole.verdict.reading import facts
from tests.cast import make_job
from tests.conftest import StartChild

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


def verdict() -> Verdict:
    return assess(facts(("workers", "queue")))


def codes() -> set[str]:
    return {reason.code for reason in verdict().reasons}


def test_sweeper_and_workers_are_missed_until_they_are_there(
    sweeper: StartChild, core_worker: StartChild, wait_until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_job(status="queued", queue_name="gpu")
    assert codes() == {"sweeper_silent", "queue_age"}
    core_worker()
    # Nobody has asked who is there.
    assert codes() == {"sweeper_silent", "queue_age"}
    sweeper()
    wait_until(lambda: codes() == {"queue_without_worker", "queue_age"})
    monkeypatch.setattr(settings, "WORKER_SILENT_SECONDS", 0.0)
    assert codes() == {"no_worker_online", "queue_age"}
