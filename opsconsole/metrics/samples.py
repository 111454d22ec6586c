"""What is measured, by where it is read from. A source that can't be read takes no other one down."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

import structlog
from django.db import DatabaseError, InterfaceError, transaction
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from backups import status as backup_status
from backups.models import PASSED
from identities import status as sync_status
from jobs import catalog, counts, gateway, measures, throughput
from jobs.filters import OTHER
from jobs.models import STATUSES
from opsconsole.errors import OpsError
from opsconsole.redaction import redact_name
from opsconsole.verdict import Verdict, assess
from opsconsole.verdict.facts import WORST_FIRST, Facts
from opsconsole.verdict.reading import facts

logger = structlog.get_logger(__name__)

# Of how many identities there are numbers of their own.
MOST_IDENTITIES: Final = 500


def collect() -> Iterator[Metric]:
    """Yield all metrics as of now; a fixed number of queries, however much there is."""
    now = timezone.now()
    known = facts()
    unread = {*known.unread}
    yield from _verdict(assess(known))
    yield from _machinery(known, now)
    sources: tuple[tuple[str, Callable[[], Iterable[Metric]]], ...] = (
        ("jobs", _jobs),
        ("queues", lambda: _queues(known, now)),
        ("sync", lambda: _sync(now)),
        ("backup", lambda: _backup(now)),
    )
    readable = _gauge("source_up", "Whether the numbers of a source could be read.", "source")
    for name, source in sources:
        found = None if "database" in unread else _read(name, source)
        readable.add_metric([name], float(found is not None))
        yield from found or ()
    yield readable


def _read(name: str, source: Callable[[], Iterable[Metric]]) -> Sequence[Metric] | None:
    try:
        with transaction.atomic():
            return list(source())
    except (OpsError, DatabaseError, InterfaceError) as error:
        logger.warning("metrics.unread", source=name, error=(str(error).splitlines() or [repr(error)])[0])
    except Exception:
        logger.exception("metrics.unread", source=name)
    return None


def _verdict(verdict: Verdict) -> Iterator[Metric]:
    status = _gauge("verdict", "1 for what the verdict on the whole is, 0 for what it isn't.", "status")
    for each in WORST_FIRST:
        status.add_metric([each], float(verdict.status == each))
    yield status
    reasons = _gauge("reason", "How many things a reason of the verdict is about.", "code", "part", "severity")
    found: Counter[tuple[str, str, str]] = Counter()
    for reason in verdict.reasons:
        found[reason.code, reason.part, reason.severity] += reason.number
    for labels, number in sorted(found.items()):
        reasons.add_metric(labels, number)
    yield reasons


def _machinery(known: Facts, now: datetime) -> Iterator[Metric]:
    yield _one("database_up", "Whether the database answers.", "database" not in known.unread)
    yield _one("broker_up", "Whether the broker answers.", "broker" not in known.unread)
    if "workers" not in known.unread:
        if known.sweeper_seen_at is not None:
            yield _one(
                "sweeper_age_seconds", "Seconds since a sweeper was last alive.", _age(known.sweeper_seen_at, now)
            )
            yield _one(
                "sweeper_tick_age_seconds",
                "Seconds since a sweeper last completed a tick.",
                _age(known.sweeper_ticked_at, now),
            )
        workers = _gauge("workers", "Workers by whether they have answered recently.", "state")
        workers.add_metric(["online"], len(known.online))
        workers.add_metric(["silent"], len(known.silent))
        yield workers
    if "beat" not in known.unread:
        since = known.beat.since if known.beat.status == "silent" else None
        yield _one("beat_lag_seconds", "For how long beat has started nothing though it should.", _age(since, now))
        yield _one("beat_missed_runs", "Schedules that beat should have started and didn't.", len(known.beat.missed))
        yield _one(
            "schedules_paused", "Schedules that somebody has paused.", known.pause.schedules if known.pause else 0
        )
    if "failures" not in known.unread:
        yield _one("failed_jobs_last_hour", "Jobs that have failed within the last hour.", known.failed)
    if "queue" not in known.unread:
        yield _one("stuck_jobs", "Jobs that are stuck.", known.work.stuck)


def _jobs() -> Iterator[Metric]:
    counted = counts.current()
    by_status = _gauge("jobs", "Jobs of the ledger by status, as counted last.", "status")
    for status in STATUSES:
        by_status.add_metric([status], counted.by_status.get(status, 0))
    by_status.add_metric([OTHER], counted.other)
    yield by_status
    active = _gauge("active_jobs", "Active jobs by type, at most 1,000 of a status.", "job_type", "status")
    for labels, number in sorted(measures.active_by_type().items()):
        active.add_metric(labels, number)
    yield active
    ended = _gauge("ended_jobs_last_day", "Jobs that ended since yesterday's hour, by type.", "job_type", "status")
    by_type: Counter[tuple[str, str]] = Counter()
    for (job_type, status), number in throughput.per_hour().by_type.items():
        by_type[measures.known_type(job_type), status] += number
    for labels, number in sorted(by_type.items()):
        ended.add_metric(labels, number)
    yield ended
    attempts = _gauge("attempts_last_hour", "Attempts that ended within the last hour.", "job_type")
    seconds = _gauge("run_seconds", "How long the attempts of the last hour ran at most.", "job_type", "quantile")
    for timed in measures.run_times():
        attempts.add_metric([timed.job_type], timed.attempts)
        seconds.add_metric([timed.job_type, "0.5"], timed.median_seconds)
        seconds.add_metric([timed.job_type, "0.95"], timed.high_seconds)
    yield attempts
    yield seconds


def _queues(known: Facts, now: datetime) -> Iterator[Metric]:
    """Of the queues that the catalog knows, for any job may name another one; all others are one."""
    names = catalog.queues()
    due = _gauge("queue_due_jobs", "Jobs that are due and that nobody has begun.", "queue")
    oldest = _gauge("queue_oldest_seconds", "For how long the oldest of them has been due.", "queue")
    workers = _gauge("queue_workers", "Workers online that listen on a queue.", "queue")
    waiting: Counter[str] = Counter()
    ages = dict.fromkeys((*names, OTHER), 0.0)
    for each in known.work.waiting:
        name = each.queue if each.queue in names else OTHER
        waiting[name] += each.jobs
        ages[name] = max(ages[name], _age(each.oldest_at, now))
    for name in sorted(ages):
        due.add_metric([name], waiting[name])
        oldest.add_metric([name], ages[name])
        if name != OTHER:
            workers.add_metric([name], sum(name in worker.queues for worker in known.online))
    yield from (due, oldest, workers)
    if "broker" not in known.unread:
        messages = _gauge("queue_messages", "Messages that wait in the broker.", "queue")
        for name, number in sorted(gateway.waiting_in(names).items()):
            messages.add_metric([name], number)
        yield messages


def _sync(now: datetime) -> Iterator[Metric]:
    lag = _gauge("sync_lag_seconds", "Since when an identity hasn't been synced.", "identity", "provider")
    health = _gauge("sync_health", "1 for the state of an identity's syncs.", "identity", "provider", "state")
    messages = _gauge("identity_messages", "Messages of an identity, as counted last.", "identity", "provider")
    statuses = sync_status.overview().statuses
    for status in statuses[:MOST_IDENTITIES]:
        labels = [str(status.identity.pk), redact_name(status.identity.provider_id)]
        if status.last_sync_at is not None:
            lag.add_metric(labels, _age(status.last_sync_at, now))
        health.add_metric([*labels, status.health.state.value], 1)
        if status.counts is not None:
            messages.add_metric(labels, status.counts.messages)
    yield from (lag, health, messages)
    yield _one("identities", "Active identities; the first 500 have numbers of their own.", len(statuses))


def _backup(now: datetime) -> Iterator[Metric]:
    age = _gauge("backup_age_seconds", "Since when there is no newer good backup.", "kind")
    size = _gauge("backup_size_bytes", "How large the last good backup is.", "kind")
    passed = _gauge("restore_test_passed", "Whether the last restore test passed.", "kind")
    tested = _gauge("restore_test_age_seconds", "Since when there is no newer restore test.", "kind")
    for kind in backup_status.current().kinds:
        if kind.last_good and kind.last_good.completed_at:
            age.add_metric([kind.kind], _age(kind.last_good.completed_at, now))
            size.add_metric([kind.kind], kind.last_good.size_bytes or 0)
        if kind.last_test and kind.last_test.completed_at:
            passed.add_metric([kind.kind], float(kind.last_test.status == PASSED))
            tested.add_metric([kind.kind], _age(kind.last_test.completed_at, now))
    yield from (age, size, passed, tested)


def _gauge(name: str, words: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"opsconsole_{name}", words, labels=labels)


def _one(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"opsconsole_{name}", words, value=float(value))


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since is not None else 0.0
