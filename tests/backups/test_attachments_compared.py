"""What a comparison of an attachments archive notices: anything that is not as it was written."""

import errno
import io
import os
import resource
import tarfile
from pathlib import Path
from random import Random
from typing import Any

import pytest
import zstandard

from backups.attachments.comparison import compare
from backups.attachments.sample import Sample
from backups.errors import BackupFailed, BackupInterrupted
from backups.reporting import Reporter
from tests.backups.attachment_cast import compared, crafted, failed, packed, snapshot, unpacked


@pytest.fixture
def archived(attachments: Path, watcher: Reporter) -> tuple[bytes, dict[str, Any]]:
    """An archive of forty files of several kinds, and its manifest."""
    random = Random(4)
    for number in range(40):
        size = random.choice([0, 1, 511, 512, 513, 3_000])
        content = random.randbytes(size) if number % 2 else b"a" * size
        (attachments / f"{number:02}-{'é' * (number % 3)}").write_bytes(content)
    return snapshot(attachments, watcher)


def test_an_archive_as_it_was_written_passes(archived: tuple[bytes, dict[str, Any]], watcher: Reporter) -> None:
    checks, sampled, verified = compared(*archived, watcher)
    assert list(checks) == ["archive_readable", "attachments_present", "attachments_content"]
    assert [check.passed for check in checks.values()] == [True, True, True]
    assert (checks["attachments_present"].expected, checks["attachments_present"].actual) == (40, 40)
    assert (checks["attachments_content"].expected, checks["attachments_content"].actual) == (40, 40)
    assert (sampled, verified) == (40, 40)
    assert watcher.told[-1] == (40, 40, "files")  # type: ignore[attr-defined]


def test_a_flipped_bit_is_noticed_wherever_it_is(archived: tuple[bytes, dict[str, Any]], watcher: Reporter) -> None:
    """With a sample too: the checksum of the compression covers what is not hashed."""
    archive, manifest = archived
    random = Random(8)
    # The last bytes are the checksum, and the first ones say that there is one.
    positions = {*range(12), *range(len(archive) - 12, len(archive)), *random.sample(range(len(archive)), 150)}
    unnoticed = []
    for position in sorted(positions):
        damaged = bytearray(archive)
        damaged[position] ^= 1 << random.randrange(8)
        problems = failed(bytes(damaged), manifest, watcher, sample=random.choice([None, 1]))
        # A few bits mean nothing, such as how much memory is needed at the most: then all is there as it was written.
        if not problems and unpacked(bytes(damaged)) != unpacked(archive):
            unnoticed.append(position)
    assert unnoticed == []


def test_an_archive_that_was_cut_is_noticed_wherever_it_was(
    archived: tuple[bytes, dict[str, Any]], watcher: Reporter
) -> None:
    archive, manifest = archived
    for length in {*range(10), *range(10, len(archive), 701), *range(len(archive) - 20, len(archive))}:
        problems = failed(archive[:length], manifest, watcher, sample=5)
        assert problems["archive_readable"] == "The archive breaks off."
        assert set(problems) == {"archive_readable", "attachments_present", "attachments_content"}


def test_a_tar_that_was_cut_before_it_was_compressed_is_noticed(
    archived: tuple[bytes, dict[str, Any]], watcher: Reporter
) -> None:
    archive, manifest = archived
    tar = unpacked(archive)
    for length in range(0, len(tar) - 512, 512):
        assert "archive_readable" in failed(packed(tar[:length]), manifest, watcher)


@pytest.mark.parametrize("appended", [b"\0", b"x", b"\0" * 100_000, b"\x28\xb5\x2f\xfd"])
def test_what_follows_an_archive_is_noticed(
    appended: bytes, archived: tuple[bytes, dict[str, Any]], watcher: Reporter
) -> None:
    archive, manifest = archived
    problems = failed(archive + appended, manifest, watcher)
    assert problems["archive_readable"] == "The archive is followed by something else in its file."
    assert failed(archive + archive, manifest, watcher)["archive_readable"]


def test_what_follows_an_archive_is_noticed_wherever_the_archive_ends(watcher: Reporter) -> None:
    """Also where what is decompressed at one time ends with the archive."""
    content = Random(3).randbytes(3_000)
    for size in range(len(content)):
        archive, manifest = crafted(("attachments/a", content[:size]))
        if len(archive) % 2_048 == 0:
            break
    assert len(archive) % 2_048 == 0
    assert failed(archive, manifest, watcher) == {}
    assert "archive_readable" in failed(archive + b"x", manifest, watcher)


def test_what_follows_the_end_of_the_tar_is_noticed(archived: tuple[bytes, dict[str, Any]], watcher: Reporter) -> None:
    archive, manifest = archived
    assert not failed(packed(unpacked(archive) + bytes(9_216)), manifest, watcher)
    problems = failed(packed(unpacked(archive) + bytes(9_216) + b"x"), manifest, watcher)
    assert problems["archive_readable"] == "The archive goes on after its end."


@pytest.mark.parametrize("archive", [b"", b"not an archive at all", b"\0" * 5_000, packed(b""), packed(b"x" * 512)])
def test_what_is_no_archive_does_not_pass(archive: bytes, watcher: Reporter) -> None:
    _archive, manifest = crafted()
    problems = failed(archive, manifest, watcher)
    assert set(problems) == {"archive_readable", "attachments_present", "attachments_content"}


def test_another_backups_archive_does_not_pass(
    archived: tuple[bytes, dict[str, Any]], attachments: Path, watcher: Reporter
) -> None:
    """Whole in itself, with as many files of the same names and sizes."""
    _archive, manifest = archived
    altered = next(path for path in sorted(attachments.iterdir())[1:] if path.stat().st_size == 513)
    altered.write_bytes(bytes(513))
    other, _other = snapshot(attachments, watcher)
    problems = failed(other, manifest, watcher, sample=1)
    assert problems == {
        "attachments_content": "The archive's list of checksums is not the one that was written.",
    }


def test_a_missing_file_and_one_too_many_are_noticed(attachments: Path, watcher: Reporter) -> None:
    (attachments / "one").write_bytes(b"1")
    (attachments / "two").write_bytes(b"2")
    archive, manifest = snapshot(attachments, watcher)
    fewer, _manifest = crafted(("attachments/one", b"1"))
    assert failed(fewer, manifest, watcher)["attachments_present"] == "The archive holds 1 attachment; 2 were archived."
    more, _manifest = crafted(*((f"attachments/{name}", b"1") for name in ("one", "two", "three")))
    assert "attachments_present" in failed(more, manifest, watcher)
    assert failed(archive, manifest, watcher) == {}


def test_a_file_that_is_not_in_the_list_is_noticed_though_the_numbers_agree(
    attachments: Path, watcher: Reporter
) -> None:
    for name in ("a", "b", "c"):
        (attachments / name).write_bytes(b"same")
    archive, manifest = snapshot(attachments, watcher)
    renamed = unpacked(archive).replace(b"attachments/c" + b"\0" * 87, b"attachments/d" + b"\0" * 87)
    header = renamed.index(b"attachments/d\0")
    block = bytearray(renamed[header : header + 512])
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + 8 * 32 + sum(block[156:]))
    renamed = renamed[:header] + bytes(block) + renamed[header + 512 :]
    problems = failed(packed(renamed), manifest, watcher, sample=1)
    assert problems["attachments_present"] == "The archive holds other attachments than its list of checksums says."


def test_content_that_was_altered_with_its_archive_made_anew_is_noticed(attachments: Path, watcher: Reporter) -> None:
    (attachments / "invoice").write_bytes(b"one hundred")
    archive, manifest = snapshot(attachments, watcher)
    forged = packed(unpacked(archive).replace(b"one hundred", b"two hundred"))
    assert failed(forged, manifest, watcher) == {
        "attachments_content": "attachments/invoice is not what was archived.",
    }


def member(name: str, kind: bytes = tarfile.REGTYPE, **values: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in values.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (member("attachments/../../etc/passwd"), "attachments/../../etc/passwd"),
        (member("../attachments/x"), "../attachments/x"),
        (member("/etc/passwd"), "/etc/passwd"),
        (member("attachments//etc/passwd"), "attachments//etc/passwd"),
        (member("attachments/./x"), "attachments/./x"),
        (member("elsewhere/x"), "elsewhere/x"),
        (member("attachments"), "attachments"),
        (member("attachments/" + "x" * 9_000), "attachments/xxx"),
        (member("attachments/a", tarfile.SYMTYPE, linkname="/etc/passwd"), "attachments/a, which is no regular file"),
        (member("attachments/a", tarfile.LNKTYPE, linkname="attachments/b"), "attachments/a, which is no regular file"),
        (member("attachments/a", tarfile.DIRTYPE), "attachments/a, which is no regular file"),
        (member("attachments/a", tarfile.CHRTYPE, devmajor=1, devminor=3), "attachments/a, which is no regular file"),
        (member("attachments/a", tarfile.BLKTYPE, devmajor=8), "attachments/a, which is no regular file"),
        (member("attachments/a", tarfile.FIFOTYPE), "attachments/a, which is no regular file"),
        (member("attachments/a", tarfile.CONTTYPE), "attachments/a, which is no regular file"),
        (member("attachments/a", tarfile.GNUTYPE_SPARSE), "attachments/a, which is no regular file"),
    ],
)
def test_a_member_that_the_console_never_writes_is_named(bad: tarfile.TarInfo, named: str, watcher: Reporter) -> None:
    archive, manifest = crafted(("attachments/good", b"good"), bad)
    problems = failed(archive, manifest, watcher)
    assert named in (problems["archive_readable"] or "")
    assert "attachments_present" in problems


def test_a_name_with_a_nul_and_numbers_that_are_none_are_noticed(watcher: Reporter) -> None:
    for headers in (
        {"path": "attachments/a\0b"},
        {"size": "-1"},
        {"size": "9" * 30},
        {"size": "1x"},
        {"size": ""},
    ):
        archive, manifest = crafted(member("attachments/a", pax_headers=headers))
        assert "archive_readable" in failed(archive, manifest, watcher)


def test_headers_of_another_kind_of_tar_are_no_archive_of_the_consoles(watcher: Reporter) -> None:
    archive, manifest = crafted(("attachments/" + "x" * 300, b""), tar_format=tarfile.GNU_FORMAT)
    assert "archive_readable" in failed(archive, manifest, watcher)


def test_an_extended_header_that_claims_to_be_huge_is_refused_before_it_is_read(watcher: Reporter) -> None:
    header = member("x", tarfile.XHDTYPE, size=4 * 2**30).tobuf(tarfile.USTAR_FORMAT)
    _archive, manifest = crafted()
    assert failed(packed(header), manifest, watcher)["archive_readable"] == (
        "The archive has a header that is too long."
    )


@pytest.mark.slow
def test_an_archive_that_unpacks_to_gigabytes_stays_out_of_memory(watcher: Reporter) -> None:
    compressor = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    size = 2**30
    pieces = [compressor.compress(member("attachments/bomb", size=size).tobuf(tarfile.PAX_FORMAT))]
    zeros = bytes(2**20)
    pieces += [compressor.compress(zeros) for _mebibyte in range(size // 2**20)]
    pieces += [compressor.compress(bytes(1_024)), compressor.flush()]
    _archive, manifest = crafted()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    problems = failed(b"".join(pieces), manifest, watcher)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert problems["archive_readable"] == "The archive ends before its list of checksums."
    assert grown < 200_000  # KiB


def test_a_window_that_would_need_much_memory_is_refused(watcher: Reporter) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_checksum=1)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    archive = compressor.compress(b"x" * 100) + compressor.flush()
    _archive, manifest = crafted()
    assert "can't be decompressed" in (failed(archive, manifest, watcher)["archive_readable"] or "")


def test_a_list_of_checksums_without_lines_is_refused(watcher: Reporter) -> None:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as writer:
        writer.addfile(member("SHA256SUMS", size=1_000_000), io.BytesIO(b"x" * 1_000_000))
    _archive, manifest = crafted()
    assert failed(packed(tar.getvalue()), manifest, watcher)["archive_readable"] == (
        "The archive has a list of checksums with a line that is too long."
    )


def test_tests_that_follow_one_another_compare_all_files_in_turn(
    archived: tuple[bytes, dict[str, Any]], watcher: Reporter
) -> None:
    archive, manifest = archived
    heaps = Sample(files=40, size=8, seed=0).heaps
    compared_files = [compared(archive, manifest, watcher, sample=8, seed=seed)[1] for seed in range(heaps)]
    # The first file is in every one.
    assert sum(compared_files) == 40 + heaps - 1
    assert max(compared_files) < 25


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_all_files_have_their_turn_where_only_some_tests_are_of_attachments(stride: int) -> None:
    names = [b"attachments/%d" % number for number in range(1_000)]
    heaps = Sample(files=1_000, size=50, seed=0).heaps
    samples = [Sample(files=1_000, size=50, seed=number * stride) for number in range(heaps)]
    turns = [sum(sample.has(name) for sample in samples) for name in names]
    assert turns == [1] * 1_000
    assert 20 < sum(samples[0].has(name) for name in names) < 90


def test_a_sample_is_never_of_nothing(archived: tuple[bytes, dict[str, Any]], watcher: Reporter) -> None:
    for seed in range(50):
        for size in (-1, 0, 1):
            _checks, sampled, verified = compared(*archived, watcher, sample=size, seed=seed)
            assert sampled == verified >= 1


def test_an_altered_file_is_found_by_the_test_whose_turn_it_is(attachments: Path, watcher: Reporter) -> None:
    for number in range(30):
        (attachments / f"{number:02}").write_bytes(b"number %02d" % number)
    archive, manifest = snapshot(attachments, watcher)
    forged = packed(unpacked(archive).replace(b"number 17", b"number 71"))
    heaps = Sample(files=30, size=6, seed=0).heaps
    found = [failed(forged, manifest, watcher, sample=6, seed=seed) for seed in range(heaps)]
    assert [problems for problems in found if problems] == [
        {"attachments_content": "attachments/17 is not what was archived."}
    ]


class Unreadable(io.BytesIO):
    """A file on a disk that gives up after a while."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(10)


def test_a_disk_that_cant_be_read_is_no_verdict_on_the_archive(
    archived: tuple[bytes, dict[str, Any]], watcher: Reporter
) -> None:
    archive, manifest = archived
    with pytest.raises(BackupInterrupted, match="The archive can't be read: Input/output error"):
        compare(Unreadable(archive), manifest, sample=None, seed=1, reporter=watcher)


@pytest.mark.parametrize(
    "manifest", [{"format": 1}, {"format": 2, "files": 0, "bytes": 0, "sums_sha256": ""}, {"format": 1, "files": "1"}]
)
def test_a_manifest_of_another_kind_is_not_guessed_at(manifest: dict[str, Any], watcher: Reporter) -> None:
    archive, _manifest = crafted()
    with pytest.raises(BackupFailed, match="none that this version of the console knows"):
        compared(archive, manifest, watcher)
