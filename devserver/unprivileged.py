"""Running PostgreSQL when we are root: it refuses to, so it runs as `nobody`."""

import os
import pwd
import shutil
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from devserver.errors import StartError


@dataclass(frozen=True, slots=True)
class ServerUser:
    """Whom a server runs as; `uid` is None when that is ourselves."""

    uid: int | None
    gid: int | None

    @classmethod
    def choose(cls) -> "ServerUser":
        """Return ourselves, or `nobody` when we are root."""
        if os.geteuid() != 0:
            return cls(None, None)
        entry = pwd.getpwnam("nobody")
        return cls(entry.pw_uid, entry.pw_gid)

    def own(self, path: Path) -> None:
        """Give a file or folder of ours to that user."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def command(self, argv: Sequence[str], *, reaches: Iterable[Path], death_signal: str) -> list[str]:
        """Return the command that runs `argv` as that user.

        Args:
            argv: The program's absolute path and its arguments.
            reaches: Files and folders that it must get at. When they lie below a folder that is closed to others
                (root's home, say), the process gets the one capability to pass it; nobody's folders are opened.
            death_signal: Name of the signal it gets when we die, without SIG.

        Raises:
            StartError: We are root and the system can't start a program as somebody else.
        """
        if self.uid is None:
            return list(argv)
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise StartError(
                "PostgreSQL refuses to run as root, and setpriv (of util-linux) isn't there to start it as nobody: "
                "install it, run this as an ordinary user, or set DATABASE_URL."
            )
        options = [f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", f"--pdeathsig={death_signal}"]
        if not all(_open_to_others(path) for path in reaches):
            options += ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
            # Without this bit access(2), with which PostgreSQL looks at its programs, disregards capabilities.
            options += ["--securebits=+no_setuid_fixup"]
        return [setpriv, *options, *argv]


def _open_to_others(path: Path) -> bool:
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)
