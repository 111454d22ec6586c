"""Compares the statements that were recorded on the two variants of the core's tables."""

import json
from pathlib import Path


def one_sided(first: Path, second: Path) -> list[str]:
    """Describe each shape that only one of two runs has sent.

    Args:
        first: the folder of one run's shapes, named after its variant.
        second: the folder of the other run's shapes.
    """
    sent = {folder: {file.name for file in folder.iterdir()} for folder in (first, second)}
    return [
        f"Only on {here.name}: {shape}\n  sent by {place}; first test: {test or 'unknown'}"
        for here, there in ((first, second), (second, first))
        for name in sorted(sent[here] - sent[there])
        for shape, place, test in [json.loads((here / name).read_text())]
    ]
