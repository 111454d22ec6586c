"""A dump, restored into a scratch database and held against its manifest.

Nothing opens the file before its checksum is known to be the row's: `pg_restore --list` succeeds on truncated archives,
and a crafted archive can run code. And a checksum is not enough: what PostgreSQL compresses with zstd does not notice a
flipped bit, so the contents are compared too.
"""

import errno
import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import timedelta
from typing import Any, BinaryIO, Final

import psycopg
from django.conf import settings
from psycopg import sql

from backups import connections
from backups.checks import Check
from backups.database import child, comparison, contents, programs, scratch
from backups.database.contents import Contents
from backups.database.dump import FORMAT
from backups.database.servers import Server
from backups.errors import BackupFailed, BackupInterrupted
from backups.folder import BackupFolder, BadStorageKey
from backups.models import BackupRun
from backups.reporting import Reporter

_CHUNK_BYTES: Final = 1 << 20
# What a manifest has.
_NEEDED: Final = {field.name for field in fields(Contents)} | {"encoding", "locale", "snapshot_at"}
_LOOK_EVERY_SECONDS: Final = 1.0
_JOBS: Final = 2
# What pg_restore says when it is not the archive's fault.
_NOT_THE_ARCHIVE: Final = (
    "No space left on device",
    "could not extend file",
    "permission denied",
    "must be superuser",
    "Must be superuser",
    "is not available",
    "out of memory",
    "Cannot allocate memory",
    "Disk quota exceeded",
    "must be owner of",
    # Another server, on which it is tried out, or an older one.
    "could not open extension control file",
    "could not access file",
    "unrecognized configuration parameter",
    "Too many open files",
)
_NO_ROLE: Final = re.compile(r'role ".+?" does not exist', re.DOTALL)
_BROKEN_OFF: Final = (
    "server closed the connection",
    "terminating connection",
    "connection to server",
    "could not connect",
    "the database system is",
    "canceling statement",
    "deadlock detected",
)


@contextmanager
def verified_archive(
    folder: BackupFolder, run: BackupRun, reporter: Reporter
) -> Iterator[tuple[BinaryIO | None, Check]]:
    """Open a backup's file, and compare its checksum with its row's; it is read from its beginning afterwards.

    Args:
        folder: where it is.
        run: its row.
        reporter: is told how many bytes are read.

    Raises:
        BackupFailed: it can't be read for a reason that is not the file's.
        BackupInterrupted: reading broke off.
    """
    if not folder.is_there():
        raise BackupFailed(f"The backups folder {folder.path} is missing, so nothing can be tested.", code="no_folder")
    try:
        archive = folder.open(run.storage_key or "")
    except BadStorageKey as error:
        yield None, Check(name="archive_checksum", passed=False, expected=run.sha256, error=error.message)
        return
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ELOOP, errno.ENOTDIR}:
            raise BackupFailed(f"The file can't be read: {error.strerror}.", code="not_readable") from error
        yield (
            None,
            Check(name="archive_checksum", passed=False, expected=run.sha256, error="The backup's file is gone."),
        )
        return
    with archive:
        try:
            actual = _sha256(archive, run.size_bytes, reporter)
        except OSError as error:
            raise BackupInterrupted(f"The file can't be read: {error.strerror}.", code="not_readable") from error
        passed = run.sha256 is not None and actual == run.sha256.strip()
        yield (
            archive,
            Check(
                name="archive_checksum",
                passed=passed,
                expected=run.sha256,
                actual=actual,
                error=None if passed else "The file is not the one that was written: its checksum is another one.",
            ),
        )


def try_out(archive: BinaryIO, manifest: dict[str, Any], test_id: int, reporter: Reporter) -> Iterator[Check]:
    """Restore a dump into a scratch database and compare it with its manifest; one check after the other.

    Args:
        archive: whose checksum is right.
        manifest: as `backups.database.dump.write_dump` returned it.
        test_id: of the restore test.
        reporter: is told how many bytes are restored, then how many tables are compared.

    Raises:
        BackupFailed: it can't be tried out as things are.
        BackupInterrupted: it broke off.
    """
    known = manifest.get("format") in range(1, FORMAT + 1)
    if not known or not manifest.get("tables") or not manifest.keys() >= _NEEDED:
        raise BackupFailed(
            "This backup's manifest is none that this version of the console knows, so there is nothing to compare it "
            "with.",
            code="unknown_manifest",
        )
    encoding, locale = str(manifest["encoding"]), manifest["locale"]
    with scratch.database(test_id, encoding=encoding, locale=locale) as server:
        began = time.monotonic()
        error = _restore(archive, manifest, server, reporter)
        yield Check(
            name="restore",
            passed=error is None,
            expected="restores",
            actual="restored" if error is None else "stopped",
            error=error,
        )
        if error is not None:
            return
        yield Check(name="restore_seconds", passed=None, actual=round(time.monotonic() - began, 1))
        with server.connected(autocommit=True) as own:
            reporter.on_stop(own.cancel)
            try:
                found = contents.read(own, lambda done, total: reporter.progress(done, total, "tables"))
            except psycopg.errors.QueryCanceled:
                reporter.check()
                raise
        within = timedelta(hours=settings.BACKUP_MAX_AGE_HOURS)
        yield from comparison.compare(manifest, found, newest_within=within)
        yield _indexes(server, reporter)


def _restore(archive: BinaryIO, manifest: dict[str, Any], server: Server, reporter: Reporter) -> str | None:
    """Restore a dump; returns a sentence where the archive is at fault."""
    with server.connected(autocommit=True) as own:
        found = programs.find(max(own.info.server_version, _written_by(manifest)))
        options = server.options_of_children(own, synchronous_commit="off")
    # By its descriptor, so that it is the very file whose checksum was right; each of the jobs opens it anew.
    path = f"/dev/fd/{archive.fileno()}"
    command = [
        found.restore,
        "--exit-on-error",
        "--no-owner",
        "--no-privileges",
        # The server on which it is tried out need not have them.
        "--no-tablespaces",
        # It would have nothing to receive, and no database that has one can be dropped.
        "--no-subscriptions",
        "--no-password",
        f"--jobs={_JOBS}",
        f"--dbname={server.database}",
        path,
    ]
    environment = server.environment(PGOPTIONS=options)
    total = manifest.get("database_bytes")
    with child.running(command, environment, reporter, keep=[archive.fileno()], output=False) as pg_restore:
        while not pg_restore.ended_within(_LOOK_EVERY_SECONDS):
            done = scratch.size_bytes(server)
            reporter.progress(done, total if isinstance(total, int) and done < total else None, "bytes")
        reporter.check()
        code = pg_restore.process.returncode
        if code == 0:
            return None
        said = f"pg_restore {pg_restore.ending}: {pg_restore.last_words}"
        sentence = connections.with_pooler(said, pooled=False)
    if code < 0 or any(words in sentence for words in _BROKEN_OFF):
        raise BackupInterrupted(sentence, code="pg_restore_failed")
    if any(words in sentence for words in _NOT_THE_ARCHIVE) or _NO_ROLE.search(sentence):
        raise BackupFailed(sentence, code="pg_restore_failed")
    return sentence


def _written_by(manifest: dict[str, Any]) -> int:
    """Return the version of pg_dump, as `server_version_num` has it: an older pg_restore can't read its archives."""
    major = re.match(r"\d+", str(manifest.get("pg_dump_version")))
    return int(major[0]) * 10_000 if major else 0


def _indexes(server: Server, reporter: Reporter) -> Check:
    """Return whether every B-tree index is in order, as amcheck sees it."""
    with server.connected(autocommit=True) as own:
        reporter.on_stop(own.cancel)
        try:
            # What was backed up may have it already, wherever it likes.
            own.execute("CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA public")
        except psycopg.errors.QueryCanceled:
            reporter.check()
            raise
        except psycopg.Error as error:
            # The extension wasn't in the dump, so a failure to create it says nothing about the backup.
            return _not_looked_at(own, error)
        found = own.execute(
            "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
            " WHERE e.extname = 'amcheck'"
        ).fetchone()
        assert found is not None
        look = sql.Identifier(found[0], "bt_index_check")
        names = own.execute(
            """
            SELECT c.oid, n.nspname || '.' || c.relname
              FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
              JOIN pg_am a ON a.oid = c.relam
             WHERE a.amname = 'btree' AND c.relkind = 'i' AND i.indisvalid AND n.nspname !~ '^pg_'
             ORDER BY 2
            """
        ).fetchall()
        for number, (oid, name) in enumerate(names, start=1):
            try:
                own.execute(sql.SQL("SELECT {}({}::oid::regclass)").format(look, sql.Literal(oid)))
            except (psycopg.errors.IndexCorrupted, psycopg.errors.DataCorrupted) as error:
                return Check(
                    name="indexes",
                    passed=False,
                    expected=len(names),
                    actual=number - 1,
                    error=f"The index {name} is damaged: {connections.line_of(error)}",
                )
            except psycopg.errors.QueryCanceled:
                reporter.check()
                raise
            except psycopg.Error as error:
                # A user-defined operator class may fail outside its own application.
                return _not_looked_at(own, error)
            reporter.progress(number, len(names), "indexes")
    return Check(name="indexes", passed=True, expected=len(names), actual=len(names))


def _not_looked_at(own: psycopg.Connection[Any], error: psycopg.Error) -> Check:
    """Return the check of the indexes if amcheck can't be used.

    Args:
        own: the connection to the restored database.
        error: why amcheck can't be used.

    Raises:
        psycopg.Error: the connection is broken, so no other check is possible either.
    """
    if own.closed:
        raise error
    said = f"The indexes were not checked, because the extension amcheck failed: {connections.line_of(error)}"
    return Check(name="indexes", passed=None, error=said)


def _sha256(archive: BinaryIO, size_bytes: int | None, reporter: Reporter) -> str:
    found, done = hashlib.sha256(), 0
    while data := archive.read(_CHUNK_BYTES):
        found.update(data)
        done += len(data)
        reporter.progress(done, size_bytes if size_bytes and done <= size_bytes else None, "bytes")
    archive.seek(0)
    return found.hexdigest()
