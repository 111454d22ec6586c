"""The sync status of identities: last, next, how many, how healthy; six queries, however many identities there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from django.utils import timezone

from identities import health, queries
from identities.health import ActiveSync, Facts, Health
from identities.models import Identity, IdentityCounts, LastSync
from identities.queries import CredentialState
from identities.sync_schedules import Coverage, SyncSchedules
from jobs import catalog, recent
from jobs.glance import glances
from jobs.models import RUNNING
from jobs.schedules.forecast import deadlines, in_force_since
from jobs.schedules.queries import BeatState, Entry, beat_state, entries

SyncSource = Literal["job", "result", "message"]
# How many of its active jobs the page of an identity shows.
JOBS_SHOWN: Final = 10


@dataclass(frozen=True, kw_only=True)
class ActiveJobs:
    """The ingest jobs of an identity that run or wait: the first ones at a glance, and how many there are in all."""

    first: tuple[dict[str, Any], ...] = ()
    count: int = 0


@dataclass(frozen=True, kw_only=True)
class SyncStatus:
    """What is known of the syncs of one identity.

    Attributes:
        identity: with its provider.
        credential: what is known of its credentials.
        coverage: the schedules that sync it.
        last_sync_at: the last sign of a sync that succeeded.
        last_sync_source: where that is known from: a `job`, a Celery `result`, or the newest `message`.
        last: its last success and its last attempt; None when nothing is known.
        counts: its conversations and messages; None until they are counted.
        conversations_count: how many conversations (not deleted) it has, also before messages are counted.
        active: its jobs that run or wait, the one that runs first.
        health: how healthy it is, and why.
    """

    identity: Identity
    credential: CredentialState
    coverage: Coverage
    last_sync_at: datetime | None
    last_sync_source: SyncSource | None
    last: LastSync | None
    counts: IdentityCounts | None
    conversations_count: int
    active: ActiveJobs
    health: Health


@dataclass(frozen=True, kw_only=True)
class SyncOverview:
    """The sync status of several identities, and what holds for all of them."""

    statuses: tuple[SyncStatus, ...]
    overall: Health
    beat: BeatState
    schedules: SyncSchedules
    as_of: datetime


def overview(
    *, include_inactive: bool = False, now: datetime | None = None, known_entries: list[Entry] | None = None
) -> SyncOverview:
    """Return the sync status of all identities, by provider and name; six queries.

    Args:
        include_inactive: also those that the core doesn't use.
        now: the moment as of which to judge; default now.
        known_entries: beat's periodic tasks, where they have been read a moment ago; one query less then.
    """
    found = queries.identities(include_inactive=include_inactive)
    return _overview(found, jobs_of_each=1, now=now, known_entries=known_entries)


def of_identity(identity_id: int, *, now: datetime | None = None) -> SyncOverview:
    """Return the sync status of one identity; six queries.

    Raises:
        NotFound: there is none with this id.
    """
    return _overview([queries.identity(identity_id)], jobs_of_each=JOBS_SHOWN, now=now)


def _overview(
    found: Sequence[Identity], *, jobs_of_each: int, now: datetime | None, known_entries: list[Entry] | None = None
) -> SyncOverview:
    moment = now or timezone.now()
    ids = [identity.pk for identity in found]
    credentials = queries.credential_states(ids)
    all_entries = entries(now=moment) if known_entries is None else known_entries
    beat = beat_state(all_entries)
    schedules = SyncSchedules(all_entries)
    active = active_jobs(ids, of_each=jobs_of_each)
    # One query more, in the first minute of an installation.
    uncounted = [identity.pk for identity in found if getattr(identity, "counts", None) is None]
    conversations = queries.conversation_counts(uncounted) if uncounted else {}
    statuses = tuple(
        _status(
            identity,
            credential=credentials[identity.pk],
            coverage=schedules.coverage(identity),
            beat=beat,
            active=active.get(identity.pk, ActiveJobs()),
            conversations=conversations.get(identity.pk, 0),
            now=moment,
        )
        for identity in found
    )
    return SyncOverview(
        statuses=statuses,
        overall=health.overall([status.health for status in statuses]),
        beat=beat,
        schedules=schedules,
        as_of=moment,
    )


def active_jobs(identity_ids: Sequence[int], *, of_each: int = JOBS_SHOWN) -> Mapping[int, ActiveJobs]:
    """Return the ingest jobs of identities that run or wait, the one that runs first; three queries.

    Args:
        identity_ids: of whom.
        of_each: how many of each are returned; the others are only counted.
    """
    job_type = catalog.find(catalog.SYNC)
    keys = {key: pk for pk in identity_ids if job_type and (key := job_type.serial_key(pk))}
    found = recent.active_by_serial_key(list(keys), of_each=of_each) if keys else {}
    return {keys[key]: ActiveJobs(first=tuple(glances(one.rows)), count=one.count) for key, one in found.items()}


def _status(
    identity: Identity,
    *,
    credential: CredentialState,
    coverage: Coverage,
    beat: BeatState,
    active: ActiveJobs,
    conversations: int,
    now: datetime,
) -> SyncStatus:
    last: LastSync | None = getattr(identity, "last_sync", None)
    counts: IdentityCounts | None = getattr(identity, "counts", None)
    last_sync_at, source = _last_sync(last, counts)
    facts = _facts(
        identity,
        credential=credential,
        coverage=coverage,
        beat=beat,
        active=active.first,
        last=last,
        last_sync_at=last_sync_at,
    )
    return SyncStatus(
        identity=identity,
        credential=credential,
        coverage=coverage,
        last_sync_at=last_sync_at,
        last_sync_source=source,
        last=last,
        counts=counts,
        conversations_count=counts.conversations if counts else conversations,
        active=active,
        health=health.assess(facts, now=now),
    )


def _last_sync(last: LastSync | None, counts: IdentityCounts | None) -> tuple[datetime | None, SyncSource | None]:
    """Return the later one of the last success and the newest message, and which it is."""
    success = last.success_at if last else None
    message = counts.newest_message_at if counts else None
    if success is None or (message is not None and message > success):
        return (message, "message") if message else (None, None)
    assert last is not None
    return success, "result" if last.success_source.startswith("result") else "job"


def _facts(
    identity: Identity,
    *,
    credential: CredentialState,
    coverage: Coverage,
    beat: BeatState,
    active: Sequence[dict[str, Any]],
    last: LastSync | None,
    last_sync_at: datetime | None,
) -> Facts:
    shown = coverage.shown
    expected = _expected(coverage, last_sync_at)
    missed = [entry.forecast.due_at for entry in coverage.entries if entry.forecast.overdue]
    return Facts(
        is_active=identity.is_active,
        has_credential=credential.status == "present",
        credential_at=max((at for at in (credential.connected_at, credential.rotated_at) if at), default=None),
        last_sync_at=last_sync_at,
        succeeded_at=last.success_at if last else None,
        last_error=(last.attempt_error or "") if last else "",
        partial_error=(last.success_error or "") if last else "",
        failures=last.failures if last else 0,
        failing_since=last.failing_since if last else None,
        rejection=(last.rejection or "") if last else "",
        rejected_at=last.rejected_at if last else None,
        scheduled=coverage.scheduled,
        schedule_words=expected.words if expected else shown.words if shown else "",
        schedule_problem=shown.problem if shown else "",
        next_at=coverage.next_at,
        late_at=expected.late_at if expected else None,
        failing_at=expected.failing_at if expected else None,
        missed_at=min((due for due in missed if due), default=None),
        beat_silent_since=beat.since if beat.status == "silent" else None,
        active=_active(active),
    )


@dataclass(frozen=True, kw_only=True)
class _Expected:
    """From when on an identity is late, and failing, and by what schedule."""

    late_at: datetime
    failing_at: datetime
    words: str


def _expected(coverage: Coverage, last_sync_at: datetime | None) -> _Expected | None:
    """Return what the strictest of the schedules that sync it expects; None where none does, or nothing is known."""
    if last_sync_at is None or coverage.scheduled != "on":
        return None
    found = []
    for entry in coverage.entries:
        if not entry.forecast.next_at and not entry.forecast.overdue:
            continue
        since = in_force_since(entry.task)
        limits = deadlines(entry.task, max(last_sync_at, since) if since else last_sync_at)
        if limits:
            found.append(_Expected(late_at=limits[0], failing_at=limits[1], words=entry.words))
    return min(found, key=lambda each: each.late_at, default=None)


def _active(jobs: Sequence[dict[str, Any]]) -> ActiveSync | None:
    if not jobs:
        return None
    first = jobs[0]
    what = "sync" if first["job_type"] == catalog.SYNC else "job"
    running = first["status"] == RUNNING
    # One that is tried again waits for nobody before its time has come.
    due = None if running else first["next_run_at"]
    since = max((at for at in (first["since"], due) if at), default=None)
    return ActiveSync(since=since, running=running, what=what)
