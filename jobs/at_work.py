"""Keeps a row for each sweeper process, with the times when it was last alive and last completed a tick."""

import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import uuid4

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now

from jobs.models import SweeperAtWork

logger = structlog.get_logger(__name__)

TELL_EVERY_SECONDS: Final = 10.0
THREAD: Final = "sweeper-at-work"
# A tick ends every two seconds, but readers don't need that precision.
NOTE_TICKS_EVERY_SECONDS: Final = 5.0
# Rows of gone processes are deleted by those that are alive. So the last process's row stays and tells when it went.
FORGET_AFTER: Final = timedelta(minutes=15)


class AtWork:
    """Keeps the row of this process."""

    def __init__(self) -> None:
        self._id = uuid4()
        self._noted_at = float("-inf")

    def begin(self, stop: threading.Event) -> None:
        """Report now that the process is alive, then repeat it from a thread.

        The thread is independent of the ticks. So a hanging tick can be told from a dead process.

        Args:
            stop: ends the thread once it is set.
        """
        self._try(self.note_alive)
        threading.Thread(target=self._go_on, args=[stop], name=THREAD, daemon=True).start()

    def note_alive(self) -> None:
        """Report that the process is alive, and delete the rows of gone processes; two queries."""
        self._write("alive_at")
        SweeperAtWork.objects.filter(alive_at__lt=Now() - FORGET_AFTER).delete()

    def note_tick(self) -> None:
        """Report that a tick was completed; one query, or none within NOTE_TICKS_EVERY_SECONDS of the last."""
        if time.monotonic() - self._noted_at >= NOTE_TICKS_EVERY_SECONDS and self._try(self._note_tick):
            self._noted_at = time.monotonic()

    def _note_tick(self) -> None:
        self._write("alive_at", "ticked_at")

    def _go_on(self, stop: threading.Event) -> None:
        while not stop.wait(TELL_EVERY_SECONDS):
            if not self._try(self.note_alive):
                # The connection may be broken. Django opens a new one for the next query.
                connection.close()
        connection.close()

    def _try(self, note: Callable[[], None]) -> bool:
        """Write a report and return whether that worked. A failure is only logged: the sweeper's work must go on."""
        try:
            note()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("sweeper.not_noted", error=(str(error).splitlines() or [repr(error)])[0])
            return False
        return True

    def _write(self, *names: str) -> None:
        # Readers compare these times with the database's clock, so they must come from it.
        row = SweeperAtWork(id=self._id, hostname=socket.gethostname()[:255], pid=os.getpid())
        for name in ("started_at", *names):
            setattr(row, name, Now())
        SweeperAtWork.objects.bulk_create([row], update_conflicts=True, unique_fields=["id"], update_fields=[*names])
