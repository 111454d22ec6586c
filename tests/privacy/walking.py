"""All addresses of the console: those that the URL resolver knows, so that a new one is visited by itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.urls import URLPattern, URLResolver, get_resolver

from tests.privacy.planting import CORE_TASK_ID, FINGERPRINT, OWN_TASK_ID, RUN_ID

# What may stand in an address; of each kind, the first that leads nowhere ends it.
ROW_IDS: Final = (("1", "2", "3", "4", "5"), (str(RUN_ID),), (str(OWN_TASK_ID),), (str(CORE_TASK_ID),), (FINGERPRINT,))
_GROUP: Final = re.compile(r"\(\?P<(\w+)>((?:[^()]|\([^()]*\))*)\)")
_CONVERTER: Final = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Route:
    """An address as the resolver knows it."""

    pattern: str
    name: str

    def urls(self) -> list[list[str]]:
        """Return the addresses that it stands for, with the ids of the planted rows in it, by the kind of the ids."""
        path = self.pattern
        for group in _GROUP.finditer(path):
            name, inner = group.groups()
            if "|" in inner:  # a choice, of which all are visited
                return [
                    urls
                    for choice in inner.split("|")
                    for urls in Route(self.pattern.replace(group.group(), choice), self.name).urls()
                ]
            path = path.replace(group.group(), f"<{name}>")
        # What is left of a regular expression: anchors, and an optional slash at the end.
        path = "/" + re.sub(r"/\?\$?$|\$$", "", path).replace("^", "").replace("$", "")
        if not _CONVERTER.search(path):
            return [[path]]
        return [[_CONVERTER.sub(row_id, path) for row_id in kind] for kind in ROW_IDS]


def routes(resolver: Any = None, prefix: str = "") -> Iterator[Route]:
    """Return every route of the console."""
    for entry in (resolver or get_resolver()).url_patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, pattern)
        else:
            assert isinstance(entry, URLPattern)
            yield Route(pattern, entry.name or "")
