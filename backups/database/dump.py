"""The database's dump: pg_dump reads a snapshot, and the manifest is computed under the same one beside it."""

import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import psycopg

from backups import connections
from backups.database import child, contents, programs
from backups.database.child import Child
from backups.database.servers import Server
from backups.errors import BackupFailed, BackupInterrupted
from backups.folder import Part
from backups.reporting import Reporter

# Format 1 had names without quotes, and partitions without the root of their tree.
FORMAT: Final = 2

_CHUNK_BYTES: Final = 1 << 20
_LOOK_EVERY_SECONDS: Final = 1.0
# How long pg_dump waits for a table that somebody alters; whoever comes after it waits as long.
_LOCK_WAIT: Final = "60s"


def write_dump(part: Part, reporter: Reporter, *, expected_bytes: int | None) -> dict[str, Any]:
    """Dump the database into a file, and return its manifest.

    Args:
        part: the file.
        reporter: is told how many bytes are written.
        expected_bytes: how many there will be, as far as that can be told.

    Raises:
        BackupFailed: it can't be done as things are.
        BackupInterrupted: it broke off.
    """
    server = Server.source()
    began = time.monotonic()
    # The first connection holds the snapshot for the whole dump, but no locks. The second reads under that snapshot.
    with server.connected() as own, server.connected(autocommit=True) as reader:
        found = programs.find(own.info.server_version)
        environment = server.environment(PGOPTIONS=server.options_of_children(reader))
        own.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        own.read_only = True
        about = _about(own)
        snapshot = about.pop("snapshot")
        lasts = contents.last_values(reader)
        compression = programs.compression(found, own.info.server_version)
        command = [
            found.dump,
            "--format=custom",
            # Before version 16 it takes a level only, and gzip is what it has.
            *([f"--compress={compression}"] if compression != "gzip" else []),
            f"--snapshot={snapshot}",
            f"--lock-wait-timeout={_LOCK_WAIT}",
            "--no-password",
        ]
        with connections.kept_alive(own), child.running(command, environment, reporter, output=True) as pg_dump:
            manifest = _ManifestThread(reader, pg_dump, lasts=lasts, snapshot=snapshot)
            reporter.on_stop(manifest.stop)
            manifest.start()
            try:
                _pump(pg_dump, part, reporter, expected_bytes)
                reporter.check()
                if not manifest.failed:
                    _check_ending(pg_dump)
                manifest.wait()
            except BaseException:
                pg_dump.kill()
                manifest.stop()
                manifest.wait()
                raise
            reporter.check()
            read = manifest.result()
            _check_ending(pg_dump)
    if not read.tables:
        raise BackupFailed(
            f"The database {server.database} has no tables, so there is nothing to back up; is its address right?",
            code="empty_database",
        )
    return {
        "format": FORMAT,
        **about,
        "pg_dump_version": found.version,
        "compression": compression,
        "seconds": round(time.monotonic() - began, 1),
        **read.as_json(),
    }


class _ManifestThread(threading.Thread):
    """Reads what the database holds while pg_dump reads it too."""

    def __init__(
        self, own: psycopg.Connection[Any], pg_dump: Child, *, lasts: dict[str, int | None], snapshot: str
    ) -> None:
        super().__init__(name="manifest", daemon=True)
        self._own = own
        self._pg_dump = pg_dump
        self._lasts = lasts
        self._snapshot = snapshot
        self._stopped = False
        self._read: contents.Contents | None = None
        self._problem: Exception | None = None

    def run(self) -> None:
        """Read the contents. If that fails, stop pg_dump: a dump without a manifest is useless."""
        try:
            with connections.problems():
                self._read = contents.read(self._own, self._tell, lasts=self._lasts, snapshot=self._snapshot)
        except Exception as error:  # noqa: BLE001 -- raised by whoever waits for it
            self._problem = error
            self._pg_dump.kill()

    def stop(self) -> None:
        """Have it end at once; what it has read is lost."""
        self._stopped = True
        with suppress(psycopg.Error):
            self._own.cancel()

    def wait(self) -> None:
        """Wait for its end."""
        while self.is_alive():
            self.join(_LOOK_EVERY_SECONDS)
            if self._stopped:
                # Between two statements there was nothing to cancel, and the next one may take hours.
                self.stop()

    @property
    def failed(self) -> bool:
        """Whether there will be none."""
        return self._problem is not None

    def result(self) -> contents.Contents:
        """Return what was read, or raise what kept it from being read."""
        if self._problem is not None:
            raise self._problem
        assert self._read is not None
        return self._read

    def _tell(self, _done: int, _total: int) -> None:
        if self._stopped:
            raise BackupInterrupted("Reading what the database holds was stopped.", code="stopped")


def _about(own: psycopg.Connection[Any]) -> dict[str, Any]:
    row = own.execute(
        "SELECT pg_export_snapshot(), current_setting('server_version'), pg_encoding_to_char(encoding), to_jsonb(d),"
        " pg_database_size(oid) FROM pg_database d WHERE datname = current_database()"
    ).fetchone()
    assert row is not None
    snapshot, version, encoding, known, size = row
    return {
        "snapshot": snapshot,
        "snapshot_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "server_version": version,
        "encoding": encoding,
        # Some of the columns came with later versions, or under another name.
        "locale": {
            "provider": known.get("datlocprovider") or "c",
            "collate": known["datcollate"],
            "ctype": known["datctype"],
            "locale": known.get("datlocale") or known.get("daticulocale"),
        },
        "database_bytes": size,
    }


def _pump(pg_dump: Child, part: Part, reporter: Reporter, expected_bytes: int | None) -> None:
    assert pg_dump.process.stdout is not None
    while data := pg_dump.process.stdout.read(_CHUNK_BYTES):
        part.write(data)
        # More than what was expected is no share of it.
        total = expected_bytes if expected_bytes and part.size_bytes < expected_bytes else None
        reporter.progress(part.size_bytes, total, "bytes")
    pg_dump.process.wait()


def _check_ending(pg_dump: Child) -> None:
    code = pg_dump.process.returncode
    if code == 0:
        return
    sentence = connections.with_pooler(f"pg_dump {pg_dump.ending}: {pg_dump.last_words}", pooled=False)
    if "permission denied" in sentence:
        raise BackupFailed(sentence, code="no_privilege")
    raise BackupInterrupted(sentence, code="pg_dump_failed")
