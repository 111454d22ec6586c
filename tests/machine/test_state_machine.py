"""The life of jobs, whatever happens: see `state_machine` for the rules and `invariants` for what must stay true.

    script/test tests/machine --machine-minutes 15

tries random lives for so long on each variant. What fails is printed with its seed, shrunk to as few steps as can be.
"""

import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import get_state_machine_test

from tests.machine.state_machine import TYPES, LifeOfJobs

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# Always the same lives, in the same order; a slow machine gets less far in the time that they may take.
FIRST_SEED, SEEDS, SECONDS = 20_260_131, 20, 35.0
EXAMPLES, STEPS = 2, 40
LONG_EXAMPLES, LONG_STEPS = 30, 80


def run(number: int, *, examples: int, steps: int) -> None:
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


def any_seeds() -> Iterator[int]:
    while True:
        # SystemRandom, because pytest-randomly seeds `random` before each test.
        yield random.SystemRandom().randrange(2**32)


@pytest.mark.long
def test_whatever_happens_to_jobs_the_invariants_hold_and_nothing_is_lost(
    settings: Any, pytestconfig: pytest.Config
) -> None:
    settings.JOB_TYPES = TYPES
    minutes = pytestconfig.getoption("--machine-minutes")
    deadline = time.monotonic() + (60 * minutes or SECONDS)
    for number in any_seeds() if minutes else range(FIRST_SEED, FIRST_SEED + SEEDS):
        if minutes:
            run(number, examples=LONG_EXAMPLES, steps=LONG_STEPS)
        else:
            run(number, examples=EXAMPLES, steps=STEPS)
        if time.monotonic() > deadline:
            break
