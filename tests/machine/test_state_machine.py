"""The life of jobs, whatever happens: see `state_machine` for the rules and `invariants` for what must stay true."""

import random
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import get_state_machine_test

from tests.machine.state_machine import TYPES, LifeOfJobs

pytestmark = pytest.mark.django_db(transaction=True)

SEED = 20_260_131
EXAMPLES, STEPS = 25, 40


def run(*, number: int, examples: int, steps: int) -> None:
    print(f"The state machine runs with seed {number}: {examples} examples of {steps} steps.")  # noqa: T201
    profile = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    seed(number)(get_state_machine_test(LifeOfJobs, settings=profile))()


def test_whatever_happens_to_jobs_the_invariants_hold_and_nothing_is_lost(
    settings: Any, pytestconfig: pytest.Config
) -> None:
    settings.JOB_TYPES = TYPES
    minutes = pytestconfig.getoption("--machine-minutes")
    if not minutes:
        run(number=SEED, examples=EXAMPLES, steps=STEPS)
        return
    deadline = time.monotonic() + 60 * minutes
    while time.monotonic() < deadline:
        run(number=random.randrange(2**32), examples=30, steps=80)
