"""Errors as the core writes them into `jobs.last_error`: one line, a traceback of some KB, an HTML page."""

import random
from collections.abc import Sequence

# Put together here, so that no scanner takes it for somebody's real token.
_TOKEN = "eyJ" + "hbGciOiJub25lIn0." + "eyJ" + "kZW1vIjoib25seSJ9." + "not-a-signature"

_Frame = tuple[str, int, str, str]

_FRAMES: tuple[_Frame, ...] = (
    (
        "/srv/core/app/worker/tasks/ingest.py",
        88,
        "sync_delta",
        "result = service.sync_identity(identity, since=since)",
    ),
    (
        "/srv/core/app/services/ingest.py",
        214,
        "sync_identity",
        "for page in self._pages(client, identity, since):",
    ),
    (
        "/srv/core/app/services/ingest.py",
        301,
        "_pages",
        "yield self._parse_page(client.listing(cursor=cursor))",
    ),
)


def too_many_requests(rng: random.Random, provider: str) -> str:
    """429 with the seconds to wait."""
    return (
        f"Failed to fetch page {rng.randint(1, 60)}: 429 Too Many Requests from {provider}"
        f" (retry-after: {rng.randint(5, 600)})"
    )


def expired_token(rng: random.Random, provider: str, identity_id: int) -> str:
    """401 of a token that can't be refreshed any more; a few show the header that was sent."""
    line = (
        f"Failed to fetch page 1: 401 Unauthorized from {provider}: invalid_grant"
        f" (refresh token of identity {identity_id} was revoked or has expired)"
    )
    if rng.random() < 0.01:
        return f"{line}\nrequest headers: Authorization: Bearer {_TOKEN}; accept: application/json"
    return line


def stale_token(provider: str) -> str:
    """401 because another process had just refreshed the token."""
    return f"Failed to fetch page 1: 401 Unauthorized from {provider} (the token was refreshed elsewhere)"


def missing_credentials(provider: str, identity_id: int) -> str:
    """What the core says when it has nothing to log in with."""
    return f"No credentials for identity {identity_id} ({provider})"


def read_timeout(rng: random.Random, provider: str) -> str:
    """A time-out with the two tracebacks of an HTTP library that wraps another."""
    sites = "/usr/lib/python3.11/site-packages"
    low = (
        (f"{sites}/httpcore/_sync/http11.py", 217, "_receive_event", "data = self._network_stream.read("),
        (f"{sites}/httpcore/_backends/sync.py", 126, "read", "with map_exceptions(exc_map):"),
        ("/usr/lib/python3.11/contextlib.py", 158, "__exit__", "self.gen.throw(typ, value, traceback)"),
    )
    client = f"/srv/core/app/providers/{provider}/client.py"
    high = (
        *_FRAMES,
        (client, 131, "listing", "response = self._http.get(url, params=params)"),
        (
            f"{sites}/httpx/_transports/default.py",
            118,
            "map_exceptions",
            "raise mapped_exc(message) from exc",
        ),
    )
    between = "The above exception was the direct cause of the following exception:"
    seconds = rng.choice((10, 20, 30))
    first = _traceback(low, "httpcore.ReadTimeout: The read operation timed out")
    second = _traceback(high, f"httpx.ReadTimeout: The read operation timed out after {seconds}.0 s")
    return f"{first}\n\n{between}\n\n{second}"


def deadlock(rng: random.Random) -> str:
    """A deadlock, as psycopg tells it."""
    first, second = rng.randint(2000, 40000), rng.randint(2000, 40000)
    repository = "/srv/core/app/repositories/messages.py"
    cursor = "/usr/lib/python3.11/site-packages/psycopg/cursor.py"
    frames = (
        _FRAMES[0],
        (repository, 72, "upsert_many", "await self._session.execute(statement)"),
        (cursor, 97, "execute", "raise ex.with_traceback(None)"),
    )
    return _traceback(
        frames,
        "psycopg.errors.DeadlockDetected: deadlock detected\n"
        f"DETAIL:  Process {first} waits for ShareLock on transaction {rng.randint(10**6, 10**7)};"
        f" blocked by process {second}.\n"
        f"Process {second} waits for ShareLock on transaction {rng.randint(10**6, 10**7)};"
        f" blocked by process {first}.\n"
        "HINT:  See server log for query details.\n"
        f"CONTEXT:  while inserting index tuple ({rng.randint(1, 900)},{rng.randint(1, 80)})"
        ' in relation "messages"',
    )


def missing_key(rng: random.Random, provider: str) -> str:
    """A KeyError from deep inside a parser, several KB long."""
    path = f"/srv/core/app/providers/{provider}/parser.py"
    children = 'replies = [self.parse_comment(child) for child in node["replies"]["data"]["children"]]'
    key = rng.choice(("author_fullname", "created_utc", "media_metadata", "edited_at"))
    frames = [*_FRAMES, *[(path, 60, "parse_comment", children)] * rng.randint(8, 22)]
    frames.append((path, 47, "parse_comment", f'value = node["data"]["{key}"]'))
    return _traceback(frames, f"KeyError: '{key}'")


def html_page(rng: random.Random, provider: str, *, lines: int = 12) -> str:
    """A gateway's error page where JSON was expected."""
    ray = f"{rng.getrandbits(60):015x}"
    filler = "\n".join(
        f'    <li class="hint">Try again in {n} minutes &amp; check the status page.</li>' for n in range(1, lines)
    )
    return (
        f"{provider}: 502 Bad Gateway, body is text/html instead of application/json:\n"
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n  <title>502 Bad Gateway</title>\n'
        "  <style>body { font-family: sans-serif; margin: 4em } .hint { color: #666 }</style>\n"
        '  <script>window.reload = () => location.reload()</script>\n</head>\n<body onload="reload()">\n'
        f"  <h1>502 Bad Gateway</h1>\n  <p>Reference: {ray}</p>\n  <ul>\n{filler}\n  </ul>\n</body>\n</html>"
    )


def broken_image(rng: random.Random, provider: str) -> str:
    """An image that is gone."""
    return (
        f"Image https://images.{provider}.example/{rng.getrandbits(32):08x}.jpg could not be downloaded: 404 Not Found"
    )


def unsure_send(rng: random.Random) -> str:
    """Sending broke off after the request had left: nobody knows whether the message went out."""
    return rng.choice(
        (
            "AMBIGUOUS: read timed out after the request was sent; the message may have gone out",
            "AMBIGUOUS: connection reset by peer before the provider answered",
            "AMBIGUOUS: 504 Gateway Timeout; the provider did not say whether the message was accepted",
        )
    )


def refused_send(rng: random.Random, provider: str) -> str:
    """The provider said no."""
    return rng.choice(
        (
            f"403 Forbidden from {provider}: NOT_ACCEPTED: that user doesn't take messages",
            f"400 Bad Request from {provider}: TOO_LONG: this is too long (max: 10000)",
            f"429 Too Many Requests from {provider} (retry-after: {rng.randint(30, 900)})",
            f"404 Not Found from {provider}: that user doesn't exist any more",
        )
    )


def transcoding(rng: random.Random) -> str:
    """What the media worker reports."""
    return rng.choice(
        (
            f"ffmpeg exited with 1: /var/media/in/{rng.getrandbits(32):08x}.mov: moov atom not found",
            "ffmpeg exited with 187: Conversion failed! Output file is empty, nothing was encoded",
            f"OSError: [Errno 28] No space left on device: '/var/media/tmp/{rng.getrandbits(32):08x}.mp4'",
        )
    )


def webhook(rng: random.Random) -> str:
    """A receiver that can't be reached, or shouldn't have been shown the token."""
    host = rng.choice(("hooks.shop.example", "calendar.club.example", "crm.studio.example"))
    return rng.choice(
        (
            f"POST https://{host}/core/events: [Errno 111] Connection refused",
            f"POST https://{host}/core/events: 503 Service Unavailable after {rng.randint(1, 30)} s",
            f"POST https://{host}/core/events: certificate verify failed: expired (_ssl.c:1006)",
        )
    )


def rejected_webhook() -> str:
    """A receiver that echoes what it was sent, token and all."""
    return (
        "POST https://crm.studio.example/core/events: 401 Unauthorized:"
        f' {{"error": "signature mismatch", "received": {{"authorization": "Bearer {_TOKEN}"}}}}'
    )


def indexing(rng: random.Random) -> str:
    """What the search index reports."""
    used = f"{rng.randint(10**9, 2 * 10**9)}/{rng.randint(1, 9)}.9gb"
    return rng.choice(
        (
            "ConnectionTimeout: HTTPConnectionPool(host='search.internal', port=9200): Read timed out.",
            f"circuit_breaking_exception: [parent] Data too large, [<http_request>] would be [{used}]",
            deadlock(rng),
        )
    )


def backup(rng: random.Random) -> str:
    """Why a backup of the core's own failed."""
    row = rng.randint(10_000, 200_000)
    return rng.choice(
        (
            f"dump failed with exit code 2: Error 2013: Lost connection dumping `messages` at row: {row}",
            "OSError: [Errno 28] No space left on device: '/var/backups/core/.partial'",
        )
    )


def _traceback(frames: Sequence[_Frame], ending: str) -> str:
    lines = [f'  File "{path}", line {line}, in {name}\n    {code}\n' for path, line, name, code in frames]
    return f"Traceback (most recent call last):\n{''.join(lines)}{ending}"
