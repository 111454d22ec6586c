"""The guards of backups: that nothing is kept which isn't whole, and that nothing passes which wasn't compared."""

from typing import Final

from tests.mutations.guard import Edit, Guard

_DATABASE: Final = "tests/backups/test_database.py::"
_COMPARED: Final = "tests/backups/test_attachments_compared.py::"
_TROUBLE: Final = "tests/backups/test_attachments_trouble.py::"
_CLEANING: Final = "tests/backups/test_cleaning.py::"
_RETENTION: Final = "tests/backups/test_retention.py::"

BACKUPS: Final = (
    Guard(
        name="checksum before opening",
        keeps="Nothing opens a backup's file whose checksum isn't its row's.",
        edits=(
            Edit(
                "backups/database/restore.py",
                "passed = run.sha256 is not None and actual == run.sha256.strip()",
                "passed = True",
            ),
        ),
        tests=(_DATABASE + "test_one_flipped_byte_is_seen_by_the_checksum_before_anything_opens_the_file",),
    ),
    Guard(
        name="contents of the rows",
        keeps="What was restored is compared row by row, not by number alone.",
        edits=(
            Edit(
                "backups/database/comparison.py",
                "now[name][1] != content",
                "name not in now",
            ),
        ),
        tests=(
            _DATABASE + "test_rows_that_differ_from_the_manifest_are_seen_although_the_checksum_is_right",
            "tests/backups/test_comparison.py::test_each_difference_is_seen",
        ),
    ),
    Guard(
        name="short writes",
        keeps="A write of which the disk has taken a part only goes on, or the backup fails.",
        edits=(
            Edit(
                "backups/folder.py",
                "rest = rest[self._file.write(rest) :]",
                "rest = rest[self._file.write(rest) * 0 + len(rest) :]",
            ),
        ),
        tests=(_DATABASE + "test_a_disk_that_is_full_leaves_no_file",),
    ),
    Guard(
        name="names of files",
        keeps="Whatever a row says, only a name that the console makes is opened or deleted.",
        edits=(
            Edit(
                "backups/folder.py",
                "len(storage_key) > _MAX_KEY or not _KEY.fullmatch(storage_key)",
                "len(storage_key) > _MAX_KEY",
            ),
        ),
        tests=(_DATABASE + "test_a_row_that_was_edited_to_name_another_file_is_refused_and_nothing_is_read",),
    ),
    Guard(
        name="one of a kind",
        keeps="Two backups of one kind are never made at once.",
        edits=(
            Edit("backups/locks.py", '"SELECT pg_advisory_xact_lock(%s, %s)"', '"SELECT %s::integer, %s::integer"'),
        ),
        tests=(_DATABASE + "test_of_two_backups_at_once_one_is_refused_and_leaves_no_row",),
    ),
    Guard(
        name="dead rows only",
        keeps="A row is ended as lost only while nobody holds its kind's lock.",
        edits=(
            Edit(
                "backups/cleaning.py",
                "        if not locks.is_free(kind):\n            return 0\n",
                "        locks.is_free(kind)\n",
            ),
        ),
        tests=(_CLEANING + "test_whoever_is_at_it_is_left_alone",),
    ),
    Guard(
        name="the last verified backup",
        keeps="Retention never deletes the last backup that passed a restore test.",
        edits=(
            Edit("backups/retention.py", "        spared.add(last_verified)", "        spared.discard(last_verified)"),
        ),
        tests=(_RETENTION + "test_the_last_one_that_passed_a_restore_test_stays",),
    ),
    Guard(
        name="checksums of the attachments archive",
        keeps="A flipped bit of an attachments archive is noticed wherever it is.",
        edits=(Edit("backups/attachments/tar.py", "write_checksum=True", "write_checksum=False"),),
        tests=(_COMPARED + "test_a_flipped_bit_is_noticed_wherever_it_is",),
    ),
    Guard(
        name="links out of the attachments",
        keeps="No link among the attachments is followed, also not one that was a file a moment ago.",
        edits=(
            Edit(
                "backups/attachments/tree.py",
                "_FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK",
                "_FILE_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK",
            ),
        ),
        tests=(_TROUBLE + "test_a_file_and_a_folder_that_became_links_meanwhile_are_not_followed",),
    ),
)
