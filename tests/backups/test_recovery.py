"""The recovery guide of docs/backups.md, word for word: with nothing of the console's."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command

from backups.folder import BackupFolder
from backups.models import ATTACHMENTS, DATABASE, KINDS, BackupRun
from devserver.postgres import Postgres, find_programs
from tests.cast import make_conversation, make_identity, make_message
from tests.processes import PROJECT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

GUIDE = (PROJECT / "docs" / "backups.md").read_text("utf-8").split("## Setting it up")[0]
BLOCKS = dict(zip(KINDS, re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL), strict=True))
RESTORED = "core_recovered"


def follow(kind: str, folder: BackupFolder, postgres: Postgres) -> subprocess.CompletedProcess[str]:
    """Type what the guide says, for the backup that there is."""
    key = BackupRun.objects.get(kind=kind).storage_key
    assert key is not None
    script = re.sub(rf"{kind}-\d{{8}}T\d{{6}}Z-\d+\.(?:dump|tar\.zst)", Path(key).name, BLOCKS[kind])
    environment = {
        "PATH": f"{find_programs() / 'bin'}:{os.environ['PATH']}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(postgres.port),
        "PGUSER": "opsconsole",
        "PGPASSWORD": postgres.password,
    }
    script = re.sub(r"\bcore\b", RESTORED, script)
    return subprocess.run(
        ["sh", "-e"], input=script, env=environment, cwd=folder.path, capture_output=True, text=True, check=False
    )


def test_the_database_is_had_back(folder: BackupFolder, postgres: Postgres, settings: Any) -> None:
    settings.PG_BIN_DIR = str(find_programs() / "bin")
    message = make_message(make_conversation(make_identity("Ålice")))
    call_command("database_backup")
    try:
        done = follow(DATABASE, folder, postgres)
        assert (done.returncode, done.stderr) == (0, "")
        assert ".dump: OK" in done.stdout
        with psycopg.connect(postgres.url(RESTORED)) as connection:
            (names,) = connection.execute("SELECT array_agg(display_name) FROM public.identities").fetchone() or ([],)
            (ids,) = connection.execute("SELECT array_agg(id) FROM public.messages").fetchone() or ([],)
            migrated = connection.execute("SELECT count(*) > 10 FROM opsconsole.django_migrations").fetchone()
            open_to_all = "SELECT FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a"
            open_to_all += " WHERE d.datname = current_database() AND a.grantee = 0"
            assert connection.execute(open_to_all).fetchone() is None
        assert (names, ids, migrated) == (["Ålice"], [message.pk], (True,))
    finally:
        postgres.drop_database(RESTORED)


def test_a_damaged_dump_is_noticed_before_anything_is_restored(
    folder: BackupFolder, postgres: Postgres, settings: Any
) -> None:
    settings.PG_BIN_DIR = str(find_programs() / "bin")
    call_command("database_backup")
    path = folder.path / str(BackupRun.objects.get().storage_key)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    done = follow(DATABASE, folder, postgres)
    assert done.returncode != 0
    assert ".dump: FAILED" in done.stdout
    assert postgres.create_database(RESTORED)
    postgres.drop_database(RESTORED)


def test_the_attachments_are_had_back(folder: BackupFolder, attachments: Path, postgres: Postgres) -> None:
    (attachments / "year").mkdir()
    for name in ("a.png", "year/ö and a blank.png"):
        (attachments / name).write_bytes(name.encode() * 1_000)
    call_command("attachments_snapshot")
    done = follow(ATTACHMENTS, folder, postgres)
    assert (done.returncode, done.stderr) == (0, "")
    restored = folder.path / "attachments" / "restored" / "attachments"
    assert subprocess.run(["diff", "-r", attachments, restored], check=False).returncode == 0
