"""How backups, restore tests and their files are shown. Green is only what has ended well."""

from typing import Final

from backups.models import (
    ATTACHMENTS,
    COULD_NOT_VERIFY,
    DATABASE,
    FAILED,
    MANUAL,
    PASSED,
    RUNNING,
    SCHEDULED,
    SUCCEEDED,
)
from opsconsole.formatting import Look
from opsconsole.redaction import redact_name

STATES: Final = {
    RUNNING: Look(word="Running", icon="autorenew", tone="busy"),
    SUCCEEDED: Look(word="Succeeded", icon="check_circle", tone="good"),
    PASSED: Look(word="Passed", icon="verified", tone="good"),
    FAILED: Look(word="Failed", icon="error", tone="bad"),
    COULD_NOT_VERIFY: Look(word="Could not verify", icon="help", tone="warn"),
}

KINDS: Final = {DATABASE: "Database", ATTACHMENTS: "Attachments"}
TRIGGERS: Final = {MANUAL: "Manual", SCHEDULED: "Scheduled"}

_FILES: Final = {
    "kept": Look(word="Kept", icon="save", tone="idle"),
    "removed": Look(word="Removed by retention", icon="auto_delete", tone="idle"),
    "missing": Look(word="Missing", icon="error", tone="bad"),
    "unreachable": Look(word="Unreachable", icon="help", tone="warn"),
    "elsewhere": Look(word="Kept by the core", icon="save", tone="idle"),
}


def of_state(status: str) -> Look:
    """Return how a state is shown; an unknown one by its own name."""
    return STATES.get(status) or Look(word=redact_name(status), icon="help", tone="idle")


def of_file(state: str) -> Look:
    """Return how the state of a backup's file is shown."""
    return _FILES[state]


def kind_word(kind: str) -> str:
    """Return what a kind of backup is called; an unknown one by its own name."""
    return KINDS.get(kind) or redact_name(kind).capitalize()


def trigger_word(trigger: str) -> str:
    """Return whether it was started by hand or by the schedule."""
    return TRIGGERS.get(trigger) or redact_name(trigger).capitalize()


def name_of(kind: str, pk: int) -> str:
    """Return what people call a backup."""
    return f"{kind_word(kind)} #{pk}"
