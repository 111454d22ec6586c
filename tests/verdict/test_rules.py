"""The rules of the verdict, on facts that no database knows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.pulse import Sweeper, Waiting, Work, Worker
from opsconsole.verdict import PARTS, assess
from opsconsole.verdict.facts import Beat, Facts, Finding, Pause
from opsconsole.verdict.representation import link_of

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


def a_worker(name: str = "core@a", *queues: str, seen_at: datetime | None = None) -> Worker:
    return Worker(hostname=name, queues=queues or ("ingest",), seen_at=seen_at or ago(seconds=20))


def waiting(queue: str = "ingest", jobs: int = 1, **age: float) -> Waiting:
    return Waiting(queue=queue, jobs=jobs, oldest_at=ago(**(age or {"seconds": 1})))


def work(*found: Waiting, **values: Any) -> dict[str, Any]:
    return {"work": Work(waiting=found, **values)}


def pause(**values: Any) -> dict[str, Any]:
    default = {"schedules": 3, "since": ago(minutes=10), "by": "olivia", "reason": "The provider is down."}
    return {"pause": Pause(**{**default, **values}), "beat": Beat(status="paused", since=ago(minutes=10))}


def a_sweeper(name: str = "7@host", *, alive: float = 15, ticked: float = 15) -> Sweeper:
    return Sweeper(
        name=name, alive_at=ago(seconds=alive), ticked_at=ago(seconds=ticked), waits_since=ago(seconds=ticked)
    )


WELL = Facts(as_of=NOW, sweepers=(a_sweeper(),), workers=(a_worker(),), beat=Beat(status="running", missed=()))


def test_where_all_is_well_there_is_nothing_to_say() -> None:
    verdict = assess(WELL)
    assert (verdict.status, verdict.reasons, verdict.as_of) == ("ok", (), NOW)
    assert verdict.parts == dict.fromkeys(PARTS, "ok")


@pytest.mark.parametrize(
    ("facts", "part", "severity", "code", "message", "link"),
    [
        (
            {"unread": {"broker": "The broker can't be reached."}},
            "broker",
            "critical",
            "broker_unreachable",
            (
                "The broker can't be reached. See to it that Redis runs; what is submitted meanwhile is handed "
                "over as soon as it does."
            ),
            "/admin/machinery/",
        ),
        (
            {"sweepers": (a_sweeper(alive=300, ticked=300),)},
            "workers",
            "critical",
            "sweeper_silent",
            (
                "No sweeper has been at work since 11:55 UTC (5 min ago): what is put off isn't handed over, and "
                "what has ended isn't settled. Start one with “manage.py run_sweeper”."
            ),
            "/admin/machinery/",
        ),
        (
            {"sweepers": ()},
            "workers",
            "critical",
            "sweeper_silent",
            (
                "No sweeper has ever run: what is put off isn't handed over, and what has ended isn't settled. "
                "Start one with “manage.py run_sweeper”."
            ),
            "/admin/machinery/",
        ),
        (
            {"sweepers": (a_sweeper(ticked=300),)},
            "workers",
            "critical",
            "sweeper_behind",
            (
                "Sweeper 7@host is alive, but has completed no tick since 11:55 UTC (5 min ago). Finished jobs aren't "
                "settled, and waiting jobs aren't handed over. Find the hanging step in the log, or what blocks it in "
                "the database. If it doesn't recover, restart the sweeper."
            ),
            "/admin/machinery/",
        ),
        (
            {"sweepers": (a_sweeper(), a_sweeper("8@other", ticked=300))},
            "workers",
            "warning",
            "sweeper_behind",
            (
                "Sweeper 8@other is alive, but has completed no tick since 11:55 UTC (5 min ago). Find the hanging "
                "step in the log, or what blocks it in the database. If it doesn't recover, restart the sweeper."
            ),
            "/admin/machinery/",
        ),
        (
            {"workers": ()},
            "workers",
            "critical",
            "no_worker_online",
            "No worker is online: jobs will not be processed. Start the workers.",
            "/admin/machinery/",
        ),
        (
            {"workers": (a_worker(seen_at=ago(minutes=4)),), **work(waiting(), waiting("messages", 2))},
            "workers",
            "critical",
            "no_worker_online",
            "No worker is online: jobs will not be processed. 3 jobs wait. Start the workers.",
            "/admin/machinery/",
        ),
        (
            work(waiting("messages", 2, minutes=1), waiting("ingest")),
            "workers",
            "critical",
            "queue_without_worker",
            (
                "No worker is online for the queue “messages”: its 2 jobs that wait will not be processed. Start "
                "a worker that listens on it."
            ),
            "/admin/jobs/job/?status=queued%2Cretrying&queue_name=messages",
        ),
        (
            {"workers": (a_worker(), a_worker("core@b", seen_at=ago(minutes=4)))},
            "workers",
            "warning",
            "workers_stale",
            (
                "1 worker has not answered since 11:56 UTC (4 min ago): core@b. Restart it if it should run. "
                "A stopped worker disappears after 12 minutes."
            ),
            "/admin/machinery/",
        ),
        (
            {"beat": Beat(status="silent", since=ago(minutes=9), missed=("Sync", "Backup"))},
            "beat",
            "critical",
            "beat_silent",
            (
                "Beat has started nothing since 11:51 UTC (9 min ago), though 2 schedules were due. See to it "
                "that the beat process runs."
            ),
            "/admin/django_celery_beat/periodictask/",
        ),
        (
            {"beat": Beat(status="running", missed=("a", "b", "c", "d", "e"))},
            "beat",
            "warning",
            "runs_missed",
            (
                "Beat has missed 5 runs, though it starts others: a, b, c and 2 more. Run what is missing now; if"
                " it happens again, look at beat's log."
            ),
            "/admin/django_celery_beat/periodictask/",
        ),
        (
            pause(),
            "beat",
            "warning",
            "schedules_paused",
            (
                "3 schedules are paused since 11:50 UTC (10 min ago), by olivia (“The provider is down.”): beat "
                "starts none of what was on then. Resume when the reason is gone."
            ),
            "/admin/django_celery_beat/periodictask/",
        ),
        (
            pause(schedules=1, reason="", since=ago(days=2)),
            "beat",
            "warning",
            "schedules_paused",
            (
                "1 schedule is paused since 2026-01-29 12:00 UTC (2 d ago), by olivia: beat starts none of what "
                "was on then. Resume when the reason is gone."
            ),
            "/admin/django_celery_beat/periodictask/",
        ),
        (
            work(waiting(minutes=14)),
            "queue",
            "warning",
            "queue_age",
            (
                "The oldest queued job has been waiting for 14 min, in the queue “ingest”. See whether its "
                "workers keep up, or start more of them."
            ),
            "/admin/jobs/job/?status=queued%2Cretrying&queue_name=ingest",
        ),
        (
            work(waiting(minutes=31)),
            "queue",
            "critical",
            "queue_age",
            (
                "The oldest queued job has been waiting for 31 min, in the queue “ingest”. See whether its "
                "workers keep up, or start more of them."
            ),
            "/admin/jobs/job/?status=queued%2Cretrying&queue_name=ingest",
        ),
        (
            work(stuck=1),
            "queue",
            "warning",
            "stuck_jobs",
            "1 job is stuck. Open it: it says why, and what can be done about it.",
            "/admin/jobs/job/?stuck=true",
        ),
        (
            work(stuck=1_200, more=True),
            "queue",
            "warning",
            "stuck_jobs",
            "At least 1,200 jobs are stuck. Open them: each says why, and what can be done about it.",
            "/admin/jobs/job/?stuck=true",
        ),
        (
            {"failed": 20},
            "failures",
            "warning",
            "many_failures",
            "20 jobs have failed within the last hour. See what their errors say, mend that, and retry them.",
            "/admin/jobs/job/?status=failed",
        ),
        (
            {"failed": 100},
            "failures",
            "critical",
            "many_failures",
            "100 jobs have failed within the last hour. See what their errors say, mend that, and retry them.",
            "/admin/jobs/job/?status=failed",
        ),
        (
            {"sync": (Finding(code="late", what="2 identities are late.", todo="Look.", severity="warning"),)},
            "sync",
            "warning",
            "sync_late",
            "2 identities are late. Look.",
            "/admin/identities/identity/",
        ),
        (
            {"backup": (Finding(code="not_configured", what="No folder is set.", severity="unknown"),)},
            "backup",
            "unknown",
            "backup_not_configured",
            "No folder is set.",
            "/admin/backups/backuprun/",
        ),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do_and_where(
    facts: dict[str, Any], part: str, severity: str, code: str, message: str, link: str
) -> None:
    verdict = assess(replace(WELL, **facts))
    (reason,) = verdict.reasons
    assert (reason.part, reason.severity, reason.code) == (part, severity, code)
    assert reason.message == message
    assert link_of(reason) == link
    assert verdict.status == severity
    others = set(PARTS) - {part} - ({"workers"} if part == "broker" else set())
    assert {verdict.parts[other] for other in others} == {"ok"}
    assert verdict.parts[reason.part] == severity


@pytest.mark.parametrize(
    "facts",
    [
        {"sweepers": (a_sweeper(alive=119, ticked=119),)},
        # A stopped sweeper, and one that has taken over.
        {"sweepers": (a_sweeper(), a_sweeper("6@host", alive=300, ticked=300))},
        {"workers": (a_worker(seen_at=ago(seconds=89)),)},
        work(waiting(seconds=299)),
        {"failed": 19},
        work(more=True),
        # Nothing is expected of it yet.
        {"beat": Beat(status="idle")},
        {"beat": Beat(status="paused")},
    ],
)
def test_what_is_within_its_limits_is_no_reason(facts: dict[str, Any]) -> None:
    verdict = assess(replace(WELL, **facts))
    assert (verdict.status, verdict.reasons) == ("ok", ())


def test_the_limits_are_the_settings(settings: Any) -> None:
    settings.QUEUE_AGE_WARNING_SECONDS, settings.QUEUE_AGE_CRITICAL_SECONDS = 10.0, 20.0
    settings.FAILURES_WARNING, settings.FAILURES_CRITICAL = 2, 3
    settings.WORKER_SILENT_SECONDS, settings.SWEEPER_SILENT_SECONDS = 500.0, 500.0
    old = ago(seconds=499)
    for failed, seconds, severity in ((2, 10, "warning"), (3, 20, "critical")):
        facts = replace(
            WELL,
            sweepers=(a_sweeper(alive=499, ticked=499),),
            workers=(a_worker(seen_at=old),),
            failed=failed,
            **work(waiting(seconds=seconds)),
        )
        found = {(reason.code, reason.severity) for reason in assess(facts).reasons}
        assert found == {("queue_age", severity), ("many_failures", severity)}


def test_the_worst_comes_first_and_counts() -> None:
    facts = replace(
        WELL,
        failed=20,
        backup=(Finding(code="not_configured", what="None.", severity="unknown"),),
        **work(waiting(minutes=31)),
    )
    verdict = assess(facts)
    assert [reason.severity for reason in verdict.reasons] == ["critical", "warning", "unknown"]
    assert verdict.status == "critical"


def test_what_nobody_can_tell_is_unknown_and_not_green() -> None:
    idle = assess(replace(WELL, beat=Beat(status="idle")))
    assert (idle.parts["beat"], idle.status) == ("unknown", "ok")
    # Workers answer through the broker: without it, nobody knows of them.
    unheard = assess(replace(WELL, workers=(), unread={"broker": "The broker can't be reached."}))
    assert [reason.code for reason in unheard.reasons] == ["broker_unreachable"]
    assert unheard.parts["workers"] == "unknown"


def test_a_part_that_can_not_be_read_is_a_reason_itself() -> None:
    verdict = assess(replace(WELL, failed=20, unread={"sync": "How the syncs are doing can't be read."}))
    assert [(reason.part, reason.code, reason.severity) for reason in verdict.reasons] == [
        ("sync", "sync_unreadable", "warning"),
        ("failures", "many_failures", "warning"),
    ]
    assert verdict.parts["sync"] == "unknown"


def test_without_the_database_one_reason_stands_for_all() -> None:
    unread: Any = {part: "It can't be read." for part in PARTS if part != "broker"}
    verdict = assess(replace(WELL, unread=unread))
    (reason,) = verdict.reasons
    assert (reason.code, reason.severity, link_of(reason)) == ("database_unreachable", "critical", None)
    assert verdict.parts == {
        **dict.fromkeys(PARTS, "unknown"),
        "database": "critical",
        "broker": "ok",
    }


def test_parts_that_nobody_asked_for_do_not_count() -> None:
    verdict = assess(replace(WELL, asked=("database", "failures"), workers=(), failed=1))
    assert (verdict.status, verdict.parts) == ("ok", {"database": "ok", "failures": "ok"})


def test_a_name_with_something_private_in_it_is_neither_said_nor_linked() -> None:
    private = "redis://u:hunter2@h/0"
    gone = a_worker(f"core@{private}", seen_at=ago(minutes=4))
    facts = replace(WELL, workers=(a_worker(), gone), **work(waiting(private, minutes=31)))
    reasons = assess(facts).reasons
    assert [reason.code for reason in reasons] == ["queue_without_worker", "queue_age", "workers_stale"]
    assert not [reason for reason in reasons if "hunter2" in f"{reason.message} {link_of(reason)}"]
    assert "status=queued%2Cretrying" in str(link_of(reasons[0]))


@pytest.mark.parametrize("code", ["beat_silent", "schedules_paused"])
def test_what_beats_part_says_of_all_schedules_backups_do_not_say_once_more(code: str) -> None:
    found = (
        Finding(code=code, what="Beat.", severity="warning"),
        Finding(code="too_old", what="Old.", severity="warning"),
    )
    assert [reason.code for reason in assess(replace(WELL, backup=found)).reasons] == ["backup_too_old"]
    without_beat = (
        replace(WELL, backup=found, asked=("backup",)),
        replace(WELL, backup=found, unread={"beat": "What is known of beat can't be read."}),
    )
    for facts in without_beat:
        assert f"backup_{code}" in [reason.code for reason in assess(facts).reasons]
