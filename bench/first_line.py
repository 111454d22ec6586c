"""From a POST to the first line of an own task in an idle worker, against a running script/server.

    .venv/bin/python bench/first_line.py [--rounds 100] [--port 8000] [--data-dir .data]

Retries one failed job again and again over HTTP, and reads from its attempts when a worker claimed it, by the clock
that both share. Prints the median, the 99th percentile and the longest, in milliseconds.
"""

import argparse
import json
import shlex
import statistics
import subprocess
import time
import urllib.request
from datetime import datetime
from pathlib import Path

import psycopg

PROJECT = Path(__file__).resolve().parent.parent
DEADLINE = 30.0  # seconds for one round


def main() -> None:
    parser = argparse.ArgumentParser(description="From a POST to the first line of an own task.")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--data-dir", type=Path, default=PROJECT / ".data")
    options = parser.parse_args()
    environment = read_environment(options.data_dir.resolve() / "environment")
    token = make_token(environment)
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("SET search_path = opsconsole, public")
        job_id = make_failed_job(connection)
        waits = [one_round(connection, job_id, options.port, token) for _ in range(options.rounds + 5)][5:]
        connection.execute("UPDATE jobs SET status = 'cancelled' WHERE id = %s AND status = 'failed'", [job_id])
    waits.sort()
    p99 = waits[min(len(waits) - 1, round(len(waits) * 0.99))]
    print(
        f"{len(waits)} rounds: p50 {statistics.median(waits) * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms,"
        f" longest {waits[-1] * 1e3:.1f} ms"
    )


def read_environment(path: Path) -> dict[str, str]:
    lines = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {name.removeprefix("export "): "".join(shlex.split(value)) for name, _, value in lines}


def make_token(environment: dict[str, str]) -> str:
    command = [str(PROJECT / ".venv/bin/python"), "manage.py", "drf_create_token", "admin"]
    printed = subprocess.run(command, env=environment, cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    return printed.split()[2]


def make_failed_job(connection: "psycopg.Connection[tuple[int]]") -> int:
    row = connection.execute(
        "INSERT INTO jobs (queue_name, job_type, payload_json, status, attempts, max_attempts, created_at, updated_at)"
        " VALUES ('opsconsole', 'opsconsole.housekeeping', '{}', 'failed', 1, 1, now(), now()) RETURNING id"
    ).fetchone()
    assert row is not None
    return row[0]


def one_round(connection: "psycopg.Connection[tuple[int]]", job_id: int, port: int, token: str) -> float:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/ops/jobs/{job_id}/retry",
        data=b"{}",
        headers={"Authorization": f"Token {token}", "Content-Type": "application/json"},
        method="POST",
    )
    began = time.time()
    with urllib.request.urlopen(request) as answer:
        json.load(answer)
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        row: tuple[datetime | None, str] | None = connection.execute(  # type: ignore[assignment]
            "SELECT d.started_at, j.status FROM jobs_dispatch d JOIN jobs j ON j.id = d.job_id"
            " WHERE d.job_id = %s ORDER BY d.id DESC LIMIT 1",
            [job_id],
        ).fetchone()
        if row and row[0] and row[1] == "done":
            connection.execute("UPDATE jobs SET status = 'failed' WHERE id = %s", [job_id])
            return row[0].timestamp() - began
        time.sleep(0.005)
    raise SystemExit("No worker claimed the job in time: is script/server running?")


if __name__ == "__main__":
    main()
