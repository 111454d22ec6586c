"""What the identities are called: the kernel's own pages show names without knowing the application that has them."""

from collections.abc import Callable

_choices: list[Callable[[], list[tuple[int, str]]]] = []


def register_identities(choices: Callable[[], list[tuple[int, str]]]) -> None:
    """Say who lists the identities: their ids and names, in the order in which people choose from them."""
    _choices[:] = [choices]


def identities() -> list[tuple[int, str]]:
    """Return the ids and names of all identities, bounded; one query."""
    return _choices[0]() if _choices else []
