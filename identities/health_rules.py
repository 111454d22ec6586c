"""The rules of health: each looks at one side of the facts, and yields what there is to say of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.conf import settings

from identities.health_facts import Facts, Reason, State
from opsconsole.formatting import count, first_line, relative, rough

ERROR_LENGTH: Final = 160


def credential(facts: Facts, now: datetime) -> Iterable[Reason]:
    """Say whether the provider lets it in."""
    connect = "Connect the account again in the core, then sync."
    if facts.rejection:
        said = first_line(facts.rejection, ERROR_LENGTH)
        when = f", {relative(facts.rejected_at, now)}" if facts.rejected_at else ""
        todo = connect
        if facts.credential_at and facts.rejected_at and facts.credential_at > facts.rejected_at:
            todo = "It has another one since then; sync now to see whether that is accepted."
        yield Reason(
            code="credential_rejected",
            what=f"The provider refuses its credential (“{said}”{when}).",
            todo=todo,
            status="critical",
            state=State.ACTION_REQUIRED,
        )
    elif not facts.has_credential:
        yield _without_credential(facts, now, connect.replace(" again", ""))


def _without_credential(facts: Facts, now: datetime, connect: str) -> Reason:
    """Return the reason for an identity without its own credential, which may have another way to sync.

    The reason says that the last sync succeeded only if the result of that sync says so.
    """
    missing = "No credential of its own"
    if facts.last_sync_at is None or facts.failures or _past(facts.late_at, now):
        return Reason(
            code="credential_missing",
            what=f"{missing}.",
            todo=connect,
            status="critical",
            state=State.ACTION_REQUIRED,
        )
    if facts.succeeded_at is None:
        what = f"{missing}. Only its newest message shows that it has synced."
    elif facts.partial_error:
        what = f"{missing}, though its last sync succeeded in part."
    else:
        what = f"{missing}, though its last sync succeeded."
    # Without a schedule or a result, the next sync may fail.
    certain = facts.scheduled == "on" and facts.succeeded_at is not None
    return Reason(
        code="credential_missing",
        what=what,
        todo="" if certain else connect,
        status="unknown" if certain else "warning",
        state=State.ON_TRACK,
    )


def attempts(facts: Facts, now: datetime) -> Iterable[Reason]:
    """Say how the last attempts ended."""
    said = first_line(facts.last_error, ERROR_LENGTH)
    quoted = f": “{said}”." if said else "."
    if facts.failures >= settings.SYNC_FAILING_AFTER_FAILURES:
        first = f", the first of them {relative(facts.failing_since, now)}" if facts.failing_since else ""
        yield Reason(
            code="failing",
            what=f"The last {count(facts.failures, 'attempt')} failed{first}{quoted}",
            todo="Mend what it names, then sync.",
            status="critical",
            state=State.FAILING,
        )
    elif facts.failures:
        yield Reason(
            code="last_attempt_failed",
            what=f"The last attempt failed{quoted}",
            todo="It is tried again; sync now if you can't wait.",
            status="warning",
            state=State.ON_TRACK if facts.last_sync_at else State.PENDING,
        )
    elif facts.partial_error:
        left_out = first_line(facts.partial_error, ERROR_LENGTH)
        yield Reason(
            code="partial",
            what=f"The last sync succeeded but left something out: “{left_out}”.",
            todo="What it brought is stored; the rest may come with the next one.",
            status="warning",
            state=State.ON_TRACK,
        )


def time_since(facts: Facts, now: datetime) -> Iterable[Reason]:
    """Say whether it is late, by its schedule."""
    if facts.last_sync_at is None or not _past(facts.late_at, now):
        return
    expected = f", though one is expected {facts.schedule_words}" if facts.schedule_words else ""
    what = f"No sync has succeeded for {rough((now - facts.last_sync_at).total_seconds())}{expected}."
    if facts.active is not None:
        todo = f"A {facts.active.what} is {'running' if facts.active.running else 'waiting'} now."
    elif facts.beat_silent_since is not None:
        todo = "See to it that beat runs, or sync now."
    else:
        todo = "Sync now, and see what becomes of it."
    if _past(facts.failing_at, now):
        yield Reason(code="not_synced", what=what, todo=todo, status="critical", state=State.FAILING)
    else:
        yield Reason(code="late", what=what, todo=todo, status="warning", state=State.LATE)


def active(facts: Facts, now: datetime) -> Iterable[Reason]:
    """Say whether what runs or waits does so for too long."""
    active = facts.active
    if active is None or active.since is None:
        return
    seconds = (now - active.since).total_seconds()
    if active.running and seconds > settings.SYNC_LONG_AFTER_SECONDS and active.what == "sync":
        yield Reason(
            code="running_long",
            what=f"A sync has been running for {rough(seconds)}.",
            todo="Open its job, and cancel it if it goes no further.",
            status="warning",
            state=State.ON_TRACK,
        )
    elif not active.running and seconds > settings.SYNC_GRACE_SECONDS:
        yield Reason(
            code="waiting_long",
            what=f"A {active.what} has been waiting for {rough(seconds)}.",
            todo="See to it that a worker runs and listens on its queue.",
            status="warning",
            state=State.ON_TRACK,
        )


def schedule(facts: Facts, now: datetime) -> Iterable[Reason]:
    """Say whether a schedule syncs it."""
    problem = facts.schedule_problem or "nothing says why."
    known = {
        "off": ("schedule_off", "Its schedule is switched off, so it is synced by hand only.", "Switch it on."),
        "paused": ("schedules_paused", "All schedules are paused, so it isn't synced.", "Resume them."),
        "broken": ("schedule_broken", f"Its schedule never runs: {_lower(problem)}", "Set another one."),
        "missing": ("schedule_missing", "No schedule syncs it, while others have one.", "Give it one."),
    }
    if facts.scheduled in known:
        code, what, todo = known[facts.scheduled]
        yield Reason(code=code, what=what, todo=todo, status="warning", state=State.UNKNOWN)
    elif facts.scheduled == "elsewhere":
        yield Reason(
            code="not_scheduled_here",
            what="No schedule here syncs it.",
            todo="The core's own beat may, of which nothing is known here; give it a schedule to have it watched.",
            status="unknown",
            state=State.UNKNOWN,
        )


def beat(facts: Facts, now: datetime) -> Iterable[Reason]:
    """Say whether beat starts it."""
    if facts.scheduled != "on":
        return
    if facts.beat_silent_since is not None:
        yield Reason(
            code="beat_silent",
            what=f"Beat has started nothing since {facts.beat_silent_since:%H:%M} UTC "
            f"({relative(facts.beat_silent_since, now)}), though something was due.",
            todo="See to it that the beat process runs.",
            status="warning",
            state=State.ON_TRACK,
        )
    elif facts.missed_at is not None:
        yield Reason(
            code="run_missed",
            what=f"Beat has missed the sync that was due {relative(facts.missed_at, now)}, though it starts others.",
            todo="Sync now; if it happens again, look at beat's log.",
            status="warning",
            state=State.ON_TRACK,
        )


def evidence(facts: Facts, now: datetime) -> Iterable[Reason]:
    """Say whether it has ever synced."""
    if facts.last_sync_at is not None or facts.failures:
        return
    if facts.scheduled == "elsewhere":
        yield Reason(
            code="never_synced",
            what="Nothing shows that it has ever synced.",
            todo="Sync it now.",
            status="unknown",
            state=State.UNKNOWN,
        )
        return
    todo = "Sync it now."
    if facts.active is not None:
        todo = f"A {facts.active.what} is {'running' if facts.active.running else 'waiting'} now."
    elif facts.next_at is not None:
        todo = f"The first sync is expected {relative(facts.next_at, now)}."
    yield Reason(code="never_synced", what="It has never synced.", todo=todo, status="unknown", state=State.PENDING)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _past(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and now > moment


RULES: Final = (credential, attempts, time_since, active, schedule, beat, evidence)
