"""The rules of health, as a table: facts on the left, what an operator reads on the right."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from identities.health import ActiveSync, Facts, Health, State, assess, overall

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def on_track(**changes: Any) -> Facts:
    """An identity that synced four minutes ago, every ten minutes."""
    facts: dict[str, Any] = {
        "last_sync_at": ago(4),
        "succeeded_at": ago(4),
        "schedule_words": "every 10 minutes",
        "next_at": ago(-6),
        "late_at": ago(-7),
        "failing_at": ago(-17),
    }
    return Facts(**{**facts, **changes})


LATE = {"last_sync_at": ago(14), "late_at": ago(3), "failing_at": ago(-7)}
VERY_LATE = {"last_sync_at": ago(40), "late_at": ago(29), "failing_at": ago(19)}
NEVER = {"last_sync_at": None, "succeeded_at": None, "late_at": None, "failing_at": None}
REFUSED = {"rejection": "401 invalid_grant: token expired", "rejected_at": ago(3), "failures": 1}


@pytest.mark.parametrize(
    ("facts", "state", "status", "codes"),
    [
        (on_track(), "on_track", "ok", []),
        (on_track(active=ActiveSync(since=ago(1), running=True)), "on_track", "ok", []),
        (on_track(is_active=False, failures=9, rejection="401"), "inactive", "unknown", ["inactive"]),
        # what went wrong last
        (on_track(failures=1, last_error="429"), "on_track", "warning", ["last_attempt_failed"]),
        (on_track(failures=2, last_error="429"), "failing", "critical", ["failing"]),
        (on_track(partial_error="image gone"), "on_track", "warning", ["partial"]),
        (on_track(failures=1, partial_error="image gone"), "on_track", "warning", ["last_attempt_failed"]),
        # the credential
        (on_track(**REFUSED), "action_required", "critical", ["credential_rejected", "last_attempt_failed"]),
        (on_track(has_credential=False), "on_track", "ok", ["credential_missing"]),
        (on_track(has_credential=False, **LATE), "action_required", "critical", ["credential_missing", "late"]),
        (on_track(has_credential=False, failures=1), "action_required", "critical", None),
        (on_track(has_credential=False, **NEVER), "action_required", "critical", None),
        # Nobody can tell what a core's own beat does with it.
        (on_track(has_credential=False, scheduled="elsewhere"), "unknown", "warning", None),
        (on_track(has_credential=False, scheduled="elsewhere", **NEVER), "action_required", "critical", None),
        (on_track(has_credential=False, scheduled="paused"), "unknown", "warning", None),
        (on_track(has_credential=False, scheduled="off"), "unknown", "warning", None),
        (on_track(has_credential=False, scheduled="missing"), "unknown", "warning", None),
        # time
        (on_track(**LATE), "late", "warning", ["late"]),
        (on_track(**VERY_LATE), "failing", "critical", ["not_synced"]),
        (on_track(late_at=None, failing_at=None, last_sync_at=ago(10_000)), "on_track", "ok", []),
        (on_track(**VERY_LATE, failures=3), "failing", "critical", ["failing", "not_synced"]),
        # what runs
        (on_track(active=ActiveSync(since=ago(20), running=True)), "on_track", "warning", ["running_long"]),
        (on_track(active=ActiveSync(since=ago(20), running=True, what="job")), "on_track", "ok", []),
        (on_track(active=ActiveSync(since=ago(2), running=False)), "on_track", "warning", ["waiting_long"]),
        # the schedule
        (on_track(scheduled="off"), "unknown", "warning", ["schedule_off"]),
        (on_track(scheduled="paused"), "unknown", "warning", ["schedules_paused"]),
        (on_track(scheduled="missing"), "unknown", "warning", ["schedule_missing"]),
        (on_track(scheduled="broken", schedule_problem="It has expired."), "unknown", "warning", ["schedule_broken"]),
        (on_track(scheduled="elsewhere"), "unknown", "unknown", ["not_scheduled_here"]),
        (on_track(scheduled="elsewhere", failures=2), "failing", "critical", ["failing", "not_scheduled_here"]),
        # beat
        (on_track(beat_silent_since=ago(3)), "on_track", "warning", ["beat_silent"]),
        (on_track(beat_silent_since=ago(3), scheduled="off"), "unknown", "warning", ["schedule_off"]),
        (on_track(missed_at=ago(3)), "on_track", "warning", ["run_missed"]),
        (on_track(missed_at=ago(3), beat_silent_since=ago(3)), "on_track", "warning", ["beat_silent"]),
        # no evidence: never late
        (on_track(**NEVER), "pending", "unknown", ["never_synced"]),
        (on_track(**NEVER, failures=1), "pending", "warning", ["last_attempt_failed"]),
        (on_track(**NEVER, scheduled="elsewhere"), "unknown", "unknown", ["not_scheduled_here", "never_synced"]),
        (on_track(**NEVER, scheduled="missing"), "pending", "warning", ["schedule_missing", "never_synced"]),
    ],
)
def test_facts_make_a_state_and_its_reasons(facts: Facts, state: str, status: str, codes: list[str] | None) -> None:
    found = assess(facts, now=NOW)
    assert (found.state, found.status) == (state, status)
    if codes is not None:
        assert [reason.code for reason in found.reasons] == codes


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (on_track(**LATE), "No sync has succeeded for 14 min, though one is expected every 10 minutes. Sync now"),
        (on_track(**LATE, active=ActiveSync(since=ago(1), running=True)), "A sync is running now."),
        (on_track(**LATE, active=ActiveSync(since=ago(1), running=False, what="job")), "A job is waiting now."),
        (on_track(**LATE, beat_silent_since=ago(5)), "See to it that beat runs"),
        (on_track(**REFUSED), "(“401 invalid_grant: token expired”, 3 min ago). Connect the account again in the core"),
        (on_track(**REFUSED, credential_at=ago(9)), "Connect the account again in the core"),
        (on_track(**REFUSED, credential_at=ago(1)), "It has another one since then; sync now to see"),
        (
            on_track(failures=3, failing_since=ago(50), last_error="429\nmore"),
            "The last 3 attempts failed, the first of",
        ),
        (on_track(failures=3, failing_since=ago(50), last_error="429\nmore"), "50 min ago: “429”. Mend what it names"),
        (on_track(scheduled="broken", schedule_problem="It has expired."), "never runs: it has expired. Set another"),
        (on_track(beat_silent_since=ago(3)), "Beat has started nothing since 11:57 UTC (3 min ago)"),
        (on_track(**NEVER), "It has never synced. The first sync is expected in 6 min."),
        (on_track(active=ActiveSync(since=ago(2), running=False)), "See to it that a worker runs and listens"),
    ],
)
def test_a_reason_says_what_is_wrong_and_what_to_do(facts: Facts, words: str) -> None:
    assert words in " ".join(reason.message for reason in assess(facts, now=NOW).reasons)


BY_MESSAGES = {"succeeded_at": None}
SUCCEEDED = "No credential of its own, though its last sync succeeded."
IN_PART = "No credential of its own, though its last sync succeeded in part."
MISSING = "No credential of its own."
BY_A_MESSAGE = "No credential of its own. Only its newest message shows that it has synced."


@pytest.mark.parametrize("scheduled", ["on", "off", "paused", "broken", "missing", "elsewhere"])
@pytest.mark.parametrize(
    ("changes", "words", "status"),
    [
        ({}, SUCCEEDED, "unknown"),
        # A message that arrived after the sync, and one with an earlier date.
        ({"last_sync_at": ago(1)}, SUCCEEDED, "unknown"),
        ({"partial_error": "image gone"}, IN_PART, "unknown"),
        (BY_MESSAGES, BY_A_MESSAGE, "warning"),
        (NEVER, MISSING, "critical"),
        ({"failures": 1, "last_error": "ReadTimeout"}, MISSING, "critical"),
        ({"failures": 1, "partial_error": "image gone"}, MISSING, "critical"),
        ({"failures": 3, **BY_MESSAGES}, MISSING, "critical"),
        ({"failures": 1, **NEVER}, MISSING, "critical"),
        (LATE, MISSING, "critical"),
        ({**LATE, **BY_MESSAGES}, MISSING, "critical"),
        ({**VERY_LATE, "partial_error": "image gone"}, MISSING, "critical"),
    ],
)
def test_a_sync_without_a_credential_succeeded_only_where_its_result_says_so(
    changes: dict[str, Any], words: str, status: str, scheduled: Any
) -> None:
    found = assess(on_track(has_credential=False, scheduled=scheduled, **changes), now=NOW)
    (reason,) = [reason for reason in found.reasons if reason.code == "credential_missing"]
    # Without a schedule, it is unknown whether the next sync succeeds.
    uncertain = status == "unknown" and scheduled != "on"
    assert (reason.what, reason.status) == (words, "warning" if uncertain else status)
    assert bool(reason.todo) == (uncertain or status != "unknown")


def test_an_error_of_many_lines_and_pages_is_cut_to_its_first_line() -> None:
    (reason,) = assess(on_track(failures=2, last_error="x" * 5_000 + "\nsecret line"), now=NOW).reasons
    assert len(reason.message) < 300
    assert "secret line" not in reason.message


def health(state: State, status: Any) -> Health:
    return Health(state=state, status=status)


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        ([], "unknown", "There is no active identity, so nothing is synced."),
        ([health(State.INACTIVE, "unknown")], "unknown", "There is no active identity, so nothing is synced."),
        ([health(State.ON_TRACK, "ok"), health(State.INACTIVE, "unknown")], "ok", ""),
        ([health(State.ON_TRACK, "ok"), health(State.UNKNOWN, "unknown")], "unknown", "1 identity is not known to be"),
        ([health(State.LATE, "warning")] * 2 + [health(State.ON_TRACK, "ok")], "warning", "2 identities are late."),
        ([health(State.LATE, "warning"), health(State.FAILING, "critical")], "critical", "1 identity is failing."),
        ([health(State.ACTION_REQUIRED, "critical")], "critical", "1 identity needs somebody to act."),
        ([health(State.PENDING, "unknown")] * 3, "unknown", "3 identities have never synced."),
        ([health(State.ON_TRACK, "warning")], "warning", "1 identity is on track, with something to look at."),
    ],
)
def test_the_worst_identity_decides_for_all(found: list[Health], status: str, words: str) -> None:
    together = overall(found)
    assert together.status == status
    sentences = " ".join(reason.message for reason in together.reasons)
    assert (words in sentences) if words else not sentences
