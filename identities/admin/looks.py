"""How the health and the syncs of identities are shown. Green is only what is known to be well."""

from typing import Final

from identities.health import Health, Reason, State
from jobs.models import Outcome
from opsconsole.formatting import Look

CONNECTED: Final = Look(word="Connected", icon="key", tone="good")
MISSING: Final = Look(word="Missing", icon="key_off", tone="bad")
REFUSED: Final = Look(word="Refused", icon="key_off", tone="bad")

_HEALTH: Final = {
    State.ON_TRACK: Look(word="On track", icon="check_circle", tone="good"),
    State.LATE: Look(word="Late", icon="schedule", tone="warn"),
    State.FAILING: Look(word="Failing", icon="error", tone="bad"),
    State.ACTION_REQUIRED: Look(word="Action required", icon="front_hand", tone="bad"),
    State.PENDING: Look(word="Pending", icon="pending", tone="idle"),
    State.UNKNOWN: Look(word="Unknown", icon="help", tone="idle"),
    State.INACTIVE: Look(word="Inactive", icon="pause_circle", tone="idle"),
}
_TONES: Final = {"critical": "oc-bad", "warning": "oc-warn", "ok": "oc-good", "unknown": "oc-idle"}
_ICONS: Final = {"critical": "error", "warning": "warning", "ok": "check_circle", "unknown": "info"}
_OUTCOMES: Final[dict[str, Look]] = {
    Outcome.DONE: Look(word="Synced", icon="check_circle", tone="good"),
    Outcome.PARTIAL: Look(word="Synced in part", icon="check_circle", tone="warn"),
    Outcome.SKIPPED: Look(word="Skipped", icon="skip_next", tone="idle"),
    Outcome.FAILED: Look(word="Failed", icon="error", tone="bad"),
    Outcome.RETRYING: Look(word="Failed, tried again", icon="update", tone="warn"),
    Outcome.UNKNOWN: Look(word="Outcome unknown", icon="help", tone="warn"),
    Outcome.CANCELLED: Look(word="Cancelled", icon="block", tone="idle"),
}


def of_health(health: Health) -> Look:
    """Return how an identity's health is shown; on track with something to say is yellow."""
    look = _HEALTH[health.state]
    if health.state is State.ON_TRACK and health.status != "ok":
        return Look(word=look.word, icon="warning", tone="warn")
    if health.state is State.UNKNOWN and health.status == "warning":
        return Look(word=look.word, icon=look.icon, tone="warn")
    return look


def of_attempt(outcome: str) -> Look:
    """Return how a sync that has ended is shown."""
    return _OUTCOMES.get(outcome, Look(word=outcome, icon="help", tone="idle"))


def tone_of(reason: Reason) -> str:
    """Return the class of a reason's colour."""
    return _TONES[reason.status]


def icon_of(reason: Reason) -> str:
    """Return the icon that goes with a reason."""
    return _ICONS[reason.status]
