"""What whoever starts the console with its front end may choose beyond devserver.choices."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from devserver.choices import Choices, port_of
from devserver.errors import StartError

# The core's users of the demonstration, and the groups of the console that they are in.
DEMO_USERS: Final = {"operator": "Ops operators", "viewer": "Ops viewers"}

CORE_NEEDED: Final = "The data is a core's: set CORE_API_URL to the address where people log into it."


@dataclass(frozen=True, slots=True)
class WebChoices:
    """The choices, checked.

    Attributes:
        port: Where the front end listens, on the loopback address.
        core_url: The address of a core that exists; None: the stand-in for its login.
    """

    port: int
    core_url: str | None

    @classmethod
    def read(cls, environment: Mapping[str, str], choices: Choices) -> "WebChoices":
        """Read the choices from environment variables; an empty one counts as not given.

        Raises:
            StartError: A value is outside the allowed ones.
        """
        port = port_of("WEB_PORT", environment.get("WEB_PORT") or "3000")
        if port == choices.port:
            raise StartError(f"WEB_PORT and PORT are both {port}; the console and its front end need one each.")
        core_url = environment.get("CORE_API_URL") or None
        if core_url is not None and not core_url.startswith(("http://", "https://")):
            raise StartError(f"CORE_API_URL is {core_url!r}; it must begin with http:// or https://.")
        # Of a database that exists that shows only once its tables were looked at.
        is_somebodys = choices.demo is False or (choices.demo is None and choices.redis_urls is not None)
        if core_url is None and is_somebodys:
            raise StartError(CORE_NEEDED)
        return cls(port=port, core_url=core_url)
