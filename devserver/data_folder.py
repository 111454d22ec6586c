"""The folder with everything that a console started here keeps: databases, secrets, the providers' archive."""

import fcntl
import os
import secrets
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from devserver.errors import StartError
from devserver.own_server import write_private


class DataFolder:
    """One data folder; at most one supervisor works in it at a time."""

    def __init__(self, path: Path) -> None:
        """Describe a data folder; it is made when it is locked."""
        self.path = path.absolute()
        self._lock: IO[str] | None = None

    def lock(self) -> None:
        """Take the folder for this process until it ends, however it ends.

        Raises:
            StartError: Another process has it, or it can't be made.
        """
        try:
            # Others may pass through (PostgreSQL runs as somebody else when we are root) but not look around.
            self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
            lock = (self.path / "lock").open("a+", encoding="utf-8")
        except OSError as error:
            raise StartError(f"The data folder can't be used: {error}.") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            pid = lock.read().strip() or "unknown"
            lock.close()
            raise StartError(f"A console already runs on the data in {self.path} (process {pid}).") from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._lock = lock

    def unlock(self) -> None:
        """Give the folder back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def admin_password_file(self) -> Path:
        """Where the password of the user `admin` is kept."""
        return self.path / "admin-password"

    def secret_key(self) -> str:
        """Return Django's secret key, made at the first start."""
        return self._keep("secret-key", lambda: secrets.token_urlsafe(48))[0]

    def admin_password(self, chosen: str | None) -> tuple[str, bool]:
        """Return the password of the user `admin`, and whether the user must be given it.

        Args:
            chosen: The password that somebody wants; None for the one that is kept, or a new one.
        """
        if chosen is None:
            return self._keep("admin-password", lambda: secrets.token_urlsafe(12))
        write_private(self.admin_password_file, f"{chosen}\n")
        return chosen, True

    def demo_password(self, username: str) -> str:
        """Return the password of a user of the demonstration, made at the first start."""
        return self._keep(f"{username}-password", lambda: secrets.token_urlsafe(9))[0]

    def keep_environment(self, environment: Mapping[str, str]) -> None:
        """Write down, for a shell, how to reach what runs here; so that manage.py can be run beside it.

        Args:
            environment: That of the console's processes; what isn't the console's own is left out.
        """
        own = ("OPS_", "DEMO_", "DATABASE_URL", "CELERY_BROKER_URL", "CORE_", "DJANGO_SETTINGS_MODULE")
        lines = [
            f"{name}={shlex.quote(value)}\n" for name, value in sorted(environment.items()) if name.startswith(own)
        ]
        write_private(self.path / "environment", "".join(lines))

    def _keep(self, name: str, make: Callable[[], str]) -> tuple[str, bool]:
        """Return what a file holds and whether it was made now."""
        file = self.path / name
        try:
            value = file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            value = ""
        if value:
            return value, False
        value = make()
        write_private(file, f"{value}\n")
        return value, True
