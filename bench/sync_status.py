"""GET /ops/sync/status against /healthz, over HTTP from a running script/server.

    .venv/bin/python bench/sync_status.py [--rounds 200] [--port 8000] [--data-dir .data]

Asks for the two in turn, over one connection, so that whatever else the machine does slows both down. Prints the median
and the 99th percentile of each in milliseconds, the size of an answer, and how many times as long the status takes.
With 20 identities that should be 25 at the most.
"""

import argparse
import http.client
import json
import statistics
import time
from pathlib import Path

from first_line import PROJECT, make_token, read_environment

WARM_UP = 10
PROBE, STATUS = "/healthz", "/ops/sync/status"


def main() -> None:
    parser = argparse.ArgumentParser(description="The sync status of all identities, against /healthz.")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--data-dir", type=Path, default=PROJECT / ".data")
    options = parser.parse_args()
    token = make_token(read_environment(options.data_dir.resolve() / "environment"))
    connection = http.client.HTTPConnection("127.0.0.1", options.port, timeout=30)
    seconds: dict[str, list[float]] = {PROBE: [], STATUS: []}
    sizes: dict[str, int] = {}
    identities = 0
    for _ in range(options.rounds + WARM_UP):
        for path, taken in seconds.items():
            began = time.perf_counter()
            body = get(connection, path, token)
            taken.append(time.perf_counter() - began)
            sizes[path] = len(body)
        identities = len(json.loads(body)["identities"])
    for path, taken in seconds.items():
        counted = sorted(taken[WARM_UP:])
        p99 = counted[min(len(counted) - 1, round(len(counted) * 0.99))]
        print(f"{path}: p50 {statistics.median(counted) * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, {sizes[path]:,} bytes")
    ratio = statistics.median(seconds[STATUS][WARM_UP:]) / statistics.median(seconds[PROBE][WARM_UP:])
    print(f"{options.rounds} rounds, {identities} identities: {ratio:.1f} times as long")


def get(connection: http.client.HTTPConnection, path: str, token: str) -> bytes:
    connection.request("GET", path, headers={"Authorization": f"Token {token}"})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != http.HTTPStatus.OK:
        raise SystemExit(f"{path} answered {answer.status}: {body[:300]!r}")
    return body


if __name__ == "__main__":
    main()
