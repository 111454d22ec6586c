"""What is to be broken, and when: decided beforehand, from a seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

POSTGRES: Final = "PostgreSQL"
REDIS: Final = "Redis"


class Act(StrEnum):
    """What is done to a process."""

    KILL = "killed"
    """With all that it has started."""
    KILL_PARENT = "killed without its children"
    KILL_CHILD = "a child killed"
    SHUT_DOWN = "shut down at once"
    PAUSE = "paused"
    PAUSE_CHILD = "a child paused"
    FLUSH = "emptied"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        at: Seconds after the beginning.
        target: A process of the Procfile, or a server.
        act: What happens to it.
        seconds: How long it is away before it is started again, or paused.
    """

    at: float
    target: str
    act: Act
    seconds: float


# Each is dealt once before any comes again. Named twice: what hurts most.
_DECK: Final = (
    ("web", Act.KILL),
    ("web", Act.KILL_PARENT),
    ("web", Act.KILL_CHILD),
    ("web", Act.PAUSE),
    ("worker", Act.KILL),
    ("worker", Act.KILL),
    ("worker", Act.KILL_PARENT),
    ("worker", Act.KILL_CHILD),
    ("worker", Act.PAUSE),
    ("worker", Act.PAUSE_CHILD),
    ("maintenance", Act.KILL),
    ("sweeper", Act.KILL),
    ("sweeper", Act.KILL),
    ("sweeper", Act.PAUSE),
    ("beat", Act.KILL),
    ("core", Act.KILL),
    ("core", Act.KILL_PARENT),
    ("core", Act.KILL_CHILD),
    ("core", Act.PAUSE),
    (REDIS, Act.KILL),
    (REDIS, Act.KILL),
    (REDIS, Act.PAUSE),
    (REDIS, Act.FLUSH),
    (POSTGRES, Act.KILL),
    (POSTGRES, Act.SHUT_DOWN),
    (POSTGRES, Act.PAUSE),
)
_PAUSE: Final = (2.0, 7.0)  # seconds between two of them
_BOTH: Final = 0.2  # how likely the next one comes at the same time
_AT_ONCE: Final = 0.3  # how likely what was killed is started again at once
_LONGEST_DOWN: Final = 15.0
# A worker that is paused for longer than its lease goes on afterwards without knowing.
_PAST_THE_LEASE: Final = (50.0, 70.0)
_LONG_PAUSE: Final = 0.4  # how likely a worker's pause is one


def plan(seed: int, seconds: float) -> list[Fault]:
    """Return the faults of a run, in the order of their times; the same for the same seed and time.

    Args:
        seed: What the choices are made from.
        seconds: How long things go wrong. All are over by then, so the last ones may be shorter.
    """
    rng = random.Random(seed)
    return list(_faults(rng, seconds))


def _faults(rng: random.Random, seconds: float) -> Iterator[Fault]:
    deck: list[tuple[str, Act]] = []
    at = rng.uniform(*_PAUSE)
    while at < seconds - _PAUSE[0]:
        if not deck:
            deck = rng.sample(_DECK, len(_DECK))
        target, act = deck.pop()
        yield Fault(round(at, 1), target, act, round(min(_duration(rng, target, act), seconds - at), 1))
        if rng.random() >= _BOTH:
            at += rng.uniform(*_PAUSE)


def _duration(rng: random.Random, target: str, act: Act) -> float:
    if act in {Act.PAUSE, Act.PAUSE_CHILD}:
        if target == "worker" and rng.random() < _LONG_PAUSE:
            return rng.uniform(*_PAST_THE_LEASE)
        return rng.uniform(3, _LONGEST_DOWN)
    if act in {Act.KILL_CHILD, Act.FLUSH} or rng.random() < _AT_ONCE:
        return 0.0
    return rng.uniform(1, _LONGEST_DOWN)
