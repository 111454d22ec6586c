"""What a snapshot of the attachments holds, and what other programs make of it."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from backups.attachments.sums import IN_MEMORY_BYTES
from backups.models import ATTACHMENTS, BackupRun
from backups.reporting import Reporter
from tests.backups.attachment_cast import compared, contents, snapshot, unpacked
from tests.backups.cast import make_backup

ODD_NAMES = [
    b"plain.txt",
    b"line\nbreak.txt",
    b"back\\slash",
    b"back\\nslash",
    b"carriage\rreturn",
    b"two  blanks",
    b" blank first",
    b"latin-\xe9.txt",
    b"\xff\xfe\n\\",
    "schön-日本-🙂.pdf".encode(),
    b"-rf",
    b"*",
    b"n" * 255,
]


def write(path: Path | bytes, data: bytes = b"content") -> None:
    path = Path(os.fsdecode(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_every_file_is_archived_below_one_folder_with_its_content(attachments: Path, watcher: Reporter) -> None:
    write(attachments / "b.txt", b"bee")
    write(attachments / "a.txt", b"ay")
    write(attachments / "2026/11/c.bin", bytes(range(256)) * 5_000)
    archive, manifest = snapshot(attachments, watcher)
    found = contents(archive)
    sums = found.pop(b"SHA256SUMS")
    assert list(found) == [b"attachments/a.txt", b"attachments/b.txt", b"attachments/2026/11/c.bin"]
    assert found[b"attachments/2026/11/c.bin"] == bytes(range(256)) * 5_000
    assert sums.splitlines()[0].decode() == f"{hashlib.sha256(b'ay').hexdigest()}  attachments/a.txt"
    assert manifest.pop("seconds") >= 0
    assert manifest == {
        "format": 1,
        "files": 3,
        "bytes": 1_280_005,
        "sums_sha256": hashlib.sha256(sums).hexdigest(),
        "skipped_count": 0,
        "skipped": [],
        "changed_count": 0,
        "changed": [],
        "compression": "zstd",
    }


def test_tar_and_sha256sum_make_of_it_what_was_archived(attachments: Path, tmp_path: Path, watcher: Reporter) -> None:
    for name in ODD_NAMES:
        write(os.fsencode(attachments) + b"/deep \\\xe9/" + name, name * 3)
    write(attachments / "empty", b"")
    write(attachments / "large", os.urandom(5_000_000))
    archive, manifest = snapshot(attachments, watcher)
    (tmp_path / "a.tar.zst").write_bytes(archive)
    unpacked_to = tmp_path / "unpacked"
    unpacked_to.mkdir()
    subprocess.run(["tar", "--zstd", "-xf", tmp_path / "a.tar.zst", "-C", unpacked_to], check=True, capture_output=True)
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=unpacked_to, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, b"")
    assert checked.stdout.count(b": OK\n") == manifest["files"] == len(ODD_NAMES) + 2
    assert subprocess.run(["diff", "-r", attachments, unpacked_to / "attachments"], check=False).returncode == 0
    subprocess.run(["zstd", "--test", tmp_path / "a.tar.zst"], capture_output=True, check=True)
    listed = subprocess.run(["zstd", "-lv", tmp_path / "a.tar.zst"], capture_output=True, text=True, check=True)
    assert "XXH64" in listed.stdout


def test_the_list_is_what_sha256sum_writes_itself(attachments: Path, tmp_path: Path, watcher: Reporter) -> None:
    for name in ODD_NAMES:
        write(os.fsencode(attachments) + b"/" + name, name)
    archive, _manifest = snapshot(attachments, watcher)
    names = [b"attachments/" + name for name in sorted(ODD_NAMES)]
    written = subprocess.run([b"sha256sum", b"--", *names], cwd=tmp_path, capture_output=True, check=True)
    assert contents(archive)[b"SHA256SUMS"] == written.stdout


def test_names_of_any_bytes_are_compared_as_they_are(attachments: Path, watcher: Reporter) -> None:
    for name in ODD_NAMES:
        write(os.fsencode(attachments) + b"/" + name, name)
    archive, manifest = snapshot(attachments, watcher)
    checks, sampled, verified = compared(archive, manifest, watcher)
    assert [check.error for check in checks.values()] == [None, None, None]
    assert sampled == verified == len(ODD_NAMES)


def test_links_are_left_out_and_lead_nowhere(attachments: Path, tmp_path: Path, watcher: Reporter) -> None:
    write(tmp_path / "outside/secret", b"not an attachment")
    write(attachments / "inside", b"an attachment")
    (attachments / "link").symlink_to(tmp_path / "outside/secret")
    (attachments / "folder").symlink_to(tmp_path / "outside")
    (attachments / "loop").symlink_to(attachments)
    (attachments / "dangling").symlink_to("nothing")
    archive, manifest = snapshot(attachments, watcher)
    assert set(contents(archive)) == {b"attachments/inside", b"SHA256SUMS"}
    assert b"not an attachment" not in unpacked(archive)
    assert sorted(left["path"] for left in manifest["skipped"]) == ["dangling", "folder", "link", "loop"]
    assert {left["reason"] for left in manifest["skipped"]} == {"It is a link, and links are not followed."}
    assert manifest["skipped_count"] == 4


def test_pipes_and_sockets_are_left_out_and_hold_nothing_up(attachments: Path, watcher: Reporter) -> None:
    os.mkfifo(attachments / "pipe")
    os.mknod(attachments / "socket", 0o140600)
    write(attachments / "file")
    archive, manifest = snapshot(attachments, watcher)
    assert set(contents(archive)) == {b"attachments/file", b"SHA256SUMS"}
    assert [left["path"] for left in manifest["skipped"]] == ["pipe", "socket"]


def test_hard_links_are_archived_each_with_its_content(attachments: Path, watcher: Reporter) -> None:
    write(attachments / "one", b"the same")
    os.link(attachments / "one", attachments / "two")
    archive, manifest = snapshot(attachments, watcher)
    found = contents(archive)
    assert found[b"attachments/one"] == found[b"attachments/two"] == b"the same"
    assert (manifest["files"], manifest["bytes"]) == (2, 16)


def test_an_empty_folder_is_a_snapshot_of_no_files(attachments: Path, watcher: Reporter) -> None:
    (attachments / "empty/too").mkdir(parents=True)
    archive, manifest = snapshot(attachments, watcher)
    assert contents(archive) == {b"SHA256SUMS": b""}
    assert (manifest["files"], manifest["bytes"], manifest["skipped_count"]) == (0, 0, 0)
    checks, sampled, verified = compared(archive, manifest, watcher)
    assert all(check.passed for check in checks.values())
    assert (sampled, verified) == (0, 0)


def test_empty_files_are_files(attachments: Path, watcher: Reporter) -> None:
    for number in range(3):
        write(attachments / f"{number}", b"")
    archive, manifest = snapshot(attachments, watcher)
    assert (manifest["files"], manifest["bytes"]) == (3, 0)
    checks, _sampled, verified = compared(archive, manifest, watcher)
    assert all(check.passed for check in checks.values())
    assert verified == 3


@pytest.mark.slow
def test_folders_as_deep_as_paths_are_long_are_entered(attachments: Path, watcher: Reporter) -> None:
    """Deeper than a program may open by its path, and than there are descriptors."""
    folder = os.open(attachments, os.O_RDONLY)
    for _level in range(1_400):
        os.mkdir("ab", dir_fd=folder)
        below = os.open("ab", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    with os.fdopen(os.open("deepest", os.O_WRONLY | os.O_CREAT, dir_fd=folder), "wb") as file:
        file.write(b"here")
    os.close(folder)
    archive, manifest = snapshot(attachments, watcher)
    # Deeper than Python removes folders, which is how the tests' own are removed.
    subprocess.run(["rm", "-r", attachments / "ab"], check=True)
    name = b"attachments/" + b"ab/" * 1_400 + b"deepest"
    assert contents(archive)[name] == b"here"
    assert compared(archive, manifest, watcher)[1:] == (1, 1)


def test_a_path_that_is_too_long_is_left_out_and_its_name_is_cut(attachments: Path, watcher: Reporter) -> None:
    write(attachments / "file")
    folder = os.open(attachments, os.O_RDONLY)
    for _level in range(40):
        os.mkdir("é" * 120, dir_fd=folder)
        below = os.open("é" * 120, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    _archive, manifest = snapshot(attachments, watcher)
    assert [left["reason"] for left in manifest["skipped"]] == ["Its path is too long."]
    assert len(manifest["skipped"][0]["path"]) == 300


@pytest.mark.slow
def test_twenty_thousand_files_are_archived_and_told_of(attachments: Path, watcher: Reporter) -> None:
    for number in range(20_000):
        if number % 500 == 0:
            (attachments / f"{number // 500:02}").mkdir()
        (attachments / f"{number // 500:02}/{number:05}-{'x' * 150}").write_bytes(b"%d" % number)
    archive, manifest = snapshot(attachments, watcher)
    assert manifest["files"] == 20_000
    assert watcher.told[-1] == (20_000, 20_000, "files")  # type: ignore[attr-defined]
    assert watcher.told[1] == (100, None, "files")  # type: ignore[attr-defined]
    sums = contents(archive)[b"SHA256SUMS"]
    # So many that the list has left the memory.
    assert len(sums) > IN_MEMORY_BYTES
    checks, sampled, verified = compared(archive, manifest, watcher)
    assert [check.error for check in checks.values()] == [None, None, None]
    assert sampled == verified == 20_000


def test_of_what_is_left_out_a_hundred_are_named_and_all_are_counted(attachments: Path, watcher: Reporter) -> None:
    for number in range(250):
        (attachments / f"{number:03}").symlink_to("nowhere")
    _archive, manifest = snapshot(attachments, watcher)
    assert manifest["skipped_count"] == 250
    assert len(manifest["skipped"]) == 100


def test_the_manifest_is_text_that_json_and_postgresql_take(attachments: Path, watcher: Reporter) -> None:
    (attachments / os.fsdecode(b"\xff\x01" + b"\xe9" * 100)).symlink_to("x")
    _archive, manifest = snapshot(attachments, watcher)
    assert manifest["skipped"][0]["path"].startswith("\\xff\x01\\xe9")
    assert json.loads(json.dumps(manifest).encode()) == manifest
    manifest["skipped"][0]["path"].encode()


def test_owners_and_permissions_are_not_kept_but_times_are(attachments: Path, watcher: Reporter) -> None:
    write(attachments / "old")
    (attachments / "old").chmod(0o4755)
    os.utime(attachments / "old", (1, 1_000_000_000.75))
    write(attachments / "before 1970")
    os.utime(attachments / "before 1970", (1, -5))
    archive, _manifest = snapshot(attachments, watcher)
    found = {}
    with tarfile.open(fileobj=io.BytesIO(unpacked(archive))) as tar:
        for member in tar:
            found[member.name] = (member.mtime, member.mode, member.uid, member.gid, member.uname)
    assert found["attachments/old"] == (1_000_000_000, 0o600, 0, 0, "")
    assert found["attachments/before 1970"][0] == -5


@pytest.mark.django_db
def test_the_row_takes_a_manifest_with_names_of_any_bytes(attachments: Path, watcher: Reporter) -> None:
    for name in (*ODD_NAMES, b"\x01\x7f", b"\xed\xa0\x80"):
        (attachments / os.fsdecode(b"link to " + name[:200])).symlink_to("nowhere")
    _archive, manifest = snapshot(attachments, watcher)
    run = make_backup(ATTACHMENTS, manifest_json=manifest)
    assert BackupRun.objects.get(pk=run.pk).manifest_json == manifest
