"""Reading pages as people do: what stands in a response, without tags."""

import html
import re
from typing import Any


def text(response: Any) -> str:
    """Return the words of a page, in one line, without its tags."""
    body = response.content.decode()
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", body, flags=re.DOTALL)
    # Icons are words to a font only.
    body = re.sub(r'<span class="material-symbols-outlined[^>]*>[^<]*</span>', " ", body)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def recently(words: str) -> str:
    """Replace “N s ago” with “just now”: a page may take seconds on a busy machine."""
    return re.sub(r"\b\d+ s ago\b", "just now", words)


def rows(response: Any) -> list[Any]:
    """Return the rows of a list."""
    return list(response.context["cl"].result_list)


def ids(response: Any) -> list[Any]:
    """Return the ids of the rows of a list."""
    return [row.pk for row in rows(response)]


def messages(response: Any) -> list[str]:
    """Return what the page says about what was done, without tags."""
    return [html.unescape(re.sub(r"<[^>]+>", "", str(message))) for message in response.context["messages"]]


def problems(response: Any) -> str:
    """Return what a list says is wrong with its address."""
    assert response.status_code == 400
    return " ".join(response.context["cl"].state.problems)


def live_address(response: Any) -> str:
    """Return where the part of a job's or a run's page that moves is asked for anew."""
    part = response.content.decode().split('-live"')[1]
    return html.unescape(part.split('hx-get="')[1].split('"')[0])
