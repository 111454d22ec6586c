"""A backup and its restore test against what PostgreSQL's own programs take for the same.

    .venv/bin/python bench/backup.py --backup-dir FOLDER [--rounds 3]

DATABASE_URL, CELERY_BROKER_URL and OPS_SECRET_KEY name the console, as for manage.py: with script/server, source
DATA_DIR/environment. In turn: `pg_dump` with the same options into a file in that folder, `manage.py database_backup`,
`pg_restore` of the dump into a database that is dropped again, `manage.py restore_test`. Prints the wall-clock seconds
of each, the largest resident set of its processes, and how many times as long ours took.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psycopg

PROJECT = Path(__file__).resolve().parent.parent
SCRATCH = "opsconsole_bench_restore"


def main() -> None:
    parser = argparse.ArgumentParser(description="A backup and its restore test, against PostgreSQL's own programs.")
    parser.add_argument("--backup-dir", type=Path, required=True)
    parser.add_argument("--bin-dir", type=Path, required=True, help="the folder of pg_dump")
    parser.add_argument("--compress", default="gzip", help="what the console's dump is compressed with")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    options.backup_dir.mkdir(exist_ok=True)
    url = os.environ["DATABASE_URL"]
    environment = {**os.environ, "OPS_BACKUP_DIR": str(options.backup_dir), "OPS_PG_BIN_DIR": str(options.bin_dir)}
    plain = options.backup_dir / "plain.dump"
    scratch_url = psycopg.conninfo.make_conninfo(url, dbname=SCRATCH)
    manage = [sys.executable, str(PROJECT / "manage.py")]
    dump = [f"{options.bin_dir}/pg_dump", "--format=custom", f"--compress={options.compress}", f"--file={plain}", url]
    restore = [f"{options.bin_dir}/pg_restore", "--exit-on-error", "--no-owner", "--no-privileges", "--jobs=2"]
    taken: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        measure(taken, "pg_dump", dump, environment)
        measure(taken, "database_backup", [*manage, "database_backup"], environment)
        with psycopg.connect(url, autocommit=True) as own:
            own.execute(f"DROP DATABASE IF EXISTS {SCRATCH} WITH (FORCE)")
            own.execute(f"CREATE DATABASE {SCRATCH} TEMPLATE template0 LOCALE 'C'")
            measure(taken, "pg_restore", [*restore, f"--dbname={scratch_url}", str(plain)], environment)
            own.execute(f"DROP DATABASE {SCRATCH} WITH (FORCE)")
        measure(taken, "restore_test", [*manage, "restore_test"], environment)
    for ours, theirs in (("database_backup", "pg_dump"), ("restore_test", "pg_restore")):
        ratio = statistics.median(taken[ours]) / statistics.median(taken[theirs])
        print(f"{ours} takes {ratio:.2f} times as long as {theirs}")


def measure(taken: dict[str, list[float]], name: str, command: list[str], environment: dict[str, str]) -> None:
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(f"{name} failed: wait status {status}.")
    taken.setdefault(name, []).append(seconds)
    peak = used.ru_maxrss
    print(f"{name}: {seconds:.1f} s, at most {peak / 1024:.0f} MiB resident")


if __name__ == "__main__":
    main()
