"""A provider as the core's worker meets it: it hands out pages at its own pace, and fails in its own ways."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from demo.archive import Archive, Profile
from demo.archive_pages import Page
from demo.cast import Behaviour

_SLOWER = 3


class FetchFailedError(Exception):
    """The provider said no; the core notes it as an error of an otherwise normal result."""


class ProviderError(Exception):
    """The provider answered in a way that makes the core give up with `status: error`."""


class ReadTimeoutError(Exception):
    """The provider didn't answer in time, and nobody caught it."""


class Trouble(Enum):
    """What can go wrong in one attempt."""

    RATE_LIMIT = auto()
    SLOW_ANSWER = auto()
    UNCAUGHT_TIMEOUT = auto()
    UNAUTHORIZED = auto()
    NONSENSE = auto()
    UNREADABLE = auto()


# At which page it happens, so that some of it arrives before.
_AT_PAGE = {
    Trouble.RATE_LIMIT: 7,
    Trouble.SLOW_ANSWER: 5,
    Trouble.UNCAUGHT_TIMEOUT: 9,
    Trouble.UNAUTHORIZED: 1,
    Trouble.NONSENSE: 3,
    Trouble.UNREADABLE: 2,
}


# Which attempts meet which trouble: the remainder of the attempt's number by the first number decides.
# Nothing is left to chance, so that a retry goes through where it can.
_TROUBLES: dict[Behaviour, tuple[int, dict[int, Trouble]]] = {
    Behaviour.RATE_LIMITED: (3, {1: Trouble.RATE_LIMIT}),
    Behaviour.TIMES_OUT: (4, {1: Trouble.SLOW_ANSWER, 3: Trouble.UNCAUGHT_TIMEOUT}),
    Behaviour.STALE_TOKEN: (3, {1: Trouble.UNAUTHORIZED}),
    Behaviour.EXPIRED_TOKEN: (1, {0: Trouble.UNAUTHORIZED}),
    Behaviour.ALWAYS_ERROR: (2, {1: Trouble.NONSENSE, 0: Trouble.UNREADABLE}),
}


def trouble_of(behaviour: Behaviour, attempt: int) -> Trouble | None:
    """Say what goes wrong in an attempt.

    Args:
        behaviour: How the provider treats the identity.
        attempt: 1 for the first attempt of a task for it.

    Returns:
        What, or None when all goes well.
    """
    cycle, troubles = _TROUBLES.get(behaviour, (1, {}))
    return troubles.get(attempt % cycle)


@dataclass(frozen=True, slots=True)
class Reading:
    """One attempt at reading an identity's archive."""

    archive: Archive
    provider_id: str
    username: str
    profile: Profile
    trouble: Trouble | None
    pages_per_second: float

    @classmethod
    def begin(
        cls, archive: Archive, provider_id: str, username: str, task: str, *, pages_per_second: float
    ) -> "Reading":
        """Begin an attempt, which is counted.

        Args:
            archive: What the provider holds.
            provider_id: The provider.
            username: The identity's name there.
            task: The task's name; each task's attempts are counted apart.
            pages_per_second: How quickly a healthy provider answers.

        Returns:
            The attempt.
        """
        profile = archive.profile(provider_id, username)
        attempt = archive.count_attempt(provider_id, username, task)
        trouble = trouble_of(profile.behaviour, attempt)
        return cls(archive, provider_id, username, profile, trouble, pages_per_second)

    def pages(self, *, at_most: int | None = None) -> Iterator[Page]:
        """Fetch pages, newest first.

        Args:
            at_most: How many; default all.

        Yields:
            Page by page.

        Raises:
            FetchFailedError: 401, 429 or a time-out that the core expects.
            ProviderError: An answer that makes no sense.
            ReadTimeoutError: A time-out that nobody expects.
            KeyError: An answer that can't be read.
        """
        count = min(self.profile.pages, at_most or self.profile.pages)
        for number in range(1, count + 1):
            self.wait()
            if self.trouble is not None and number == min(count, _AT_PAGE[self.trouble]):
                self._fail(self.trouble, number)
            yield self.archive.page(self.provider_id, self.username, number)

    def wait(self) -> None:
        """Wait as long as the provider takes for one answer."""
        slower = _SLOWER if self.profile.behaviour is Behaviour.SLOW else 1
        time.sleep(slower / self.pages_per_second)

    def _fail(self, trouble: Trouble, number: int) -> None:
        match trouble:
            case Trouble.RATE_LIMIT:
                raise FetchFailedError(f"Failed to fetch page {number}: 429 Too Many Requests (retry-after: 54)")
            case Trouble.SLOW_ANSWER:
                raise FetchFailedError(f"Failed to fetch page {number}: read timed out after 30.0 s")
            case Trouble.UNAUTHORIZED:
                reason = "the token was refreshed elsewhere"
                if self.profile.behaviour is Behaviour.EXPIRED_TOKEN:
                    reason = "invalid_grant: the refresh token was revoked or has expired"
                raise FetchFailedError(f"Failed to fetch page {number}: 401 Unauthorized ({reason})")
            case Trouble.NONSENSE:
                raise ProviderError(
                    f"Unexpected answer to page {number} from {self.provider_id}: 502 Bad Gateway, text/html"
                )
            case Trouble.UNCAUGHT_TIMEOUT:
                message = f"page {number} of {self.username}: no answer within 30.0 s"
                raise ReadTimeoutError(message) from TimeoutError("The read operation timed out")
            case Trouble.UNREADABLE:
                _author({"id": f"page{number}", "author": "[deleted]"})


def _author(data: dict[str, str]) -> str:
    """Read an author as a careless parser does, which for a deleted one raises KeyError."""
    return data["author_fullname"]
