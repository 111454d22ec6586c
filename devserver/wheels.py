"""Files that packages bring, found without importing the packages: what else they do when they load is not wanted."""

import importlib.util
from pathlib import Path


def find_in_package(package: str, path: str) -> Path | None:
    """Return the absolute path of a file in an installed package, or None when the package or the file isn't there."""
    spec = importlib.util.find_spec(package)
    for location in (spec and spec.submodule_search_locations) or ():
        file = Path(location, path)
        if file.is_file():
            return file
    return None
