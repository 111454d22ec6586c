"""Where the facts of the verdict come from. A source that can't be read takes no other one down."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils import timezone

from backups import status as backup_status
from identities import status as sync_status
from jobs import gateway, pulse
from jobs.schedules.operations import ENTITY, PAUSE
from jobs.schedules.queries import Entry, beat_state, entries
from opsconsole import cache
from opsconsole.audit import entries_about
from opsconsole.errors import OpsError
from opsconsole.schema import session
from opsconsole.schema.findings import Finding as SchemaFinding
from opsconsole.verdict.facts import PARTS, Beat, Facts, Finding, Part, Pause, Severity

logger = structlog.get_logger(__name__)

# How far back in the history of a paused schedule its pause is looked for.
_ENTRIES_READ: Final = 5
_NAMES: Final[Mapping[Part, str]] = {
    "database": "The database",
    "broker": "The broker",
    "workers": "What is known of the workers",
    "beat": "What is known of beat",
    "queue": "What waits and what is stuck",
    "failures": "What has failed of late",
    "sync": "How the syncs are doing",
    "backup": "How backups are doing",
}
_IDENTITIES_TODO: Final = "The page of identities says of each why, and what to do."


@dataclass
class _Reading:
    """The facts as they come in, which parts couldn't be read, and beat's entries, for whoever needs them too."""

    facts: dict[str, Any] = field(default_factory=dict)
    unread: dict[Part, str] = field(default_factory=dict)
    entries: list[Entry] | None = None

    def read(self, part: Part, source: Callable[[], Mapping[str, Any]]) -> None:
        """Add what a source says, or why it can't; the database is asked in a transaction of its own."""
        if "database" in self.unread and part != "broker":
            # It would take seconds to find out for each of them that it doesn't answer.
            self.unread[part] = f"{_NAMES[part]} can't be read."
            return
        try:
            with transaction.atomic():
                self.facts |= source()
        except OpsError as error:
            self.unread[part] = error.message
        except (DatabaseError, InterfaceError) as error:
            logger.warning("verdict.part_unread", part=part, error=(str(error).splitlines() or [repr(error)])[0])
            self.note_failure(part)
        except Exception:
            logger.exception("verdict.part_unread", part=part)
            self.note_failure(part)

    def note_failure(self, part: Part) -> None:
        """Note that a part can't be read."""
        answers = "can't be reached" if part in {"database", "broker"} else "can't be read"
        self.unread[part] = f"{_NAMES[part]} {answers}."


def facts(parts: Collection[Part] = PARTS) -> Facts:
    """Return what is known of these parts, and of the database; a fixed number of queries for each.

    Args:
        parts: those that are to be judged.
    """
    reading = _Reading()
    reading.read("database", _database)
    _read_broker(reading)
    sources: tuple[tuple[Part, Callable[[], Mapping[str, Any]]], ...] = (
        # Workers are judged by what waits for them too.
        ("queue", _work),
        ("workers", _workers),
        ("beat", lambda: _beat(reading)),
        ("failures", _failures),
        ("sync", lambda: _sync(reading)),
        ("backup", lambda: _backup(reading)),
    )
    for part, source in sources:
        if part in parts:
            reading.read(part, source)
    asked = tuple(part for part in PARTS if part in parts)
    return Facts(as_of=timezone.now(), asked=asked, unread=reading.unread, **reading.facts)


def _read_broker(reading: _Reading) -> None:
    # In no transaction: it may take a second or two.
    try:
        gateway.ping()
    except OpsError as error:
        reading.unread["broker"] = error.message
    except Exception:
        logger.exception("verdict.part_unread", part="broker")
        reading.note_failure("broker")
    else:
        # Skip these checks if the broker is down: each could take another second.
        reading.facts["broker"] = tuple(_stores())


def _stores() -> Iterator[Finding]:
    try:
        gateway.ping_results()
    except Exception as error:
        if not isinstance(error, OpsError):
            logger.exception("verdict.results_unread")
        yield Finding(
            code="results_unreachable",
            what="The core's result back end can't be reached. Finished jobs aren't settled.",
            todo="Check CORE_RESULT_BACKEND and its Redis.",
            severity="critical",
        )
    if cache.is_unreachable():
        yield Finding(
            code="cache_unreachable",
            what="The cache can't be reached. Sessions are read from the database, and logging out fails.",
            todo="Check OPS_CACHE_URL and its Redis.",
            severity="warning",
        )


def _database() -> Mapping[str, Any]:
    found = session.findings(session.read(connection))
    return {"database": tuple(_database_finding(each) for each in found)}


def _database_finding(found: SchemaFinding) -> Finding:
    severity: Severity = "critical" if found.severity == "error" else "warning"
    return Finding(code=found.kind.code, what=found.sentence, todo=found.consequence, severity=severity)


def _work() -> Mapping[str, Any]:
    return {"work": pulse.work()}


def _workers() -> Mapping[str, Any]:
    return {"sweepers": pulse.sweepers(), "workers": pulse.workers()}


def _failures() -> Mapping[str, Any]:
    return {"failed": pulse.failed_within_an_hour()}


def _beat(reading: _Reading) -> Mapping[str, Any]:
    found = reading.entries = entries()
    state = beat_state(found)
    beat = Beat(status=state.status, since=state.since, missed=tuple(entry.name for entry in state.missed))
    # One that somebody has switched on by itself isn't paused any more.
    paused = [entry for entry in found if entry.paused and not entry.task.enabled]
    return {"beat": beat, "pause": _pause(paused) if paused else None}


def _pause(paused: list[Entry]) -> Pause:
    last = max((entry.task.pause for entry in paused), key=lambda pause: pause.paused_at)
    about = entries_about(ENTITY, last.task_id, limit=_ENTRIES_READ)
    said = next((row for row in about if row.action_type == PAUSE and row.result == "ok"), None)
    request = said.request_json if said and isinstance(said.request_json, dict) else {}
    return Pause(
        schedules=len(paused),
        since=min(entry.task.pause.paused_at for entry in paused),
        by=last.paused_by,
        reason=str(request.get("reason") or ""),
    )


def _sync(reading: _Reading) -> Mapping[str, Any]:
    overall = sync_status.overview(known_entries=reading.entries).overall
    return {
        "sync": tuple(
            Finding(
                code=reason.code,
                what=reason.what,
                todo=reason.todo or ("" if reason.code == "no_active_identity" else _IDENTITIES_TODO),
                severity=reason.status,
                number=reason.number,
            )
            for reason in overall.reasons
            if reason.status != "ok"
        )
    }


def _backup(reading: _Reading) -> Mapping[str, Any]:
    health = backup_status.current(known_entries=reading.entries).health
    return {
        "backup": tuple(
            Finding(code=reason.code, what=reason.what, todo=reason.todo, severity=reason.status)
            for reason in health.reasons
            if reason.status != "ok"
        )
    }
