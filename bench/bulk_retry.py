"""Retrying many failed jobs at once, and how long reads take meanwhile, in a running script/server.

    .venv/bin/python bench/bulk_retry.py [--jobs 10000] [--port 8000] [--data-dir .data]

Inserts failed syncs, each of its own, times some reads, has all of the jobs retried through the API, and times the same
reads until the run has ended; then cancels what was queued. Prints how long the run took, and of each read the median
before and meanwhile. Give script/server an OPS_DATA_DIR of its own for it.
"""

import argparse
import http.client
import json
import statistics
import time
from pathlib import Path
from typing import Any

import psycopg
from first_line import PROJECT, make_token, read_environment

READS = (
    "/ops/jobs?limit=50",
    "/ops/jobs?status=failed&limit=50",
    "/ops/jobs/counts",
    "/ops/sync/status",
    "/ops/health",
)
BASELINE_ROUNDS = 30
INSERT = """
    INSERT INTO jobs (queue_name, job_type, payload_json, status, attempts, max_attempts, last_error, created_at,
                      updated_at)
    SELECT 'ingest', 'ingest.sync_delta',
           json_build_object('provider_id', i.provider_id, 'identity_id', i.id, 'bench', n),
           'failed', 3, 3, 'TimeoutError: made for a benchmark', now(), now()
      FROM generate_series(1, %s) AS n
      JOIN (SELECT id, provider_id, row_number() OVER () - 1 AS place, count(*) OVER () AS all_of_them
              FROM identities WHERE is_active AND id = ANY(%s)) AS i
        ON i.place = mod(n, i.all_of_them)
"""


class Api:
    """One connection to the console's API."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return an answer's JSON, or end with what was refused."""
        given = None if body is None else json.dumps(body)
        self._connection.request(method, path, given, self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path} answered {answer.status}: {text[:500]!r}")
        return json.loads(text)

    def time(self, path: str) -> float:
        """Return how many milliseconds an answer takes."""
        began = time.perf_counter()
        self.call("GET", path)
        return (time.perf_counter() - began) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description="Retrying many failed jobs at once.")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--data-dir", type=Path, default=PROJECT / ".data")
    options = parser.parse_args()
    environment = read_environment(options.data_dir.resolve() / "environment")
    began_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1))
    api = Api(options.port, make_token(environment))
    # Of those whose credential is missing or refused none would be retried.
    syncing = [
        one["identity_id"]
        for one in api.call("GET", "/ops/sync/status")["identities"]
        if one["health"]["state"] != "action_required"
    ]
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("SET search_path = public")
        connection.execute(INSERT, [options.jobs, syncing])
    before = {path: [api.time(path) for _ in range(BASELINE_ROUNDS)] for path in READS}
    wanted = {"job_type": "ingest.sync_delta", "created_after": began_at}
    run, seconds, meanwhile = change(api, "retry", wanted)
    print(f"{run['result']['retried']:,} retried in {seconds:.1f} s: {run['status']}")
    for path in READS:
        was, was_then = statistics.median(before[path]), statistics.median(meanwhile[path])
        print(f"{path:36} {was:6.1f} ms before, {was_then:6.1f} ms meanwhile: {was_then / was:.2f} times")
    change(api, "cancel", wanted)


def change(api: Api, verb: str, wanted: Any) -> tuple[Any, float, dict[str, list[float]]]:
    """Retry or cancel all that match; returns the run's end, the seconds it took, and what reads took meanwhile."""
    seen = api.call("POST", f"/ops/jobs/{verb}", {"filter": wanted, "dry_run": True})
    given = {"filter": wanted, "up_to_id": seen["up_to_id"], "expected": seen["matched"], "reason": "a benchmark"}
    began = time.monotonic()
    job_id = api.call("POST", f"/ops/jobs/{verb}", given)["job_id"]
    meanwhile: dict[str, list[float]] = {path: [] for path in READS}
    while (run := api.call("GET", f"/ops/backfill/{job_id}"))["status"] == "pending":
        for path in READS:
            meanwhile[path].append(api.time(path))
    return run, time.monotonic() - began, meanwhile


if __name__ == "__main__":
    main()
