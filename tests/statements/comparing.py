"""Compares the statements that were recorded on the two variants of the core's tables."""

import json
from pathlib import Path
from typing import Final

# All tests send about three hundred shapes.
FEWEST: Final = 100


def one_sided(first: Path, second: Path, *, fewest: int = FEWEST) -> list[str]:
    """Describe each shape that only one of two runs has sent.

    Args:
        first: the folder of one run's shapes, named after its variant.
        second: the folder of the other run's shapes.
        fewest: how many shapes each run has at least, unless the recorder is broken.
    """
    sent = {folder: {file.name for file in folder.glob("*.json")} for folder in (first, second)}
    too_few = [
        f"Only {len(names)} shapes were recorded on {folder.name}."
        for folder, names in sent.items()
        if len(names) < fewest
    ]
    return too_few + [
        f"Only on {here.name}: {shape}\n  sent by {place}; first test: {test or 'unknown'}"
        for here, there in ((first, second), (second, first))
        for name in sorted(sent[here] - sent[there])
        for shape, place, test in [json.loads((here / name).read_text())]
    ]
