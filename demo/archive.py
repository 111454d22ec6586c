"""What the providers hold of each identity and the core hasn't fetched yet: pages of messages in files.

An identity's folder has a `profile.json` (how the provider behaves, how many pages there are) and its
pages, newest first. Folders are made when they are first read, also for identities that the demo doesn't
know; the command makes those of the demo's cast at once:

    python -m demo.archive --folder FOLDER

The content depends on the identity and on the day on which the archive was begun, on nothing else. Other
behaviours can be had by writing another `behaviour` into a profile.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path

from demo.archive_pages import Page, compose_pages, compose_recent
from demo.cast import MEMBERS, Behaviour
from demo.pictures import picture

_FEWEST_PAGES = 20
_MOST_PAGES = 80
_LAST_WITH_PICTURE = 2_400


@dataclass(frozen=True, slots=True)
class Profile:
    """How the provider treats an identity, and how much there is to read."""

    behaviour: Behaviour
    pages: int
    messages: int


class Archive:
    """The archive in one folder; any number of processes may use it at once."""

    def __init__(self, folder: Path, *, begun: datetime | None = None) -> None:
        """Open the archive, or begin one.

        Args:
            folder: Made when it doesn't exist.
            begun: The newest message is a little older than this; an archive that exists keeps its own.
                Default: last midnight UTC.
        """
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        start = begun or datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self._begun = datetime.fromisoformat(_write_once(folder / "begun", start.isoformat()))

    @property
    def attachments(self) -> Path:
        """The folder of what the core has downloaded."""
        return self._folder / "attachments"

    def profile(self, provider_id: str, username: str) -> Profile:
        """Say how the provider treats an identity.

        Args:
            provider_id: The provider.
            username: The identity's name there.

        Returns:
            Its profile.

        Raises:
            ValueError: Someone wrote an unknown behaviour into it.
        """
        data = json.loads((self._identity_folder(provider_id, username) / "profile.json").read_text("utf-8"))
        return Profile(Behaviour(data["behaviour"]), int(data["pages"]), int(data["messages"]))

    def page(self, provider_id: str, username: str, number: int) -> Page:
        """Read one page.

        Args:
            provider_id: The provider.
            username: The identity's name there.
            number: 1 is the newest.

        Returns:
            Accounts, conversations and messages.

        Raises:
            FileNotFoundError: There is no such page.
        """
        path = self._identity_folder(provider_id, username) / f"page-{number:03}.json"
        page: Page = json.loads(path.read_text("utf-8"))
        return page

    def recent(self, provider_id: str, username: str, *, now: datetime) -> Page:
        """Say what has come in during the last two hours, so that a sync finds something now and then.

        Args:
            provider_id: The provider.
            username: The identity's name there.
            now: The end of the two hours.

        Returns:
            A page with few messages or none, in conversations of the newest page.
        """
        return compose_recent(provider_id, username, self.page(provider_id, username, 1), now=now)

    def count_attempt(self, provider_id: str, username: str, task: str) -> int:
        """Count one more attempt of a task for an identity.

        Args:
            provider_id: The provider.
            username: The identity's name there.
            task: The task's name.

        Returns:
            1 for the first one.
        """
        folder = self._folder / "attempts" / provider_id / _folder_name(username)
        folder.mkdir(parents=True, exist_ok=True)
        # The file's size is the count: appending a byte needs no lock.
        with (folder / task).open("ab") as file:
            file.write(b".")
            return file.tell()

    def keep_attachment(self, message_id: int) -> bool:
        """Download the attachment of a message: a picture, into the folder of the core's attachments.

        Args:
            message_id: The message's primary key.

        Returns:
            Whether it is new; False when it was there already.
        """
        path = self.attachments / f"{message_id}.png"
        path.parent.mkdir(exist_ok=True)
        return not path.exists() and _write_new(path, picture(message_id), draft_in=self._folder)

    def _identity_folder(self, provider_id: str, username: str) -> Path:
        folder = self._folder / _folder_name(provider_id) / _folder_name(username)
        if not folder.exists():
            self._compose(provider_id, username, folder)
        return folder

    def _compose(self, provider_id: str, username: str, folder: Path) -> None:
        folder.parent.mkdir(exist_ok=True)
        behaviour, count = _planned(provider_id, username)
        pages = compose_pages(provider_id, username, count, newest=self._begun - timedelta(minutes=5))
        messages = sum(len(page["messages"]) for page in pages)
        # Written beside and renamed, so that no reader ever sees half an archive.
        draft = Path(tempfile.mkdtemp(dir=self._folder, prefix=".draft-"))
        profile = {"behaviour": behaviour, "pages": len(pages), "messages": messages}
        _write_json(draft / "profile.json", profile)
        for number, page in enumerate(pages, start=1):
            _write_json(draft / f"page-{number:03}.json", page)
        try:
            draft.rename(folder)
        except OSError:
            shutil.rmtree(draft)
            if not folder.exists():
                raise


def write_archive(folder: Path, *, begun: datetime | None = None) -> int:
    """Make the archive of the demo's whole cast, and some attachments; what is there already is left alone.

    Args:
        folder: Where.
        begun: As for `Archive`.

    Returns:
        The number of pages that the archive holds for the cast.

    Raises:
        OSError: The folder can't be written.
    """
    archive = Archive(folder, begun=begun)
    # Of the first messages with one, as the core's worker finds them; it downloads those of later ones.
    for message_id in (number for number in range(6, _LAST_WITH_PICTURE, 6) if number % 42):
        archive.keep_attachment(message_id)
    return sum(archive.profile(each.provider_id, each.external_username).pages for each in MEMBERS)


def _planned(provider_id: str, username: str) -> tuple[Behaviour, int]:
    for member in MEMBERS:
        if (member.provider_id, member.external_username) == (provider_id, username):
            return member.behaviour, member.pages
    spread = int.from_bytes(blake2b(f"{provider_id}/{username}".encode(), digest_size=4).digest())
    return Behaviour.HEALTHY, _FEWEST_PAGES + spread % (_MOST_PAGES - _FEWEST_PAGES + 1)


def _folder_name(name: str) -> str:
    """Make a file name of any text: readable, and unlike that of any other text."""
    readable = re.sub(r"[^A-Za-z0-9@._-]", "_", name)[:64]
    return f"{readable}-{blake2b(name.encode(), digest_size=4).hexdigest()}"


def _write_json(path: Path, data: object) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")), "utf-8")


def _write_once(path: Path, text: str) -> str:
    """Write a small file unless another process was first, and return what it holds."""
    if not path.exists():
        _write_new(path, text.encode(), draft_in=path.parent)
    return path.read_text("utf-8")


def _write_new(path: Path, data: bytes, *, draft_in: Path) -> bool:
    """Write a small file that appears whole, unless another process was first; say whether it is ours."""
    descriptor, draft = tempfile.mkstemp(dir=draft_in, prefix=".draft-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    try:
        with suppress(FileExistsError):
            os.link(draft, path)
            return True
    finally:
        Path(draft).unlink()
    return False


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m demo.archive", description="Write the providers' archive.")
    parser.add_argument("--folder", type=Path, required=True, help="where; made when it doesn't exist")
    options = parser.parse_args(arguments)
    pages = write_archive(options.folder)
    sys.stdout.write(f"The archive in {options.folder} holds {pages} pages of {len(MEMBERS)} identities.\n")


if __name__ == "__main__":
    main()
