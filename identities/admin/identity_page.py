"""What an identity's page, and what stands above the list of all of them, shows."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from identities import timeline
from identities.admin import cells
from identities.admin.looks import CONNECTED, MISSING, REFUSED, icon_of, of_attempt, of_health, tone_of
from identities.health import Health
from identities.models import SyncAttempt
from identities.schedule_operations import MAX_MINUTES, MIN_MINUTES
from identities.status import SyncOverview, SyncStatus
from jobs import catalog
from jobs.admin.looks import of_job
from jobs.schedules.occurrences import period_of
from opsconsole.formatting import Look, number
from opsconsole.redaction import redact_name

# The reasons of an identity's health that say themselves what beat does.
_OF_BEAT: Final = frozenset({"beat_silent", "schedules_paused"})

SUMMED_UP: Final = 12


def overall(overview: SyncOverview) -> dict[str, Any]:
    """Return what stands above the list: what is wrong with all of them together, and with beat."""
    return {
        "overall_look": _overall_look(overview.overall),
        "overall_words": " ".join(reason.message for reason in overview.overall.reasons),
        "beat": overview.beat,
        "beat_missed": len(overview.beat.missed),
    }


def summary(overview: SyncOverview) -> dict[str, Any]:
    """Return what the first page shows: the identities that need somebody most, and all of them together."""
    # Within one state as in the list.
    worst_first = sorted(overview.statuses, key=lambda status: status.health.weight, reverse=True)
    rows = [
        {
            "status": status,
            "look": of_health(status.health),
            "reason": next(iter(status.health.reasons), None),
            "provider": redact_name(status.identity.provider_id),
            "counts": status.counts,
            "active": cells.active_job(status),
        }
        for status in worst_first[:SUMMED_UP]
    ]
    return overall(overview) | {"rows": rows, "others": max(len(worst_first) - SUMMED_UP, 0)}


def context(found: SyncStatus, overview: SyncOverview, *, may_see_jobs: bool, may: dict[str, bool]) -> dict[str, Any]:
    """Return what an identity's page shows.

    Args:
        found: its sync status.
        overview: what holds for all.
        may_see_jobs: the caller may look at jobs.
        may: which operations the caller may use for it.
    """
    attempts = timeline.tracked(found.identity.pk)
    tracker = [_tracked(attempt) for attempt in reversed(attempts)]
    shown = found.coverage.shown
    interval = shown.task.interval if shown else None
    return {
        "identity": found.identity,
        "status": found,
        "look": of_health(found.health),
        "reasons": [(tone_of(reason), icon_of(reason), reason) for reason in found.health.reasons],
        "last": found.last,
        "last_attempt_look": of_attempt(found.last.attempt_outcome) if found.last and found.last.attempt_at else None,
        "credential_look": _credential_look(found),
        "credential_types": _types(found),
        "active": [job | {"look": of_job(job)} for job in found.active.first],
        "more_active": found.active.count - len(found.active.first),
        "tracker": tracker,
        "tally": _tally(each["look"] for each in tracker),
        "timeline": [
            {"happening": each, "look": of_attempt(each.attempt.outcome) if each.attempt else None}
            for each in timeline.timeline(found.identity.pk, attempts)
        ],
        "coverage": found.coverage,
        "schedule": shown,
        "every_minutes": _minutes(interval),
        "min_minutes": MIN_MINUTES,
        "max_minutes": MAX_MINUTES,
        "beat": overview.beat,
        "beat_missed": len(overview.beat.missed),
        "beat_apart": _OF_BEAT.isdisjoint(reason.code for reason in found.health.reasons),
        "may": may,
        "may_see_jobs": may_see_jobs,
    }


def _overall_look(health: Health) -> Look:
    tones = {
        "critical": Look(word="Needs attention", icon="error", tone="bad"),
        "warning": Look(word="Look at it", icon="warning", tone="warn"),
        "ok": Look(word="All on track", icon="check_circle", tone="good"),
    }
    return tones.get(health.status, Look(word="Not known", icon="help", tone="idle"))


def _credential_look(found: SyncStatus) -> Look:
    if found.last is not None and found.last.rejection:
        return REFUSED
    return CONNECTED if found.credential.status == "present" else MISSING


def _types(found: SyncStatus) -> SafeString:
    return format_html_join(" ", '<span class="oc-tag">{}</span>', ((name,) for name in found.credential.types))


def _tracked(attempt: SyncAttempt) -> dict[str, Any]:
    title = catalog.titles().get(attempt.job_type, attempt.job_type)
    look = of_attempt(attempt.outcome)
    return {"attempt": attempt, "look": look, "title": title}


def _tally(looks: Iterable[Look]) -> str:
    """Return how often each came, in words: “47 synced · 3 failed”."""
    words = Counter(look.word.lower() for look in looks)
    return " · ".join(f"{number(times)} {word}" for word, times in words.most_common())


def _minutes(interval: Any) -> int | None:
    if interval is None:
        return None
    try:
        seconds = period_of(interval).total_seconds()
    except (OverflowError, TypeError):
        return None
    return max(int(seconds // 60), MIN_MINUTES) if seconds > 0 else None
