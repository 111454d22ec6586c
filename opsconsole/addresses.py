"""Checks the addresses of the console's servers at startup.

An invalid address is refused with an error that says what is wrong and how to fix it. The error never shows the
address, because any part of a malformed one may belong to the password.
"""

import re
from collections.abc import Collection, Iterable
from ipaddress import IPv6Address
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import conninfo_to_dict
from redis.connection import URL_QUERY_ARGUMENT_PARSERS

Reader = Literal["broker", "results", "cache"]
"""The part of the console that uses a Redis address. Kombu, Celery and redis-py accept different addresses."""

_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*)://")
_BLANK: Final = re.compile(r"[\s\x00-\x1f\x7f]")
_HOST: Final = re.compile(r"(?:\[(?P<ipv6>[^\]]*)\]|[\w.-]*)(?::(?P<port>[^:]*))?")
_ENCODE: Final = "Write @ as %40, / as %2F, ? as %3F and # as %23 in user and password"
_SOCKET: Final = {"broker": "redis+socket", "results": "redis+socket", "cache": "unix"}
_TLS: Final = frozenset({"ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"})
_CERT_REQS: Final = frozenset({"required", "optional", "none"})
# Any other parameter is passed to a function that doesn't accept it: by Kombu at once, by redis-py on connecting.
_TUNING: Final = frozenset(
    {"socket_timeout", "socket_connect_timeout", "socket_keepalive", "retry_on_timeout", "health_check_interval"}
    | {"max_connections", "client_name", "protocol", "username", "password"}
)
_PARAMETERS: Final[dict[Reader, frozenset[str]]] = {
    "broker": frozenset({"credential_provider"}),
    "results": _TUNING | {"credential_provider"},
    "cache": _TUNING | {"db"},
}
# In seconds. Without a limit, a page would wait forever. gunicorn ends a request after 30 s.
_CONNECT_TIMEOUTS: Final = range(1, 31)
_OWN_SETTINGS: Final = re.compile(
    r"(?:-c\s*|--)(search[_-]path|timezone|datestyle|standard[_-]conforming[_-]strings)\s*=", re.IGNORECASE
)

# The parameters of libpq with a fixed set of values. libpq itself would refuse others only on connecting.
_TLS_VERSIONS: Final = ("ssl_min_protocol_version", "ssl_max_protocol_version")
_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "sslcertmode": ("disable", "allow", "require"),
    "gssencmode": ("disable", "prefer", "require"),
    "channel_binding": ("disable", "prefer", "require"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    "load_balance_hosts": ("disable", "random"),
    **dict.fromkeys(_TLS_VERSIONS, ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")),
}


class _Unusable(Exception):
    """Says what is wrong with an address and how to fix it."""


def check_redis(name: str, url: str, *, reader: Reader) -> None:
    """Refuse a Redis address that its reader can't use.

    Args:
        name: the name of the environment variable.
        url: the variable's value.
        reader: the part of the console that uses the address.

    Raises:
        ImproperlyConfigured: the address is invalid.
    """
    try:
        _check_redis(url, reader)
    except _Unusable as problem:
        # Without the cause and the context, which may show the address.
        raise ImproperlyConfigured(f"{name} is invalid: {problem}") from None


def database(name: str, address: str, *, session: bool = False) -> dict[str, str]:
    """Return the libpq parameters of a PostgreSQL address, which is a URL or `keyword=value` pairs.

    Args:
        name: the name of the environment variable.
        address: the variable's value.
        session: whether the console sets the search path and the time zone itself.

    Returns:
        libpq's parameters, by keyword.

    Raises:
        ImproperlyConfigured: the address is invalid.
    """
    try:
        return _database(address, session=session)
    except _Unusable as problem:
        raise ImproperlyConfigured(f"{name} is invalid: {problem}") from None


def session_options(given: str, *, schema: str, core_schema: str) -> str:
    """Return libpq's `options` for the console's sessions: the address's own, and the settings that the console needs.

    Args:
        given: the `options` of the address.
        schema: the name of the schema with the console's own tables, without quotes.
        core_schema: the schema of the core's tables, quoted as in a search path.

    Returns:
        The value of `options`.
    """
    # PostgreSQL turns an unquoted name into lower case.
    quoted = '"{}"'.format(schema.replace('"', '""'))
    path = re.sub(r"([\\\s])", r"\\\1", f"{quoted},{core_schema}")
    # Whatever the role or the database sets: psycopg reads no other dates, and Django writes no other strings.
    form = "-c datestyle=ISO -c standard_conforming_strings=on"
    return f"{given} -c search_path={path} -c timezone=UTC {form}".strip()


# --- Redis --------------------------------------------------------------------------------------------------------


def _check_redis(url: str, reader: Reader) -> None:
    schemes = ("redis", "rediss", _SOCKET[reader])
    named = " or ".join([", ".join(f"{scheme}://" for scheme in schemes[:-1]), f"{schemes[-1]}://"])
    _check_characters(url)
    scheme = _scheme(url)
    if scheme == "sentinel":
        raise _Unusable(
            "the console doesn't support sentinel:// and its master_name. Use the address of the master, or of a proxy "
            "that follows it, with redis:// or rediss://."
        )
    if scheme not in schemes:
        found = f", not with {scheme}://" if scheme else ""
        raise _Unusable(f"it must begin with {named}{found}. The console works only with Redis.")
    rest = url[len(scheme) + 3 :]
    # With several brokers, a message that waits in one would count as lost in the other.
    if "://" in rest or (reader == "broker" and ";" in rest):
        raise _Unusable("it names several servers. Name one. In a password, write ; as %3B and , as %2C.")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    tail = rest[len(authority) :]
    if authority.count("@") > 1 or "@" in tail or "#" in tail:
        raise _Unusable(f"the user or password contains an unescaped character. {_ENCODE}.")
    _check_authority(url, authority)
    path, _, query = tail.partition("?")
    is_socket = scheme == _SOCKET[reader]
    if is_socket and (authority.rpartition("@")[2] or not path.strip("/")):
        raise _Unusable(f"a socket needs its absolute path, with three slashes: {scheme}:///run/redis.sock.")
    # Kombu doesn't accept a slash after the number.
    if not is_socket and not re.fullmatch(r"/?|/[0-9]+" if reader == "broker" else r"/?|/[0-9]+/?", path):
        raise _Unusable("the path must be the number of a database, such as /0.")
    parameters = parse_qsl(query, keep_blank_values=True)
    known = _PARAMETERS[reader] | (_TLS if scheme == "rediss" else set())
    if is_socket and reader != "cache":
        known |= {"virtual_host"}
    given = dict(parameters)
    if scheme != "rediss" and not _TLS.isdisjoint(given):
        raise _Unusable("parameters that begin with ssl_ need rediss:// instead.")
    names = ", ".join(sorted(known))
    allowed = f"Allowed are {names}." if len(known) > 1 else f"Only {names} is allowed."
    _refuse_unknown(given, known, allowed=allowed, authority=authority)
    if len(given) < len(parameters):
        raise _Unusable("a parameter is given twice.")
    if scheme == "rediss":
        _check_certificates(given, reader)
    _check_values(given)


def _check_authority(url: str, authority: str) -> None:
    userinfo, _, server = authority.rpartition("@")
    if "[" in userinfo or "]" in userinfo:
        raise _Unusable("the user or password contains a bracket. Write [ as %5B and ] as %5D.")
    found = _HOST.fullmatch(server)
    if found is None:
        raise _Unusable(f"host and port can't be read. Write host:port, or [address]:port for IPv6. {_ENCODE}.")
    _check_port(found["port"] or "")
    try:
        if found["ipv6"] is not None:
            IPv6Address(found["ipv6"])
        # Refuse everything that Python refuses, such as letters that look like a slash.
        urlsplit(url)
    except ValueError:
        raise _Unusable(f"it can't be read as a URL. {_ENCODE}.") from None


def _check_values(given: dict[str, str]) -> None:
    for parameter in ("virtual_host", "db"):
        if not re.fullmatch(r"[0-9]+", given.get(parameter, "0")):
            raise _Unusable(f"{parameter} must be the number of a database, such as 0.")
    for parameter, value in given.items():
        read: Any = URL_QUERY_ARGUMENT_PARSERS.get(parameter, str)
        try:
            read(value)
        except (TypeError, ValueError):
            raise _Unusable(f"the value of {parameter} can't be read.") from None


def _check_certificates(given: dict[str, str], reader: Reader) -> None:
    allowed, default = set(_CERT_REQS), "required"
    if reader != "cache":
        allowed |= {f"CERT_{value.upper()}" for value in _CERT_REQS}
        # Without the parameter, Kombu would check no certificate, and Celery's results wouldn't start.
        default = ""
    if given.get("ssl_cert_reqs", default) not in allowed:
        raise _Unusable(
            "rediss:// needs ssl_cert_reqs, which must be required, optional or none. Add ?ssl_cert_reqs=required, and "
            "&ssl_ca_certs=/path/to/ca.pem for your own authority."
        )


# --- PostgreSQL ---------------------------------------------------------------------------------------------------


def _database(address: str, *, session: bool) -> dict[str, str]:
    if re.match(r"\s*[^=\s]*://", address):
        _check_database_url(address)
    try:
        found = {keyword: str(value) for keyword, value in conninfo_to_dict(address).items()}
    except psycopg.Error:
        # psycopg's message shows a part of the address, so don't use it.
        raise _Unusable(
            "libpq can't read it. Write postgres://user:password@host:port/name, and a % in a password as %25. "
            f"{_ENCODE}."
        ) from None
    _check_servers(found)
    if not found.get("dbname") and not found.get("service"):
        raise _Unusable("it names no database. Add its name after the host: postgres://user:password@host:port/name.")
    if (timeout := found.get("connect_timeout")) and not (
        re.fullmatch(r"[0-9]{1,9}", timeout) and int(timeout) in _CONNECT_TIMEOUTS
    ):
        raise _Unusable("connect_timeout must be 1 to 30 seconds.")
    if found.get("client_encoding", "utf8").lower().replace("-", "") not in {"utf8", "unicode", "auto"}:
        raise _Unusable("client_encoding must be UTF8.")
    _check_choices(found)
    if session and (own := _OWN_SETTINGS.search(found.get("options", ""))):
        raise _Unusable(
            f"its options set {own[1].lower().replace('-', '_')}, which the console sets itself. Remove that setting. "
            "Set the schemas in OPS_DATABASE_SCHEMA and OPS_CORE_SCHEMA. The time zone is always UTC, dates "
            "are in ISO form, and strings are standard."
        )
    return found


def _check_database_url(url: str) -> None:
    _check_characters(url)
    scheme = _scheme(url)
    if scheme not in {"postgres", "postgresql"}:
        raise _Unusable("it must begin with postgres:// or postgresql://. The console works only with PostgreSQL.")
    authority, _, tail = url[len(scheme) + 3 :].partition("/")
    path, _, query = tail.partition("?")
    if authority.count("@") > 1 or "@" in path:
        raise _Unusable(f"the user or password contains an unescaped character. {_ENCODE}.")
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()} | {"ssl"}
    names = [name for name, _ in parse_qsl(query, keep_blank_values=True)]
    _refuse_unknown(names, known, allowed="Allowed are libpq's connection parameters.", authority=authority)


def _check_choices(found: dict[str, str]) -> None:
    for name, choices in _CHOICES.items():
        given = found.get(name, "")
        # libpq compares versions of TLS in any case.
        known = {choice.lower() for choice in choices} if name in _TLS_VERSIONS else choices
        if given and (given.lower() if name in _TLS_VERSIONS else given) not in known:
            raise _Unusable(f"{name} must be {', '.join(choices[:-1])} or {choices[-1]}.")


def _check_servers(found: dict[str, str]) -> None:
    hosts = (found.get("host") or found.get("hostaddr") or "").split(",")
    if any("@" in host for host in hosts):
        raise _Unusable(f"the user or password contains an unescaped character. {_ENCODE}.")
    ports = found.get("port", "").split(",")
    if len(ports) not in {1, len(hosts)}:
        raise _Unusable("it must name one port, or one for each host.")
    for port in ports:
        _check_port(port)


# --- both ---------------------------------------------------------------------------------------------------------


def _scheme(address: str) -> str:
    found = _SCHEME.match(address)
    return found[1] if found else ""


def _check_characters(url: str) -> None:
    if _BLANK.search(url):
        raise _Unusable("it contains a blank or a control character. Remove it. In a password, write a blank as %20.")


def _check_port(port: str) -> None:
    if port and not (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65_536):
        raise _Unusable(f"the port must be a number from 1 to 65535. {_ENCODE}.")


def _refuse_unknown(given: Iterable[str], known: Collection[str], *, allowed: str, authority: str) -> None:
    for name in given:
        if name not in known:
            # Without an @ before the name, the name may be the end of a password.
            shown = f"the parameter {name}" if "@" in authority else "one of its parameters"
            raise _Unusable(f"{shown} is unknown. {allowed}")
