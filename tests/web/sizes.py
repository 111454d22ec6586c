"""How much JavaScript a page brings, counted in the browser."""

import gzip
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Page, Response

MOST_BYTES: Final = 70_000
"""What `/ops` may bring beyond an empty page of the same application, gzipped."""
EMPTY: Final = "/"


def scripts_of(page: Page, path: str) -> dict[str, int]:
    """Open a page and return its scripts once it is quiet, each with its gzipped size in bytes.

    Args:
        page: a window that may open it.
        path: which page.
    """
    found: dict[str, Response] = {}

    def note(response: Response) -> None:
        if "javascript" in response.headers.get("content-type", "") and response.status == 200:
            found[urlsplit(response.url).path] = response

    page.on("response", note)
    page.goto(path)
    page.wait_for_load_state("networkidle")
    page.remove_listener("response", note)
    return {path: len(gzip.compress(response.body(), 6)) for path, response in found.items()}


def added_bytes(page: Page, path: str) -> int:
    """Return how many bytes of gzipped JavaScript a page brings beyond an empty one."""
    empty = sum(scripts_of(page, EMPTY).values())
    assert empty, "The empty page brought no script."
    return sum(scripts_of(page, path).values()) - empty
