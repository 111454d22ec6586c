"""Load sample data that looks like the life of an application that has been running for a year.

    python -m demo.sample_data --database-url URL

does so unless there are identities already. The same moment and seed give the same rows.
"""

import argparse
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

from demo.ledger import COLUMNS, SampleJob
from demo.rows import DAY, HOUR, copy_rows
from demo.sample_audit import load_audit
from demo.sample_backups import load_backups
from demo.sample_conversations import SentMessage, load_conversations
from demo.sample_identities import load_identities, load_users
from demo.sample_ingest_jobs import ingest_jobs
from demo.sample_other_jobs import foreign_jobs, maintenance_jobs, sending_jobs
from demo.sample_special_jobs import active_jobs, odd_jobs

SEED = 20

_LEDGER_DAYS = 47
_NUMBERED = (
    "identities",
    "provider_credentials",
    "external_accounts",
    "conversations",
    "messages",
    "jobs",
    "audit_log",
    "local_users",
)
_TABLES = ("providers", "sessions")
# A core may lack these tables. Its backup jobs are then only in the ledger.
_OF_BACKUPS = ("backup_runs", "restore_tests")


def load(connection: psycopg.Connection[Any], *, variant: str, now: datetime, seed: int = SEED) -> None:
    """Load the sample data into the core's tables, which must be there and empty.

    All of it or nothing: it is one transaction, or a part of the caller's.

    Args:
        connection: Where; the tables are found by its search_path.
        variant: `plain` or `native`, what the caller takes the tables for.
        now: The moment at which the sample's life ends; nothing that has happened is later.
        seed: Another number gives another life.

    Raises:
        ValueError: The tables are of the other variant, or `now` has no time zone.
        psycopg.Error: A table other than those of backups is missing, or a table has rows already.
    """
    if now.tzinfo is None:
        raise ValueError("`now` needs a time zone.")
    with connection.transaction(), connection.cursor() as cursor:
        found = detect_variant(cursor)
        if found != variant:
            raise ValueError(f"These tables are of the {found} variant, not of the {variant} one.")
        with _bulk_settings(cursor):
            _load(cursor, random.Random(seed), int(now.timestamp()))
        numbered = (*_NUMBERED, *(_OF_BACKUPS if _has_backups(cursor) else ()))
        for table in numbered:
            cursor.execute(
                sql.SQL("SELECT setval(pg_get_serial_sequence({}, 'id'), max(id)) FROM {}").format(
                    sql.Literal(table), sql.Identifier(table)
                )
            )
        for table in (*_TABLES, *numbered):
            cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))


def detect_variant(cursor: psycopg.Cursor[Any]) -> str:
    """Say which variant of the core's tables this is.

    Args:
        cursor: Where; the tables are found by its search_path.

    Returns:
        `plain` or `native`.

    Raises:
        psycopg.errors.UndefinedTable: There are no such tables.
    """
    cursor.execute(
        "SELECT atttypid = 'jsonb'::regtype FROM pg_attribute"
        " WHERE attrelid = 'jobs'::regclass AND attname = 'payload_json'"
    )
    row = cursor.fetchone()
    return "plain" if row is not None and row[0] else "native"


@contextmanager
def _bulk_settings(cursor: psycopg.Cursor[Any]) -> Iterator[None]:
    """Read times as UTC; and where this role may, look up no foreign keys: half of the time goes there.

    The rows refer to one another by construction.
    """
    cursor.execute("SELECT current_setting('TimeZone'), current_setting('session_replication_role')")
    before = cursor.fetchone()
    wanted = ("UTC", "replica")
    _set(cursor, wanted)
    yield
    # Not left to the end of the transaction, which may be the caller's.
    _set(cursor, before or wanted)


def _set(cursor: psycopg.Cursor[Any], values: tuple[Any, ...]) -> None:
    cursor.execute("SELECT set_config('TimeZone', %s, true)", values[:1])
    cursor.execute(
        "SELECT set_config('session_replication_role', %s, true) WHERE current_setting('is_superuser') = 'on'",
        values[1:],
    )


def _load(cursor: psycopg.Cursor[Any], rng: random.Random, now: int) -> None:
    start = now - _LEDGER_DAYS * DAY
    load_identities(cursor, rng, now)
    sent = load_conversations(cursor, rng, now, sent_since=start)
    load_users(cursor, rng, now)
    jobs = list(enumerate(_ledger(rng, now, start, sent), start=1))
    copy_rows(cursor, "jobs", COLUMNS, (job.row(job_id) for job_id, job in jobs))
    if _has_backups(cursor):
        load_backups(cursor, rng, now, jobs)
    load_audit(cursor, rng, now, jobs)


def _has_backups(cursor: psycopg.Cursor[Any]) -> bool:
    cursor.execute(
        "SELECT bool_and(to_regclass(name) IS NOT NULL) FROM unnest(%s::text[]) AS name", [list(_OF_BACKUPS)]
    )
    return cursor.fetchone() == (True,)


def _ledger(rng: random.Random, now: int, start: int, sent: list[SentMessage]) -> list[SampleJob]:
    """All jobs in the order in which they were made, which is that of their ids."""
    # The last hour's messages have no job yet that would have ended.
    settled = [message for message in sent if message.moment < now - HOUR]
    conversations: dict[int, list[int]] = {}
    for message in settled:
        conversations.setdefault(message.identity_id, []).append(message.conversation_id)
    jobs = [
        *ingest_jobs(
            rng, now, start=start, conversations={key: sorted(set(ids)) for key, ids in conversations.items()}
        ),
        *sending_jobs(rng, settled, start=start),
        *maintenance_jobs(rng, now, start=start),
        *foreign_jobs(rng, now, start=start),
        *odd_jobs(rng, now),
        *active_jobs(rng, now),
    ]
    return sorted(jobs, key=lambda job: job.created)


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m demo.sample_data", description="Load sample data.")
    parser.add_argument("--database-url", required=True, help="a libpq URL; its tables must be there")
    parser.add_argument("--seed", type=int, default=SEED, help="another number gives other data (default: %(default)s)")
    options = parser.parse_args(arguments)
    with psycopg.connect(options.database_url) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM identities)")
            if cursor.fetchone() == (True,):
                sys.stdout.write("There are identities already; nothing was loaded.\n")
                return
            variant = detect_variant(cursor)
        load(connection, variant=variant, now=datetime.now(UTC), seed=options.seed)
    sys.stdout.write("The sample data is loaded.\n")


if __name__ == "__main__":
    main()
