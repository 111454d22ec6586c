"""A backup or a restore test in this process: for a shell, a cron job, or a day without a worker and a broker."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, TextIO

import structlog
from django.db import DatabaseError, InterfaceError

from backups.errors import BackupInterrupted
from backups.making import make_attachments_snapshot, make_database_backup
from backups.models import ATTACHMENTS, DATABASE
from backups.operations import BACKUP, TEST
from backups.reporting import Reporter
from backups.testing import run_restore_test
from opsconsole.audit import Actor, Entity, record
from opsconsole.errors import OpsError
from opsconsole.formatting import number, size
from opsconsole.row_ids import row_id

logger = structlog.get_logger(__name__)

STOPPED: Final = "It was stopped before it had ended; nothing unfinished was kept."
# Progress is shown at most so often.
SHOWN_EVERY_SECONDS: Final = 0.2
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_MAKERS: Final[dict[str, Callable[..., dict[str, Any]]]] = {
    DATABASE: make_database_backup,
    ATTACHMENTS: make_attachments_snapshot,
}


class Stopped(KeyboardInterrupt):
    """The process was told to stop. A KeyboardInterrupt: what waits for a database knows that it has to let go."""


class Watch:
    """Whoever watches at a shell; a `Reporter`.

    Args:
        output: where progress is shown, on one line that is written anew each time; where it is no terminal, none is.
    """

    def __init__(self, output: TextIO | None = None) -> None:
        self._output = output if output is not None else sys.stderr
        self._shows = self._output.isatty()
        self._shown_at = float("-inf")
        self._stops: list[Callable[[], object]] = []
        self._stopped = False

    def progress(self, current: int, total: int | None = None, unit: str = "items") -> None:
        """Show how far the work is."""
        self.check()
        now = time.monotonic()
        if self._shows and (now - self._shown_at >= SHOWN_EVERY_SECONDS or current == total):
            self._shown_at = now
            self._output.write(f"\r\033[K{_progress(current, total, unit)}")
            self._output.flush()

    def check(self) -> None:
        """Go on, or raise where the work shall end.

        Raises:
            Stopped: the process was told to stop.
        """
        if self._stopped:
            raise Stopped(STOPPED)

    def on_stop(self, stop: Callable[[], object]) -> None:
        """Have a function called when the process is told to stop."""
        if self._stopped:
            _call(stop)
        else:
            self._stops.append(stop)

    @contextmanager
    def attending(self) -> Iterator[None]:
        """Heed the signals that ask for a stop while the body runs; clear the line at the end."""
        before = {name: signal.signal(name, self._stop) for name in _SIGNALS}
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)
            if self._shows:
                self._output.write("\r\033[K")
                self._output.flush()

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        if self._stopped:
            # It is cleaning up; a second Ctrl-C must not keep it from that.
            return
        self._stopped = True
        for stop in self._stops:
            _call(stop)
        raise Stopped(STOPPED)


def back_up_now(kind: str, watch: Watch, *, actor: Actor, reason: str = "") -> str:
    """Make a backup in this process, without a job.

    Args:
        kind: database or attachments.
        watch: is told how far it is.
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Returns:
        What was made, in a line.

    Raises:
        OpsError: it failed; the sentence says why.
    """

    def make() -> dict[str, Any]:
        return _MAKERS[kind](watch, job_id=None)

    entity = Entity(type="backup")
    result = _done(make, watch, action=BACKUP, entity=entity, actor=actor, reason=reason, request={"kind": kind})
    parts = [f"Backup {result['backup_run_id']}: {size(result['size_bytes'])} in {result['seconds']} s"]
    parts += [f"{number(result[name])} {name}" for name in ("tables", "rows", "files") if name in result]
    if result.get("left_out"):
        parts.append(f"{number(result['left_out'])} left out")
    return f"{', '.join(parts)}, SHA-256 {result['sha256']}"


def try_restore_now(
    backup_run_id: int | None, watch: Watch, *, all_files: bool = False, actor: Actor, reason: str = ""
) -> str:
    """Test the restore of a backup in this process, without a job.

    Args:
        backup_run_id: the backup; None for the newest one, of the database if there is one.
        watch: is told how far it is.
        all_files: compare all attachments of a snapshot and not just some.
        actor: who asks, and through what.
        reason: what the person gave as the reason.

    Returns:
        The verdict, in a line.

    Raises:
        OpsError: it did not pass; the sentence says why.
    """

    def test() -> dict[str, Any]:
        return run_restore_test(watch, backup_run_id=backup_run_id, all_files=all_files, job_id=None)

    request = {"backup_run_id": backup_run_id, "all_files": all_files}
    entity = Entity(type="backup", id=row_id(backup_run_id))
    result = _done(test, watch, action=TEST, entity=entity, actor=actor, reason=reason, request=request)
    checks = result["checks_passed"]
    return (
        f"Restore test {result['restore_test_id']} of backup {result['backup_run_id']}: {result['verdict']}, "
        f"{checks} check{'' if checks == 1 else 's'}"
    )


def _done(
    work: Callable[[], dict[str, Any]],
    watch: Watch,
    *,
    action: str,
    entity: Entity,
    actor: Actor,
    reason: str,
    request: dict[str, Any],
) -> dict[str, Any]:
    """Do it, and write down who did it and what came of it."""
    audited: dict[str, Any] = {"action": action, "entity": entity, "actor": actor, "reason": reason}
    audited["request"] = request | {"in_foreground": True}
    try:
        with actor.acting(), watch.attending():
            result = work()
    except OpsError as error:
        _record(audited | {"response": {"code": error.code}, "error": error.message})
        raise
    except KeyboardInterrupt as stopped:
        _record(audited | {"response": {"code": "stopped"}, "error": STOPPED})
        raise BackupInterrupted(STOPPED, code="stopped") from stopped
    _record(audited | {"response": result})
    return result


def _record(entry: dict[str, Any]) -> None:
    try:
        record(**entry)
    except (DatabaseError, InterfaceError) as error:
        # What failed may well be the database; that is what is to be told, then.
        logger.warning("backup.not_audited", action=entry["action"], error=(str(error).splitlines() or [""])[0])


def _progress(current: int, total: int | None, unit: str) -> str:
    show = size if unit == "bytes" else number
    percent = f" ({current / total:.0%})" if total else ""
    of = f" of {show(total)}" if total else ""
    return f"{show(current)}{of}{'' if unit == 'bytes' else f' {unit}'}{percent}"


def _call(stop: Callable[[], object]) -> None:
    try:
        stop()
    except Exception:
        # The other functions must still be called, or a child process would go on by itself.
        logger.exception("backup.not_stopped")


_is_a_reporter: type[Reporter] = Watch
