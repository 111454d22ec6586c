"""What other applications have the sweeper do beside its own work, each at its own pace.

A step is called by every sweeper that runs, possibly by several at once: it has to see to it that they don't do its
work twice. One that fails is logged and tried again.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class BackgroundStep:
    """Something to do again and again.

    Attributes:
        name: what the log calls it.
        run: does it; it should end within a second, so that jobs don't wait for it.
        every_seconds: at the least so many seconds lie between its beginnings.
    """

    name: str
    run: Callable[[], object]
    every_seconds: float


_steps: dict[str, BackgroundStep] = {}


def register(step: BackgroundStep) -> None:
    """Have the sweeper do it; one of the same name is replaced."""
    _steps[step.name] = step


def registered() -> tuple[BackgroundStep, ...]:
    """Return all steps, in the order in which they were registered."""
    return tuple(_steps.values())
