"""The sample data: the same twice, of every kind, and consistent."""

import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from demo import sample_data
from demo.cast import MEMBERS
from demo.ledger import SampleJob
from demo.ledger_key import dedupe_key
from demo.rows import DAY
from demo.sample_ingest_jobs import ingest_jobs
from demo.sample_other_jobs import foreign_jobs, maintenance_jobs
from demo.sample_special_jobs import active_jobs, odd_jobs
from opsconsole.schema.ddl import create_tables

NOW = datetime(2025, 3, 30, 9, 30, tzinfo=UTC)
SECONDS = int(NOW.timestamp())


def _jobs(seed: int) -> list[SampleJob]:
    rng = random.Random(seed)
    start = SECONDS - 47 * DAY
    conversations = {member.id: [member.id * 10, member.id * 10 + 1] for member in MEMBERS}
    return [
        *ingest_jobs(rng, SECONDS, start=start, conversations=conversations),
        *maintenance_jobs(rng, SECONDS, start=start),
        *foreign_jobs(rng, SECONDS, start=start),
        *odd_jobs(rng, SECONDS),
        *active_jobs(rng, SECONDS),
    ]


def test_the_ledger_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    assert _jobs(1) == _jobs(1)
    assert _jobs(1) != _jobs(2)


def test_nothing_in_the_ledger_is_newer_than_now_or_ends_before_it_began() -> None:
    for job in _jobs(1):
        assert job.created <= job.updated <= SECONDS
        assert job.status != "retrying" or (job.next_run or 0) > SECONDS


def test_no_active_job_stands_in_the_way_of_an_active_identity() -> None:
    active = {member.id for member in MEMBERS if member.is_active}
    for job in active_jobs(random.Random(1), SECONDS):
        assert not isinstance(job.payload, dict) or job.payload.get("identity_id") not in active


def test_the_key_of_a_job_is_the_hash_of_its_compact_json() -> None:
    payload = {"provider_id": "reddit", "identity_id": 1}
    # SHA-256 of {"payload":{"identity_id":1,"provider_id":"reddit"},"queue":"ingest","type":"ingest.sync_delta"}
    expected = "ad14bac1b952e3c22d2b89acae76622ed25f200d061748a49199d4a572f6b350"
    assert dedupe_key("ingest", "ingest.sync_delta", payload) == expected


@pytest.mark.slow
def test_the_sample_data_is_loaded_with_all_that_it_promises(core_database: str, variant: str) -> None:
    with psycopg.connect(core_database, autocommit=True) as connection:
        with connection.cursor() as cursor:
            create_tables(cursor, variant)
        with pytest.raises(ValueError, match="are of the"):
            sample_data.load(connection, variant="neither", now=NOW)
        sample_data.load(connection, variant=variant, now=NOW)

        def rows(query: str) -> list[tuple[Any, ...]]:
            return connection.execute(query.encode()).fetchall()

        [(messages, conversations, jobs)] = rows(
            "SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM conversations), (SELECT count(*) FROM jobs)"
        )
        assert 240_000 < messages < 260_000
        assert conversations > 4000
        assert 18_000 < jobs < 22_000
        # Foreign keys may not have been looked up while loading.
        for table, column, target in (
            ("messages", "conversation_id", "conversations"),
            ("messages", "identity_id", "identities"),
            ("conversations", "counterpart_account_id", "external_accounts"),
            ("conversations", "identity_id", "identities"),
            ("provider_credentials", "identity_id", "identities"),
            ("restore_tests", "backup_run_id", "backup_runs"),
            ("sessions", "user_id", "local_users"),
        ):
            assert rows(
                f"SELECT count(*) FROM {table} a LEFT JOIN {target} b ON b.id = a.{column}"
                f" WHERE b.id IS NULL AND a.{column} IS NOT NULL"
            ) == [(0,)]
        statuses = Counter(dict(rows("SELECT status::text, count(*) FROM jobs GROUP BY 1")))
        assert set(statuses) == {"queued", "running", "retrying", "failed", "done", "cancelled"}
        assert statuses["running"] == 2
        assert statuses["done"] > 0.9 * jobs
        assert {kind for (kind,) in rows("SELECT DISTINCT json_typeof(payload_json::json) FROM jobs")} == {
            "array", "null", "number", "object", "string",
        }  # fmt: skip
        conditions = rows(
            "SELECT DISTINCT m.remote_visibility::text, m.deleted_at IS NOT NULL FROM jobs j JOIN messages m"
            " ON m.id = (j.payload_json::jsonb->>'message_id')::bigint"
            " WHERE j.queue_name = 'messages' AND j.status = 'failed'"
        )
        assert {("visible", False), ("send_failed", False), ("unknown", False), ("unknown", True)} <= set(conditions)
        assert rows("SELECT count(*) > 1 FROM jobs WHERE last_error LIKE '%Bearer eyJ%'") == [(True,)]
        assert rows("SELECT count(*) FROM sessions WHERE expires_at > now()") == [(0,)]
        # The next row gets the next number.
        assert rows(
            "INSERT INTO audit_log (ts, actor, action_type, result) VALUES (now(), 'user', 'x', 'ok') RETURNING id"
        ) == rows("SELECT max(id) FROM audit_log")


@pytest.mark.slow
def test_it_is_loaded_also_where_the_core_has_no_tables_of_backups(core_database: str, variant: str) -> None:
    with psycopg.connect(core_database, autocommit=True) as connection, connection.cursor() as cursor:
        create_tables(cursor, variant)
        cursor.execute("DROP TABLE restore_tests, backup_runs")
        sample_data.load(connection, variant=variant, now=NOW)
        cursor.execute("SELECT count(*) FROM jobs WHERE job_type = 'maintenance.restore_test_local'")
        assert cursor.fetchone() > (0,)  # type: ignore[operator]


def test_the_command_loads_once(core_database: str, variant: str, capsys: pytest.CaptureFixture[str]) -> None:
    with psycopg.connect(core_database) as connection, connection.cursor() as cursor:
        create_tables(cursor, variant)
        cursor.execute("INSERT INTO providers VALUES ('reddit', 'Reddit', true, now())")
        cursor.execute(
            "INSERT INTO identities (provider_id, external_username, display_name, is_default, is_active,"
            " created_at, updated_at) VALUES ('reddit', 'someone', 'Someone', true, true, now(), now())"
        )
    sample_data.main(["--database-url", core_database])
    assert "nothing was loaded" in capsys.readouterr().out
