"""What jobs have made that has a page of its own; the applications that know register themselves here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Made:
    """One thing that a job has made, or is making.

    Attributes:
        kind: what `opsconsole.links` knows its page by.
        id: its number.
        name: what people call it.
        permission: who may see its page.
    """

    kind: str
    id: int
    name: str
    permission: str


Maker = Callable[[Mapping[int, str]], Mapping[int, Sequence[Made]]]

_makers: list[Maker] = []


def register(maker: Maker) -> None:
    """Have a function asked what jobs have made, which it is given as their types by id; it takes one query at most."""
    _makers.append(maker)


def made_by(types: Mapping[int, str]) -> dict[int, list[Made]]:
    """Return what each of some jobs has made, the newest first, by job id.

    Args:
        types: their types, by job id.
    """
    found: dict[int, list[Made]] = {}
    for maker in _makers:
        for job_id, things in maker(types).items():
            found.setdefault(job_id, []).extend(things)
    return found
