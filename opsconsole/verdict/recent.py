"""The verdict as of a few seconds ago, for those who need no newer one: who reads it keeps it for the others."""

from collections.abc import Collection
from typing import Final

from django.core.cache import cache

from opsconsole.verdict import Verdict, assess
from opsconsole.verdict.facts import Part
from opsconsole.verdict.reading import facts

KEPT_SECONDS: Final = 15


def current(parts: Collection[Part]) -> Verdict:
    """Return the verdict as of now, and keep it.

    Args:
        parts: those that are to be judged.
    """
    verdict = assess(facts(parts))
    cache.set(_key(parts), verdict, KEPT_SECONDS)
    return verdict


def of_late(parts: Collection[Part]) -> Verdict:
    """Return the verdict as of at most KEPT_SECONDS ago.

    Args:
        parts: those that are to be judged.
    """
    kept: Verdict | None = cache.get(_key(parts))
    return kept or current(parts)


def _key(parts: Collection[Part]) -> str:
    return f"verdict:{'-'.join(sorted(parts))}"
