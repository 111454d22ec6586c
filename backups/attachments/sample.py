"""Which attachments a restore test compares: others each time, and all of them in turn."""

import hashlib
from typing import Final

from backups.attachments.names import FOLDER

_DIGEST_BYTES: Final = 8


class Sample:
    """Part of the attachments, chosen by their names alone.

    The names fall into heaps by their hash, and a test takes the heap that its number says. The number of heaps is a
    prime: tests of attachments may have every second or third number, and get round to all of them just the same.
    """

    def __init__(self, *, files: int, size: int | None, seed: int) -> None:
        """Choose.

        Args:
            files: how many there are.
            size: how many are wanted, roughly; None for all of them.
            seed: the number of the test.
        """
        wanted = files if size is None else max(1, size)
        self.heaps = 1 if wanted >= files else _prime(-(-files // wanted))
        self._heap = seed % self.heaps

    def has(self, name: bytes) -> bool:
        """Say whether a member is among them."""
        if self.heaps == 1:
            return True
        digest = hashlib.blake2b(name.removeprefix(FOLDER), digest_size=_DIGEST_BYTES).digest()
        return int.from_bytes(digest, "big") % self.heaps == self._heap


def _prime(least: int) -> int:
    """Return the first prime from a number on."""
    while any(least % divisor == 0 for divisor in range(2, int(least**0.5) + 1)):
        least += 1
    return least
