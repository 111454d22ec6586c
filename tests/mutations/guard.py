"""What a guard is: the text that stands for it in the code, the code without it, and the tests that notice."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class NotOnce(Exception):
    """A text that is to be replaced isn't in its file exactly once."""


@dataclass(frozen=True)
class Edit:
    """A text of one file, and what stands there without the guard."""

    file: str
    old: str
    new: str

    def apply(self, root: Path) -> None:
        """Replace the text in a copy of the project.

        Raises:
            NotOnce: it isn't there, or more than once.
        """
        path = root / self.file
        text = path.read_text()
        if (found := text.count(self.old)) != 1:
            raise NotOnce(f"{self.file} has {found} times, not once: {self.old!r}")
        path.write_text(text.replace(self.old, self.new))
        # By its age and length alone, Python might take what was compiled before for the same.
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()


@dataclass(frozen=True, kw_only=True)
class Guard:
    """A condition that keeps a promise.

    Attributes:
        name: what it is called; the key of `--only`.
        keeps: the promise, in a sentence.
        edits: what takes it out; several where a second guard would hold by itself.
        tests: node ids, without parameters for all of them; each has to fail without the guard.
    """

    name: str
    keeps: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """Where it stands."""
        return tuple(dict.fromkeys(edit.file for edit in self.edits))
