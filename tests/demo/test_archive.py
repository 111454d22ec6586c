"""The providers' archive: the same for everyone who asks, and made only once."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo.archive import Archive, write_archive
from demo.cast import MEMBERS, Behaviour

BEGUN = datetime(2025, 3, 30, tzinfo=UTC)


@pytest.mark.slow
def test_the_archive_is_the_same_in_two_folders_and_written_once(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert write_archive(first, begun=BEGUN) == write_archive(second, begun=BEGUN)
    names = sorted(path.relative_to(first) for path in first.rglob("*.json"))
    assert names
    assert names == sorted(path.relative_to(second) for path in second.rglob("*.json"))
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in names)

    written = {name: (first / name).stat().st_mtime_ns for name in names}
    write_archive(first, begun=BEGUN + timedelta(days=3))
    assert written == {name: (first / name).stat().st_mtime_ns for name in names}


def test_pages_are_full_newest_first_and_no_message_comes_twice(tmp_path: Path) -> None:
    archive = Archive(tmp_path, begun=BEGUN)
    seen: set[tuple[str, str]] = set()
    for member in MEMBERS:
        profile = archive.profile(member.provider_id, member.external_username)
        assert (profile.behaviour, profile.pages) == (member.behaviour, member.pages)
        moments = []
        for number in range(1, profile.pages + 1):
            page = archive.page(member.provider_id, member.external_username, number)
            names = {each["username"] for each in page["accounts"]}
            conversations = {each["id"]: each["counterpart"] for each in page["conversations"]}
            assert set(conversations.values()) == names
            for message in page["messages"]:
                assert message["conversation"] in conversations
                moments.append(message["sent_at"])
                seen.add((member.provider_id, message["id"]))
        assert len(moments) == profile.messages == 25 * profile.pages
        assert moments == sorted(moments, reverse=True)
        assert moments[0] < BEGUN.isoformat()
    assert len(seen) == 25 * sum(member.pages for member in MEMBERS)


def test_of_two_that_write_an_archive_at_once_both_find_it_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def rename_too_late(draft: Path, folder: Path) -> Path:
        monkeypatch.undo()
        Archive(tmp_path).profile("elsewhere", "someone")
        return rename(draft, folder)

    monkeypatch.setattr(Path, "rename", rename_too_late)
    archive = Archive(tmp_path)
    assert archive.page("elsewhere", "someone", archive.profile("elsewhere", "someone").pages)["messages"]
    assert not list(tmp_path.glob(".draft-*"))


def test_an_identity_that_the_demo_does_not_know_has_an_archive_too(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    for username in ("someone", "../../etc/passwd", "..", "", "é" * 200):
        profile = archive.profile("elsewhere", username)
        assert profile.behaviour is Behaviour.HEALTHY
        assert 20 <= profile.pages <= 80
        assert archive.page("elsewhere", username, profile.pages)["messages"]
    assert {path.name.rpartition("-")[0] for path in tmp_path.iterdir() if path.is_dir()} == {"elsewhere"}


def test_a_behaviour_can_be_chosen_by_writing_it_into_the_profile(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.profile("reddit", "someone")
    [path] = tmp_path.rglob("profile.json")
    path.write_text(json.dumps({"behaviour": "slow", "pages": 2, "messages": 50}))
    assert Archive(tmp_path).profile("reddit", "someone").behaviour is Behaviour.SLOW
    path.write_text(json.dumps({"behaviour": "asleep", "pages": 2, "messages": 50}))
    with pytest.raises(ValueError, match="asleep"):
        archive.profile("reddit", "someone")


def test_attempts_are_counted_for_each_identity_and_task(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    assert [archive.count_attempt("reddit", "a", "backfill") for _ in range(3)] == [1, 2, 3]
    assert archive.count_attempt("reddit", "a", "sync") == 1
    assert archive.count_attempt("reddit", "b", "backfill") == 1
    assert Archive(tmp_path).count_attempt("reddit", "a", "backfill") == 4


def test_what_came_in_lately_is_recent_and_the_same_message_when_asked_again(tmp_path: Path) -> None:
    archive = Archive(tmp_path, begun=BEGUN)
    now = BEGUN + timedelta(hours=9)
    messages = archive.recent("reddit", "quietharbor_", now=now)["messages"]
    assert messages
    assert all(
        now - timedelta(hours=2, minutes=10) < datetime.fromisoformat(each["sent_at"]) <= now for each in messages
    )
    later = archive.recent("reddit", "quietharbor_", now=now + timedelta(minutes=30))["messages"]
    kept = [each for each in messages if datetime.fromisoformat(each["sent_at"]) >= now - timedelta(minutes=80)]
    assert [each for each in later if each in messages] == kept


def test_an_attachment_is_new_only_once(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    assert archive.keep_attachment(6)
    assert not archive.keep_attachment(6)


def test_an_attachment_is_a_picture_that_is_always_the_same(tmp_path: Path) -> None:
    archives = [Archive(tmp_path / name) for name in ("one", "two")]
    for archive in archives:
        archive.keep_attachment(6)
        archive.keep_attachment(12)
    first, second = ([path.read_bytes() for path in sorted(each.attachments.iterdir())] for each in archives)
    assert first == second
    assert first[0] != first[1]
    assert all(data.startswith(b"\x89PNG\r\n\x1a\n") and 1_000 < len(data) < 10_000 for data in first)
    assert not list(archives[0].attachments.parent.glob(".draft-*"))


@pytest.mark.slow
def test_the_archive_begins_with_some_hundred_attachments(tmp_path: Path) -> None:
    write_archive(tmp_path, begun=BEGUN)
    found = sorted(Archive(tmp_path).attachments.iterdir())
    assert 300 < len(found) < 500
    assert not Archive(tmp_path).keep_attachment(6)
