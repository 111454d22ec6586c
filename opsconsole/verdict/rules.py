"""The rules of the verdict: each looks at one part of the facts, and yields what there is to say of it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from django.conf import settings

from jobs.pulse import Waiting
from opsconsole.formatting import count, relative, rough
from opsconsole.redaction import redact_name
from opsconsole.verdict.facts import Facts, Finding, Part, Pause, Reason, Severity

JOBS: Final = "admin:jobs_job_changelist"
MACHINERY: Final = "machinery"
SCHEDULES: Final = "admin:django_celery_beat_periodictask_changelist"
IDENTITIES: Final = "admin:identities_identity_changelist"
BACKUPS: Final = "admin:backups_backuprun_changelist"

# What the health of backups says of beat as a whole.
_OF_BEAT: Final = frozenset({"beat_silent", "schedules_paused"})
# How many are named before the rest is only counted.
NAMED: Final = 3


def unread(facts: Facts) -> Iterable[Reason]:
    """Say of which parts nothing is known, and why."""
    for part in facts.asked:
        if part not in facts.unread:
            continue
        sentence = facts.unread[part]
        if part == "database":
            todo = "See to it that PostgreSQL runs and can be reached; nothing works without it."
            yield Reason(code="database_unreachable", part=part, what=sentence, todo=todo, severity="critical")
        elif part == "broker":
            todo = "See to it that Redis runs; what is submitted meanwhile is handed over as soon as it does."
            yield Reason(
                code="broker_unreachable",
                part=part,
                what=sentence,
                todo=todo,
                severity="critical",
                page=MACHINERY,
            )
        elif "database" not in facts.unread:
            todo = "The console's log says more; the other parts are not affected."
            yield Reason(code=f"{part}_unreadable", part=part, what=sentence, todo=todo, severity="warning")


def database(facts: Facts) -> Iterable[Reason]:
    """Report problems of the database connection, if the database answers."""
    return _findings(facts.database, part="database")


def broker(facts: Facts) -> Iterable[Reason]:
    """Report other Redis databases that don't answer, if the broker does."""
    return _findings(facts.broker, part="broker", page=MACHINERY)


def workers(facts: Facts) -> Iterable[Reason]:
    """Say whether somebody is there to do the work; not where nobody could have told the console."""
    if not facts.alive_sweepers:
        yield _no_sweeper(facts)
        return
    if facts.behind_sweepers:
        yield _behind(facts)
        if facts.behind_sweepers == facts.alive_sweepers:
            # The workers' last answers are just as old.
            return
    if "broker" in facts.unread:
        return
    gone = facts.silent
    if not facts.online:
        yield _nobody(facts)
        return
    listened_to = {queue for worker in facts.online for queue in worker.queues}
    for waiting in facts.work.waiting:
        if waiting.queue not in listened_to:
            yield _unattended(waiting)
    if gone:
        names = _some([redact_name(worker.hostname) for worker in gone])
        seen_at = max(worker.seen_at for worker in gone)
        yield Reason(
            code="workers_stale",
            part="workers",
            what=f"{count(len(gone), 'worker')} {'has' if len(gone) == 1 else 'have'} not answered since "
            f"{_at(seen_at, facts.as_of)}: {names}.",
            todo="Restart it if it should run. A stopped worker disappears after 12 minutes.",
            severity="warning",
            page=MACHINERY,
            since=seen_at,
        )

    shared = Counter(worker.hostname for worker in facts.online)
    if several := sorted(name for name, number in shared.items() if number > 1):
        yield Reason(
            code="workers_share_name",
            part="workers",
            what=f"Several workers share a name: {_some([redact_name(name) for name in several])}.",
            todo="Give each its own name (celery worker --hostname). Celery can't tell them apart.",
            severity="warning",
            page=MACHINERY,
        )


def beat(facts: Facts) -> Iterable[Reason]:
    """Say whether beat starts what it should."""
    found = facts.beat
    if facts.pause is not None:
        yield _paused(facts, facts.pause)
    elif found.status == "silent":
        due = f"{count(len(found.missed), 'schedule')} {'was' if len(found.missed) == 1 else 'were'} due"
        since = f" since {_at(found.since, facts.as_of)}" if found.since else ""
        yield Reason(
            code="beat_silent",
            part="beat",
            what=f"Beat has started nothing{since}, though {due}.",
            todo="See to it that the beat process runs.",
            severity="critical",
            page=SCHEDULES,
            since=found.since,
        )
    if found.status != "silent" and found.missed:
        yield Reason(
            code="runs_missed",
            part="beat",
            what=f"Beat has missed {count(len(found.missed), 'run')}, though it starts others: {_some(found.missed)}.",
            todo="Run what is missing now; if it happens again, look at beat's log.",
            severity="warning",
            page=SCHEDULES,
        )


def queue(facts: Facts) -> Iterable[Reason]:
    """Say whether what is due waits for too long, and whether something is stuck."""
    if facts.work.waiting:
        oldest = min(facts.work.waiting, key=lambda waiting: waiting.oldest_at)
        seconds = (facts.as_of - oldest.oldest_at).total_seconds()
        severity = _by_limits(seconds, settings.QUEUE_AGE_WARNING_SECONDS, settings.QUEUE_AGE_CRITICAL_SECONDS)
        if severity:
            yield Reason(
                code="queue_age",
                part="queue",
                what=f"The oldest queued job has been waiting for {rough(seconds)}, in the queue "
                f"“{redact_name(oldest.queue)}”.",
                todo="See whether its workers keep up, or start more of them.",
                severity=severity,
                page=JOBS,
                query=_waiting_in(oldest.queue),
                since=oldest.oldest_at,
            )
    if stuck := facts.work.stuck:
        number = f"{'At least ' if facts.work.more else ''}{count(stuck, 'job')}"
        yield Reason(
            code="stuck_jobs",
            part="queue",
            what=f"{number} {'is' if stuck == 1 else 'are'} stuck.",
            todo=f"Open {'it: it' if stuck == 1 else 'them: each'} says why, and what can be done about it.",
            severity="warning",
            page=JOBS,
            query="stuck=true",
        )


def failures(facts: Facts) -> Iterable[Reason]:
    """Say whether unusually many jobs have failed."""
    severity = _by_limits(facts.failed, settings.FAILURES_WARNING, settings.FAILURES_CRITICAL)
    if severity:
        yield Reason(
            code="many_failures",
            part="failures",
            what=f"{count(facts.failed, 'job')} {'has' if facts.failed == 1 else 'have'} failed within the last hour.",
            todo="See what their errors say, mend that, and retry them.",
            severity=severity,
            page=JOBS,
            query="status=failed",
        )


def sync(facts: Facts) -> Iterable[Reason]:
    """Say what the health of all identities says."""
    return _findings(facts.sync, part="sync", page=IDENTITIES)


def backup(facts: Facts) -> Iterable[Reason]:
    """Say what the health of backups says; not once more what beat's part says of all schedules."""
    beats = _OF_BEAT if "beat" in facts.asked and "beat" not in facts.unread else ()
    found = [finding for finding in facts.backup if finding.code not in beats]
    return _findings(found, part="backup", page=BACKUPS)


def _no_sweeper(facts: Facts) -> Reason:
    seen_at = facts.sweeper_seen_at
    since = f"No sweeper has been at work since {_at(seen_at, facts.as_of)}" if seen_at else "No sweeper has ever run"
    return Reason(
        code="sweeper_silent",
        part="workers",
        what=f"{since}: what is put off isn't handed over, and what has ended isn't settled.",
        todo="Start one with “manage.py run_sweeper”.",
        severity="critical",
        page=MACHINERY,
        since=seen_at,
    )


def _behind(facts: Facts) -> Reason:
    behind = facts.behind_sweepers
    names = _some([redact_name(sweeper.name) for sweeper in behind])
    since = max(sweeper.waits_since for sweeper in behind)
    who = f"Sweeper {names} is alive, but has" if len(behind) == 1 else f"Sweepers {names} are alive, but have"
    all_of_them = behind == facts.alive_sweepers
    effect = "Finished jobs aren't settled, and waiting jobs aren't handed over." if all_of_them else ""
    return Reason(
        code="sweeper_behind",
        part="workers",
        what=f"{who} completed no tick since {_at(since, facts.as_of)}. {effect}".rstrip(),
        todo=(
            "Find the hanging step in the log, or what blocks it in the database. If it doesn't recover, restart the "
            "sweeper."
        ),
        severity="critical" if all_of_them else "warning",
        page=MACHINERY,
        since=since,
        number=len(behind),
    )


def _nobody(facts: Facts) -> Reason:
    waiting = sum(each.jobs for each in facts.work.waiting)
    number = f"{'at least ' if facts.work.more else ''}{count(waiting, 'job')}"
    waits = f" {number[:1].upper()}{number[1:]} {'waits' if waiting == 1 else 'wait'}." if waiting else ""
    return Reason(
        code="no_worker_online",
        part="workers",
        what=f"No worker is online: jobs will not be processed.{waits}",
        todo="Start the workers.",
        severity="critical",
        page=MACHINERY,
        since=max((worker.seen_at for worker in facts.workers), default=None),
    )


def _unattended(waiting: Waiting) -> Reason:
    one = waiting.jobs == 1
    return Reason(
        code="queue_without_worker",
        part="workers",
        what=f"No worker is online for the queue “{redact_name(waiting.queue)}”: its {count(waiting.jobs, 'job')} that "
        f"{'waits' if one else 'wait'} will not be processed.",
        todo="Start a worker that listens on it.",
        severity="critical",
        page=JOBS,
        query=_waiting_in(waiting.queue),
        since=waiting.oldest_at,
    )


def _paused(facts: Facts, pause: Pause) -> Reason:
    reason = f" (“{pause.reason}”)" if pause.reason else ""
    return Reason(
        code="schedules_paused",
        part="beat",
        what=f"{count(pause.schedules, 'schedule')} {'is' if pause.schedules == 1 else 'are'} paused since "
        f"{_at(pause.since, facts.as_of)}, by {pause.by}{reason}: beat starts none of what was on then.",
        todo="Resume when the reason is gone.",
        severity="warning",
        page=SCHEDULES,
        since=pause.since,
    )


def _findings(found: Sequence[Finding], *, part: Part, page: str = "") -> Iterable[Reason]:
    for finding in found:
        yield Reason(
            code=f"{part}_{finding.code}",
            part=part,
            what=finding.what,
            todo=finding.todo,
            severity=finding.severity,
            page=page,
            number=finding.number,
        )


def _by_limits(value: float, warning: float, critical: float) -> Severity | None:
    if value >= critical:
        return "critical"
    return "warning" if value >= warning else None


def _at(moment: datetime, now: datetime) -> str:
    # Of another day, the time alone says nothing.
    shown = f"{moment:%H:%M}" if now - moment < timedelta(hours=12) else f"{moment:%Y-%m-%d %H:%M}"
    return f"{shown} UTC ({relative(moment, now)})"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def _waiting_in(name: str) -> str:
    # What isn't to be read isn't to stand in an address either.
    shown = {"queue_name": name} if redact_name(name) == name else {}
    return urlencode({"status": "queued,retrying", **shown})


RULES: Final[Mapping[Part, Callable[[Facts], Iterable[Reason]]]] = {
    "database": database,
    "broker": broker,
    "workers": workers,
    "beat": beat,
    "queue": queue,
    "failures": failures,
    "sync": sync,
    "backup": backup,
}
