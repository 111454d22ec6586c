"""The names of a run's own tasks, and what the catalog is told of them."""

from typing import Any, Final

QUEUE: Final = "opsconsole"
STEP: Final = "chaos.step"
ONCE: Final = "chaos.once"
# For OPS_JOB_TYPES.
TYPES: Final[dict[str, dict[str, Any]]] = {
    STEP: {"task": STEP, "queue": QUEUE, "in_core": False, "max_attempts": 2},
    ONCE: {"task": ONCE, "queue": QUEUE, "in_core": False, "max_attempts": 1, "at_most_once": True},
}
