"""Backups through idle timeouts, proxies that close idle connections, and poolers."""

import shlex
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from psycopg import sql

from backups import connections, locks, making, runs
from backups.cleaning import Cleaner
from backups.connections import POOLED
from backups.database.servers import Server
from backups.errors import BackupFailed, BackupInterrupted
from backups.folder import BackupFolder
from backups.making import make_attachments_snapshot, make_database_backup
from backups.models import ATTACHMENTS, DATABASE, FAILED, KINDS, PASSED, RUNNING, SUCCEEDED, BackupRun, RestoreTest
from backups.testing import run_restore_test
from devserver.postgres import Postgres
from opsconsole.errors import OpsError
from tests.backups.cast import make_backup
from tests.backups.conftest import Watcher
from tests.backups.programs import fake_programs
from tests.backups.relay import Relay
from tests.cast import make_job
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

LOCK: Final = "opsconsole backup lock"


class Slow(Watcher):
    """A watcher that runs a function when it first hears of progress."""

    def __init__(self, happens: Callable[[], object]) -> None:
        super().__init__()
        self._happens = happens

    def progress(self, current: int, total: int | None = None, unit: str = "items") -> None:
        if not self.told:
            self._happens()
        super().progress(current, total, unit)


def session() -> int:
    """Return the process id of the ledger's session."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    return int(pid)


# --- idle sessions --------------------------------------------------------------------------------------------------


@pytest.fixture
def server(postgres: Postgres) -> Iterator[psycopg.Connection[Any]]:
    """A connection to another database, whose settings it doesn't have."""
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as own:
        yield own


@pytest.fixture
def impatient(server: psycopg.Connection[Any]) -> Iterator[Callable[[], object]]:
    """Make every timeout for idle sessions short. Call the fixture to wait until the ledger's session has ended."""
    name = sql.Identifier(connection.settings_dict["NAME"])
    timeouts = ("idle_session_timeout", "idle_in_transaction_session_timeout", "tcp_user_timeout")
    for timeout in timeouts:
        server.execute(sql.SQL("ALTER DATABASE {} SET {} = '3s'").format(name, sql.Identifier(timeout)))
    connection.close()
    pid = session()

    def ended() -> bool:
        return server.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone() is None

    yield lambda: wait_until(ended)
    for timeout in timeouts:
        server.execute(sql.SQL("ALTER DATABASE {} RESET {}").format(name, sql.Identifier(timeout)))
    connection.close()


def test_a_backup_and_its_restore_test_outlive_a_server_that_ends_idle_sessions(
    folder: BackupFolder, impatient: Callable[[], object]
) -> None:
    made = make_database_backup(Slow(impatient), job_id=None)
    run_restore_test(Slow(impatient), backup_run_id=made["backup_run_id"], job_id=None)

    assert BackupRun.objects.get().status == SUCCEEDED
    assert RestoreTest.objects.get().status == PASSED


def test_a_failure_is_written_down_although_the_ledgers_session_was_ended(
    folder: BackupFolder, impatient: Callable[[], object]
) -> None:
    def fails() -> None:
        impatient()
        raise BackupFailed("Something broke.")

    with pytest.raises(BackupFailed):
        make_database_backup(Slow(fails), job_id=None)
    assert (BackupRun.objects.get().status, BackupRun.objects.get().error) == (FAILED, "Something broke.")


@pytest.fixture
def relay(postgres: Postgres) -> Iterator[Callable[..., Relay]]:
    """Connect the console to its database through a relay: `relay(pools=…)`."""
    relays: list[Relay] = []

    def make(**options: bool) -> Relay:
        relays.append(Relay(postgres.port, **options))
        connection.close()
        connection.settings_dict["PORT"] = relays[-1].port
        return relays[-1]

    before = connection.settings_dict["PORT"]
    yield make
    connection.close()
    connection.settings_dict["PORT"] = before
    for one in relays:
        one.close()


def test_a_proxy_that_ends_what_says_nothing_ends_no_backup(
    folder: BackupFolder, relay: Callable[..., Relay], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_SPEAKS_EVERY_SECONDS", 0.02)
    proxy = relay()

    def end_the_idle() -> None:
        before = {client: client.said for client in proxy.clients if not client.ended}
        (lock,) = (client for client in before if client.name == LOCK)
        wait_until(lambda: lock.said > before[lock] + 3, timeout=10)
        idle = [client for client in before if client.said == before[client]]
        assert idle, "the ledger's connection has said something"
        for client in idle:
            client.end()

    made = make_database_backup(Slow(end_the_idle), job_id=None)
    run_restore_test(Slow(end_the_idle), backup_run_id=made["backup_run_id"], job_id=None)

    assert BackupRun.objects.get().status == SUCCEEDED
    assert RestoreTest.objects.get().status == PASSED


def test_a_lock_that_a_proxy_has_ended_all_the_same_is_noticed(
    folder: BackupFolder, relay: Callable[..., Relay]
) -> None:
    proxy = relay()

    def end_the_lock() -> None:
        for client in proxy.clients:
            if client.name == LOCK:
                client.end()

    with pytest.raises(BackupInterrupted, match="broke off"):
        make_database_backup(Slow(end_the_lock), job_id=None)
    assert BackupRun.objects.get().status == FAILED


# --- complete files whose rows don't say so ---------------------------------------------------------------------------


def unrecorded(folder: BackupFolder, kind: str, **row: Any) -> BackupRun:
    """Make a backup whose process ended after its file got its name."""
    run = make_backup(kind, status=RUNNING, completed_at=None, storage_key=None, sha256=None, size_bytes=None)
    assert run.started_at is not None
    with folder.writing(kind, run.started_at, run.pk) as part:
        part.write(b"whole")
    BackupRun.objects.filter(pk=run.pk).update(**row)
    return run


FAILED_ROW: Final = {"status": FAILED, "error": "The database server closed the connection."}


def start(kind: str) -> None:
    """Start the next backup of a kind, which may fail for other reasons."""
    try:
        {DATABASE: make_database_backup, ATTACHMENTS: make_attachments_snapshot}[kind](Watcher(), job_id=None)
    except OpsError:
        pass


@pytest.mark.parametrize(
    ("row", "finds"),
    [
        ({}, lambda kind: Cleaner().look()),
        ({}, start),
        (FAILED_ROW, start),
        ({**FAILED_ROW, "manifest_json": None}, start),
        ({"manifest_json": None}, lambda kind: Cleaner().look()),
    ],
    ids=["running, swept", "running, next", "failed, next", "failed without manifest, next", "without manifest, swept"],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_was_finished_is_recorded_by_the_sweeper_or_the_next_start(
    folder: BackupFolder, attachments: Any, kind: str, row: dict[str, Any], finds: Callable[[str], object]
) -> None:
    run = unrecorded(folder, kind, **row)

    finds(kind)
    run.refresh_from_db()
    assert (run.status, run.error, run.size_bytes) == (SUCCEEDED, None, 5)
    assert run.completed_at is not None
    assert run.started_at is not None
    assert run.completed_at >= run.started_at
    with folder.open(str(run.storage_key)) as file:
        assert file.read() == b"whole"
    assert f"{run.sha256}  " in (folder.path / f"{run.storage_key}.sha256").read_text("ascii")


def test_a_file_whose_checksum_is_missing_or_odd_is_not_recorded(folder: BackupFolder) -> None:
    for odd in (None, "", "0" * 63, "x" * 64, "é" * 64):
        run = unrecorded(folder, DATABASE)
        checksum = next(folder.path.glob(f"database/*-{run.pk}.dump.sha256"))
        checksum.unlink()
        if odd is not None:
            checksum.write_text(odd, "utf-8")
        Cleaner().look()
        run.refresh_from_db()
        assert (run.status, run.storage_key) == (FAILED, None), odd


def test_a_file_of_another_moment_is_not_taken_for_a_rows_own(folder: BackupFolder) -> None:
    # A restored database uses the same ids again.
    run = unrecorded(folder, DATABASE)
    path = next(folder.path.glob(f"database/*-{run.pk}.dump"))
    other = path.with_name(f"database-20200131T030000Z-{run.pk}.dump")
    path.rename(other)
    Cleaner().look()
    run.refresh_from_db()
    assert run.status == FAILED
    assert other.exists()


def test_a_backup_whose_end_could_not_be_written_is_whole_and_can_be_tested_once_the_database_is_back(
    folder: BackupFolder, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("the database is away")

    make_job("ingest.sync_delta", payload={"identity_id": 1})
    with monkeypatch.context() as patch:
        patch.setattr(making, "_succeed", away)
        with pytest.raises(DatabaseError):
            make_database_backup(watcher, job_id=None)
    lost = BackupRun.objects.get()
    start(DATABASE)
    run_restore_test(watcher, backup_run_id=lost.pk, job_id=None)
    assert RestoreTest.objects.get().status == PASSED


def test_an_end_that_was_written_but_not_answered_counts(
    folder: BackupFolder, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    afresh, tries = connections.afresh, []

    def unanswered(write: Callable[[], Any], **options: Any) -> Any:
        def twice() -> Any:
            found = write()
            tries.append(found)
            if len(tries) % 2:
                raise OperationalError("server closed the connection unexpectedly")
            return found

        return afresh(twice, **options)

    monkeypatch.setattr(runs, "afresh", unanswered)
    monkeypatch.setattr("backups.connections.time.sleep", lambda seconds: None)
    made = make_database_backup(watcher, job_id=None)
    run_restore_test(watcher, backup_run_id=made["backup_run_id"], job_id=None)
    assert (BackupRun.objects.get().status, RestoreTest.objects.get().status) == (SUCCEEDED, PASSED)


# --- poolers ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def pooled(postgres: Postgres, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Relay]]:
    """Connect backups and restore tests to their database through a pooler: `pooled(shares=…, takes_options=…)`."""
    relays: list[Relay] = []
    monkeypatch.setattr(connections, "_refusing", set())

    def make(**options: bool) -> Relay:
        relays.append(Relay(postgres.port, **options))
        known = psycopg.conninfo.conninfo_to_dict(postgres.url(connection.settings_dict["NAME"]))
        address = psycopg.conninfo.make_conninfo("", **{**known, "port": relays[-1].port})
        settings.BACKUP_DATABASE_URL = settings.RESTORE_DATABASE_URL = address
        return relays[-1]

    yield make
    for one in relays:
        one.close()


@pytest.mark.parametrize("takes_options", [True, False])
def test_through_a_pooler_that_keeps_sessions_apart_a_backup_is_made_and_tested(
    folder: BackupFolder, watcher: Watcher, pooled: Callable[..., Relay], takes_options: bool
) -> None:
    pooled(pools=True, takes_options=takes_options)
    made = make_database_backup(watcher, job_id=None)
    run_restore_test(watcher, backup_run_id=made["backup_run_id"], job_id=None)

    assert RestoreTest.objects.get().status == PASSED


@pytest.mark.parametrize("in_turn", [True, False])
def test_a_pooler_that_shares_sessions_is_recognized_and_nothing_is_started(
    folder: BackupFolder, watcher: Watcher, pooled: Callable[..., Relay], settings: Any, in_turn: bool
) -> None:
    pooled(shares=True, in_turn=in_turn)
    with pytest.raises(BackupFailed) as refused:
        make_database_backup(watcher, job_id=None)
    assert POOLED in refused.value.message
    assert "transaction or statement pooling" in str(BackupRun.objects.get().error)

    pooler, settings.BACKUP_DATABASE_URL = settings.BACKUP_DATABASE_URL, ""
    made = make_database_backup(watcher, job_id=None)
    assert pooler == settings.RESTORE_DATABASE_URL
    with pytest.raises(BackupFailed) as refused:
        run_restore_test(watcher, backup_run_id=made["backup_run_id"], job_id=None)
    assert POOLED in refused.value.message


def test_the_ledger_may_be_behind_a_pooler_that_shares_sessions(
    folder: BackupFolder, watcher: Watcher, relay: Callable[..., Relay], postgres: Postgres, settings: Any
) -> None:
    relay(shares=True)
    settings.BACKUP_DATABASE_URL = settings.RESTORE_DATABASE_URL = postgres.url(connection.settings_dict["NAME"])
    made = make_database_backup(watcher, job_id=None)
    run_restore_test(watcher, backup_run_id=made["backup_run_id"], job_id=None)

    assert RestoreTest.objects.get().status == PASSED


@pytest.mark.parametrize("said", ["no such database: opsconsole_restore_1", "pgbouncer cannot connect to server"])
def test_what_only_a_pooler_says_is_recognized(
    folder: BackupFolder, watcher: Watcher, settings: Any, tmp_path: Any, said: str
) -> None:
    settings.PG_BIN_DIR = fake_programs(tmp_path / "bin", f"echo 'pg_dump: error: FATAL:  {said}' >&2; exit 1")
    with pytest.raises(BackupInterrupted) as broken:
        make_database_backup(watcher, job_id=None)
    assert POOLED in broken.value.message


@pytest.mark.parametrize(
    ("said", "by_a_pooler"),
    [
        ("FATAL:  unsupported startup parameter: options", True),
        ("FATAL:  unsupported startup parameter in options: event_triggers", True),
        ("FATAL:  no such database: core", True),
        ("ERROR:  pgbouncer cannot connect to server", True),
        ("FATAL:  server login has been failing, cached error: x (server_login_retry)", True),
        ("FATAL:  query_wait_timeout", True),
        ("FATAL:  client_idle_timeout", True),
        ("FATAL:  idle_transaction_timeout", True),
        ("FATAL:  no more connections allowed (max_client_conn)", True),
        ("ERROR:  transaction blocks not allowed in statement pooling mode", True),
        ("server conn crashed?", True),
        ("odyssey: c7a: failed to get remote server connection", True),
        ('FATAL:  database "core" does not exist', False),
        ("FATAL:  terminating connection due to idle-session timeout", False),
        ("FATAL:  sorry, too many clients already", False),
        ("server closed the connection unexpectedly", False),
        ('FATAL:  password authentication failed for user "core"', False),
        ("ERROR:  canceling statement due to statement timeout", False),
    ],
)
def test_the_message_says_where_a_pooler_has_a_part_in_it(said: str, by_a_pooler: bool) -> None:
    with pytest.raises((BackupFailed, BackupInterrupted)) as broken, connections.problems():
        raise psycopg.OperationalError(said)
    assert (POOLED in broken.value.message) == by_a_pooler
    assert said in broken.value.message


# --- errors and settings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    ["53200", "53100", "42501", "53300", "55P03", "40P01", "57014", "0A000", "XX000", "54000", "42P01", "22012"],
)
def test_what_postgresql_advises_is_part_of_the_error(code: str) -> None:
    with pytest.raises((BackupFailed, BackupInterrupted)) as failed, Server.source().connected() as own:
        own.execute(f"DO $$ BEGIN RAISE 'It is full.' USING ERRCODE = '{code}', HINT = 'Raise the limit.'; END $$")
    assert failed.value.message.endswith("It is full.; HINT: Raise the limit.")


@pytest.mark.parametrize(
    "setting",
    [
        "idle_session_timeout",
        "idle_in_transaction_session_timeout",
        "statement_timeout",
        "lock_timeout",
        "transaction_timeout",
        "tcp_user_timeout",
        "event_triggers",
        "TimeZone",
        "DateStyle",
        "search_path",
        "IntervalStyle",
        "extra_float_digits",
    ],
)
def test_no_setting_of_a_database_reaches_a_backups_own_sessions(server: psycopg.Connection[Any], setting: str) -> None:
    odd = {
        "TimeZone": "Asia/Tokyo",
        "DateStyle": "German",
        "search_path": "nowhere",
        "IntervalStyle": "iso_8601",
        "event_triggers": "on",
        "extra_float_digits": "0",
    }.get(setting, "100s")
    name = sql.Identifier(connection.settings_dict["NAME"])
    with Server.source().connected() as own:
        (pinned,) = own.execute("SELECT current_setting(%s)", [setting]).fetchone() or (None,)
    server.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(name, sql.Identifier(setting), odd))
    try:
        with Server.source().connected() as own:
            assert own.execute("SELECT current_setting(%s)", [setting]).fetchone() == (pinned,)
    finally:
        server.execute(sql.SQL("ALTER DATABASE {} RESET {}").format(name, sql.Identifier(setting)))


def test_who_cleans_up_under_a_lock_keeps_it_for_as_long_as_that_takes() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = '100s'")
        with transaction.atomic():
            assert locks.is_free(DATABASE)
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            assert cursor.fetchone() == ("0",)
        cursor.execute("RESET idle_in_transaction_session_timeout")


@pytest.mark.parametrize("setting", ["idle_session_timeout", "statement_timeout", "tcp_user_timeout", "event_triggers"])
def test_nor_do_those_that_the_programs_do_not_set_reach_their_sessions(
    server: psycopg.Connection[Any],
    folder: BackupFolder,
    watcher: Watcher,
    settings: Any,
    tmp_path: Any,
    setting: str,
) -> None:
    script = tmp_path / "say.py"
    script.write_text(
        "import psycopg, sys\n"
        f"with psycopg.connect('') as c: sys.exit(c.execute('SHOW {setting}').fetchone()[0] + ' is what it has')\n"
    )
    settings.PG_BIN_DIR = fake_programs(
        tmp_path / "bin", f"exec {shlex.quote(sys.executable)} {shlex.quote(str(script))}"
    )
    name = sql.Identifier(connection.settings_dict["NAME"])
    value = "on" if setting == "event_triggers" else "100s"
    server.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(name, sql.Identifier(setting), value))
    connection.close()
    try:
        with pytest.raises(BackupInterrupted, match=f"{'off' if setting == 'event_triggers' else '0'} is what it has"):
            make_database_backup(watcher, job_id=None)
    finally:
        server.execute(sql.SQL("ALTER DATABASE {} RESET {}").format(name, sql.Identifier(setting)))
        connection.close()
