"""Fill the database of a running script/server until it is large.

    .venv/bin/python bench/large_data.py [--factor 1] [--failed spread|oldest] [--data-dir .data]

At factor 1 it adds 1,000,000 jobs over 90 days (92 % done, 5 % failed with 1.5 KB of error, 1 % each queued, running
and retrying), 40,000 conversations and 5,000,000 messages (2 % of them deleted) of the identities that are there, and
100,000 audit rows. It is not undone: give script/server an OPS_DATA_DIR of its own for it.
"""

import argparse
import time
from pathlib import Path

import psycopg
from first_line import PROJECT, read_environment

DAYS = 90
JOBS, CONVERSATIONS, MESSAGES, AUDIT_ROWS = 1_000_000, 40_000, 5_000_000, 100_000

# By `h`, the hundredth that a job belongs to: spread evenly, or all failed ones in the oldest tenth.
_STATUS = {
    "spread": """CASE WHEN h < 5 THEN 'failed' WHEN h < 6 THEN 'queued' WHEN h < 7 THEN 'running'
                      WHEN h < 8 THEN 'retrying' ELSE 'done' END""",
    "oldest": """CASE WHEN n <= %(jobs)s / 10 AND h < 50 THEN 'failed' WHEN h = 55 THEN 'queued'
                      WHEN h = 56 THEN 'running' WHEN h = 57 THEN 'retrying' ELSE 'done' END""",
}
# The types of the columns differ between the variants.
_JOBS = """
    INSERT INTO jobs (queue_name, job_type, payload_json, status, attempts, max_attempts, next_run_at, last_error,
                      created_at, updated_at)
    SELECT CASE WHEN mod(n, 3) < 2 THEN 'ingest' ELSE 'media' END,
           (ARRAY['ingest.sync_delta', 'ingest.backfill_messages', 'media.transcode'])[1 + mod(n, 3)],
           json_build_object('identity_id', ids[1 + mod(n, array_length(ids, 1))], 'n', n)::{json},
           status::{status}, 1, 3,
           CASE WHEN status = 'retrying' THEN now() + interval '1 hour' END,
           CASE WHEN status = 'failed' THEN errors[1 + mod(n, 4)] || ' in step ' || n
                || repeat(E'\\n  File "/srv/core/app/services/ingest.py", line 301, in _pages', 22) END,
           at, at + interval '20 seconds'
      FROM (SELECT n, ids, {choice} AS status,
                   ARRAY['TimeoutError', 'ConnectionError', 'KeyError', 'HTTPError: 429'] AS errors,
                   (now() - make_interval(secs => (%(jobs)s - n) * %(days)s * 86400.0 / %(jobs)s))::{time} AS at
              FROM generate_series(1, %(jobs)s) AS n,
                   LATERAL (SELECT mod(abs(hashint4(n)::bigint), 100) AS h) AS hashed,
                   (SELECT array_agg(id) AS ids FROM identities WHERE is_active) AS identities) AS rows
     ORDER BY n
"""
_ACCOUNTS = """
    INSERT INTO external_accounts (provider_id, external_username, remote_status, created_at, updated_at)
    SELECT 'reddit', %(mark)s || '_' || n, 'active', now(), now() FROM generate_series(1, %(conversations)s) AS n
"""
_CONVERSATIONS = """
    INSERT INTO conversations (provider_id, external_conversation_id, counterpart_account_id, identity_id, created_at,
                               updated_at, last_activity_at)
    SELECT i.provider_id, a.external_username, a.id, i.id, now(), now(), now()
      FROM external_accounts AS a
      JOIN (SELECT id, provider_id, row_number() OVER (ORDER BY id) - 1 AS place FROM identities WHERE is_active) AS i
        ON i.place = mod(a.id, %(identities)s)
     WHERE starts_with(a.external_username, %(mark)s)
"""
_MESSAGES = """
    INSERT INTO messages (provider_id, external_message_id, conversation_id, identity_id, direction, sent_at, body_text,
                          remote_visibility, deleted_at, created_at)
    SELECT c.provider_id, c.external_conversation_id || '_' || m, c.id, c.identity_id, 'in',
           now() - make_interval(mins => m), 'a message', 'visible', CASE WHEN mod(m, 50) = 0 THEN now() END,
           now() - make_interval(mins => m)
      FROM conversations AS c, generate_series(1, %(each)s) AS m
     WHERE starts_with(c.external_conversation_id, %(mark)s)
"""
_AUDIT = """
    INSERT INTO audit_log (ts, actor, action_type, entity_type, entity_id, request_json, result)
    SELECT now() - make_interval(mins => %(audit)s - n), 'user', 'job.retry', 'job', n, '{"by": "olivia"}', 'ok'
      FROM generate_series(1, %(audit)s) AS n ORDER BY n
"""
Connection = psycopg.Connection[tuple[int]]


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the database of a running script/server large.")
    parser.add_argument("--factor", type=float, default=1.0)
    parser.add_argument("--failed", choices=tuple(_STATUS), default="spread")
    parser.add_argument("--data-dir", type=Path, default=PROJECT / ".data")
    options = parser.parse_args()
    environment = read_environment(options.data_dir.resolve() / "environment")
    began = time.monotonic()
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("SET search_path = public")
        # What refers to what is right by how the rows are made; checking it takes half of the time.
        connection.execute("SET session_replication_role = replica")
        fill(connection, options.factor, options.failed)
    print(f"in {time.monotonic() - began:.0f} s")


def fill(connection: Connection, factor: float, failed: str) -> None:
    conversations = round(CONVERSATIONS * factor)
    values = {
        "mark": f"large_{time.time():.0f}",
        "days": DAYS,
        "jobs": round(JOBS * factor),
        "conversations": conversations,
        "each": round(MESSAGES * factor) // conversations,
        "audit": round(AUDIT_ROWS * factor),
        "identities": number(connection, "SELECT count(*) FROM identities WHERE is_active"),
    }
    jobs = _JOBS.format(
        choice=_STATUS[failed],
        status=type_of(connection, "status"),
        json=type_of(connection, "payload_json"),
        time=type_of(connection, "created_at"),
    )
    for table, statement in {
        "external_accounts": _ACCOUNTS,
        "conversations": _CONVERSATIONS,
        "messages": _MESSAGES,
        "jobs": jobs,
        "audit_log": _AUDIT,
    }.items():
        print(f"{table}: {connection.execute(statement, values).rowcount:,} rows", flush=True)
        connection.execute(f"VACUUM ANALYZE {table}")


def number(connection: Connection, statement: str) -> int:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0]


def type_of(connection: Connection, column: str) -> str:
    row = connection.execute(
        "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 'jobs'::regclass AND attname = %s",
        [column],
    ).fetchone()
    assert row is not None
    return str(row[0])


if __name__ == "__main__":
    main()
