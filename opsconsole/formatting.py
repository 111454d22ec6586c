"""How times, durations, numbers, sizes and states are written on pages.

Plain functions, shared by admin columns and templates (`{% load console %}`). Everything that comes from outside is
escaped here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

NOTHING: Final = "–"
Tone = Literal["good", "bad", "busy", "warn", "idle"]

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a state is shown: a word, an icon and a colour, never the colour alone."""

    word: str
    icon: str
    tone: Tone


def number(value: Any) -> str:
    """Return a number with thousands separators; what isn't one as it is."""
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def size(count: int | None) -> str:
    """Return a number of bytes in binary units."""
    if count is None:
        return NOTHING
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} TiB"


def duration(milliseconds: int | None) -> str:
    """Return a duration in its two largest units."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    seconds = milliseconds / 1_000
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY:,} d {whole % _DAY // _HOUR} h"


def rough(seconds: float) -> str:
    """Return a duration in its largest unit: “12 s”, “20 min”, “2 h”."""
    if seconds < _MINUTE:
        return f"{int(seconds)} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    if seconds < 2 * _DAY:
        return f"{int(seconds // _HOUR)} h"
    if seconds < 60 * _DAY:
        return f"{int(seconds // _DAY)} d"
    if seconds < 730 * _DAY:
        return f"{int(seconds // (30 * _DAY))} months"
    return f"{int(seconds // (365 * _DAY)):,} years"


def relative(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment was, or how far ahead it is. console.js does the same while the page is open."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < 5:
        return "just now"
    text = rough(abs(seconds))
    return f"{text} ago" if seconds > 0 else f"in {text}"


def exact(moment: datetime | None) -> str:
    """Return a moment to the second, in UTC."""
    return NOTHING if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def ago(moment: datetime | None, far: str | None = None) -> SafeString:
    """Return a moment as a `<time>` element: relative, with the exact one on hover.

    Args:
        moment: the moment, or None if there is none or Python can't represent it.
        far: the text of a moment that Python can't represent.

    Returns:
        The element.
    """
    if moment is None:
        return _nothing(far or NOTHING)
    return format_html(
        '<time class="oc-time" datetime="{}" title="{}" data-ago>{}</time>',
        moment.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        exact(moment),
        relative(moment, timezone.now()),
    )


def running_for(since: datetime | None) -> SafeString:
    """Return how long something has been running, ticking while the page is open."""
    if since is None:
        return _nothing()
    elapsed = max(0, int((timezone.now() - since).total_seconds() * 1_000))
    return format_html(
        '<time class="oc-time" datetime="{}" title="Since {}" data-since>{}</time>',
        since.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        exact(since),
        duration(elapsed),
    )


def _nothing(text: str = NOTHING) -> SafeString:
    return format_html('<span class="oc-nothing">{}</span>', text)


def badge(look: Look) -> SafeString:
    """Return a state as its word with icon and colour."""
    return format_html(
        '<span class="oc-badge oc-{}"><span class="material-symbols-outlined" aria-hidden="true">{}</span>{}</span>',
        look.tone,
        look.icon,
        look.word,
    )


def bar(progress: Mapping[str, Any] | None, *, label: str = "Progress", ended: bool = False) -> SafeString:
    """Return progress as a bar with its numbers in words; a bar without an end where the total isn't known.

    Args:
        progress: `current`, `unit` and, if known, `total` and `percent`; None if the progress isn't known.
        label: what it is the progress of.
        ended: it goes no further; a bar without an end is full then.
    """
    percent = progress.get("percent") if progress else None
    text = progress_words(progress, ended=ended)
    if percent is None:
        value = SafeString("")
        shape = "oc-bar-full" if ended else "oc-bar-open"
        width = 100
    else:
        value = format_html(' aria-valuenow="{}"', percent)
        shape, width = "", percent
    return format_html(
        '<span class="oc-progress"><span class="oc-bar {}" role="progressbar" aria-label="{}" aria-valuemin="0" '
        'aria-valuemax="100" aria-valuetext="{}"{}><span style="width:{}%"></span></span>'
        '<span class="oc-progress-text">{}</span></span>',
        shape,
        label,
        text,
        value,
        width,
        text,
    )


def progress_words(progress: Mapping[str, Any] | None, *, ended: bool = False) -> str:
    """Return progress in words: “1,204 of 3,000 messages (40 %)”, “1,204 messages so far” or “not known yet”.

    Args:
        progress: `current`, `unit` and, if known, `total` and `percent`; None if the progress isn't known.
        ended: whether no more progress will come, so that “so far” and “yet” are dropped.

    Returns:
        The words.
    """
    if progress is None:
        return "not known" if ended else "not known yet"
    unit = progress.get("unit") or ""
    # Bytes as sizes, which bring their unit along.
    write, after = (size, "") if unit == "bytes" else (number, f" {unit}")
    current = write(progress["current"])
    if progress.get("total"):
        return f"{current} of {write(progress['total'])}{after} ({progress['percent']} %)"
    return f"{current}{after}" if ended else f"{current}{after} so far"


def through(via: str | None) -> str:
    """Return through which door somebody came, in words."""
    words = {
        "admin": "on these pages",
        "api": "through the API",
        "command": "on the command line",
        "beat": "on schedule",
        "task": "by a task",
        "sweeper": "in the background",
    }
    return words.get(via, f"through {via}") if via else ""


def first_line(text: str | None, length: int = 200) -> str:
    """Return the line of an error that says most, cut: its first one, or what a traceback is about."""
    lines = [line.rstrip() for line in (text or "").splitlines() if line.strip()]
    starts = [index for index, line in enumerate(lines) if line.startswith("Traceback (")]
    if starts:
        # The frames are indented; the exception is the first line after them that isn't.
        said = next((line for line in lines[starts[-1] + 1 :] if not line.startswith(" ")), "")
        lines = [said] if said else lines
    line = lines[0].strip() if lines else ""
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def count(amount: int, singular: str, plural: str | None = None) -> str:
    """Return “1 job”, “2 jobs”, “20,312 jobs”."""
    return f"{amount:,} {singular if amount == 1 else plural or singular + 's'}"
