"""What whoever starts the console may choose, read from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured

from devserver.errors import StartError
from opsconsole import addresses
from opsconsole.schema.ddl import VARIANTS


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices, checked.

    Attributes:
        data_dir: Where everything is kept.
        port: Where the console listens, on the loopback address.
        variant: Of the core's tables, where we are to create them.
        database_url: A PostgreSQL that exists, instead of our own.
        redis_urls: The values of CELERY_BROKER_URL, CORE_RESULT_BACKEND and OPS_CACHE_URL where a broker exists,
            instead of our own Redis.
        demo: Whether the stand-in for the core's worker runs; None: where the data is ours.
        admin_password: For the user `admin`; None: the one that is kept, else a new one.
        core_schema: The PostgreSQL schema of the core's tables.
    """

    data_dir: Path
    port: int
    variant: str
    database_url: str | None
    redis_urls: dict[str, str] | None
    demo: bool | None
    admin_password: str | None
    core_schema: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Choices":
        """Read the choices from environment variables; an empty one counts as not given.

        Raises:
            StartError: A value is outside the allowed ones.
        """
        given = {name: value for name, value in environment.items() if value}
        variant = given.get("OPS_SCHEMA_VARIANT", VARIANTS[0])
        if variant not in VARIANTS:
            raise StartError(f"OPS_SCHEMA_VARIANT is {variant!r}; it must be one of {', '.join(VARIANTS)}.")
        database_url = given.get("DATABASE_URL")
        try:
            if database_url:
                addresses.database("DATABASE_URL", database_url, session=True)
            redis_urls = _redis_urls(given)
        except ImproperlyConfigured as error:
            raise StartError(str(error)) from None
        return cls(
            data_dir=Path(given.get("OPS_DATA_DIR", ".data")).expanduser(),
            port=port_of("PORT", given.get("PORT", "8000")),
            variant=variant,
            database_url=database_url,
            redis_urls=redis_urls,
            demo=_flag("OPS_DEMO", given),
            admin_password=given.get("OPS_ADMIN_PASSWORD"),
            core_schema=given.get("OPS_CORE_SCHEMA", "public"),
        )


def port_of(name: str, text: str) -> int:
    """Return the port that a variable names.

    Raises:
        StartError: It is none.
    """
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise StartError(f"{name} is {text!r}; it must be a number from 1 to 65535.")
    return int(text)


def child_environment(choices: Choices, **values: str) -> dict[str, str]:
    """Return the environment for the console's processes: ours, with `values` and what follows from the choices."""
    if os.geteuid() == 0:
        # Where everything runs as root, in a container say, Celery's advice against it fills a page of each start.
        values.setdefault("PYTHONWARNINGS", "ignore:You're running the worker with superuser privileges")
    return {
        # An empty value counts as not given, here as in Choices.read.
        **{name: value for name, value in os.environ.items() if value},
        "DJANGO_SETTINGS_MODULE": "opsconsole.settings",
        "PORT": str(choices.port),
        # A line of a log should be seen when it is written, not when a buffer is full.
        "PYTHONUNBUFFERED": "1",
        **values,
    }


def _flag(name: str, given: Mapping[str, str]) -> bool | None:
    if name not in given:
        return None
    value = given[name].lower()
    if value not in {"1", "true", "yes", "on", "0", "false", "no", "off"}:
        raise StartError(f"{name} is {given[name]!r}; it must be 1 or 0.")
    return value in {"1", "true", "yes", "on"}


def _redis_urls(given: Mapping[str, str]) -> dict[str, str] | None:
    """Return the three URLs where a broker was named; what wasn't said is taken to be on the same server."""
    names = ("CELERY_BROKER_URL", "CORE_RESULT_BACKEND", "OPS_CACHE_URL")
    urls = {name: given[name] for name in names if name in given}
    if "CELERY_BROKER_URL" not in urls:
        if urls:
            raise StartError(f"{next(iter(urls))} is set but CELERY_BROKER_URL isn't; set it too, or neither.")
        return None
    addresses.check_redis("CELERY_BROKER_URL", urls["CELERY_BROKER_URL"], reader="broker")
    broker = urlsplit(urls["CELERY_BROKER_URL"])
    for database, name in enumerate(names[1:], start=1):
        if name not in urls:
            if broker.scheme not in {"redis", "rediss"}:
                raise StartError(f"CELERY_BROKER_URL names a socket, so {name} must be set too.")
            urls[name] = urlunsplit((broker.scheme, broker.netloc, f"/{database}", broker.query, ""))
    addresses.check_redis("CORE_RESULT_BACKEND", urls["CORE_RESULT_BACKEND"], reader="results")
    addresses.check_redis("OPS_CACHE_URL", urls["OPS_CACHE_URL"], reader="cache")
    return urls
