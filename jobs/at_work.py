"""What a sweeper process leaves behind so that others see whether it is alive, and whether it gets its work done."""

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
# Ticks follow each other faster than anybody needs to know.
NOTE_TICKS_EVERY_SECONDS: Final = 5.0
# Rows of processes that are gone. Those who are there delete them, so that the last one's row says since when it is.
FORGET_AFTER: Final = timedelta(minutes=15)


class AtWork:
    """One process's row."""

    def __init__(self) -> None:
        self._id = uuid4()
        self._noted_at = float("-inf")

    def begin(self, stop: threading.Event) -> None:
        """Say that the process is alive, now and then again and again until `stop` is set, from a thread of its own.

        Beside the ticks: one that hangs is told from a process that is gone.
        """
        self._try(self.note_alive)
        threading.Thread(target=self._go_on, args=[stop], name=THREAD, daemon=True).start()

    def note_alive(self) -> None:
        """Say that the process is alive, and forget those that are gone; two queries."""
        self._write("alive_at")
        SweeperAtWork.objects.filter(alive_at__lt=Now() - FORGET_AFTER).delete()

    def note_tick(self) -> None:
        """Say that a tick was completed; one query, and most often none."""
        if time.monotonic() - self._noted_at >= NOTE_TICKS_EVERY_SECONDS and self._try(self._note_tick):
            self._noted_at = time.monotonic()

    def _note_tick(self) -> None:
        self._write("alive_at", "ticked_at")

    def _go_on(self, stop: threading.Event) -> None:
        while not stop.wait(TELL_EVERY_SECONDS):
            if not self._try(self.note_alive):
                # It may have broken; the next time there is a new one.
                connection.close()
        connection.close()

    def _try(self, note: Callable[[], None]) -> bool:
        """Write something down, or log why that can't be done: the work goes on all the same."""
        try:
            note()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("sweeper.not_noted", error=(str(error).splitlines() or [repr(error)])[0])
            return False
        return True

    def _write(self, *names: str) -> None:
        # By the database's clock, as everything that is compared with it.
        row = SweeperAtWork(id=self._id, hostname=socket.gethostname()[:255], pid=os.getpid())
        for name in ("started_at", *names):
            setattr(row, name, Now())
        SweeperAtWork.objects.bulk_create([row], update_conflicts=True, unique_fields=["id"], update_fields=[*names])
