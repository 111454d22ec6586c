"""`manage.py import_core_schedule`: taking over what the core's own beat starts."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django_celery_beat.models import PeriodicTask

from jobs.schedules.core_schedule import ENTRIES, import_core_schedule
from jobs.schedules.operations import pause_all
from jobs.schedules.queries import get
from jobs.schedules.starting import startable, title_of_entry
from opsconsole.audit import AuditLog
from tests.cast import OPERATOR
from tests.schedules.cast import audited, make_schedule
from tests.worker.at_once import at_once

pytestmark = pytest.mark.django_db

ALL = [entry.name for entry in ENTRIES]


def run(*options: str) -> str:
    out = StringIO()
    call_command("import_core_schedule", *options, stdout=out)
    return out.getvalue()


def imported() -> dict[str, tuple[str, str, Any, bool]]:
    rows = PeriodicTask.objects.filter(name__startswith="Core: ")
    return {row.name: (row.task, str(row.scheduler), json.loads(row.kwargs), row.enabled) for row in rows}


def test_the_cores_entries_are_made() -> None:
    out = run("--reason", "We take over.")
    submit = "opsconsole.submit_job"
    found = imported()
    assert found["Core: sync"] == ("opsconsole.sync_identities", "every 2 minutes", {"default": True}, True)
    assert found["Core: sync inbox"] == (
        submit,
        "every minute",
        {"job_type": "ingest.sync_inbox_fast", "payload": {}},
        True,
    )
    for name, task, when in (
        ("database backup", "mysql_dump_local", "0 3 * * *"),
        ("attachments snapshot", "attachments_snapshot_local", "0 4 * * *"),
        ("restore test", "restore_test_local", "0 5 * * 0"),
    ):
        row = PeriodicTask.objects.get(name=f"Core: {name}")
        crontab = row.crontab
        assert json.loads(row.kwargs) == {"job_type": f"maintenance.{task}", "payload": {}}
        fields = (crontab.minute, crontab.hour, crontab.day_of_month, crontab.month_of_year, crontab.day_of_week)
        assert " ".join(fields) == when
        assert str(crontab.timezone) == "UTC"
        assert row.queue == "opsconsole"
    watches = PeriodicTask.objects.get(name="Core: run all watches")
    assert (str(watches.scheduler), json.loads(watches.kwargs)) == (
        "every 5 minutes",
        {"job_type": "scout.run_all_watches", "payload": {}},
    )
    history = PeriodicTask.objects.get(name="Core: clean up watch history")
    assert (history.crontab.minute, history.crontab.hour, history.crontab.day_of_week) == ("0", "2", "*")
    assert json.loads(history.kwargs) == {
        "job_type": "maintenance.cleanup_scout_watch_history",
        "payload": {"retention_days": 3},
    }
    assert "Stop the core's own beat now" in out
    assert "Not started by this console" not in out
    (entry,) = audited("schedules.import")
    assert entry["request"]["reason"] == "We take over."
    assert len(entry["response"]["made"]) == len(ENTRIES) == 7


def test_those_that_submit_jobs_can_be_run_now_and_say_what_they_start() -> None:
    run()
    for row in PeriodicTask.objects.filter(task="opsconsole.submit_job"):
        assert startable(get(row.pk)).title
        assert title_of_entry(get(row.pk)) in {
            "Sync inbox",
            "Database backup (core)",
            "Attachments snapshot (core)",
            "Restore test (core)",
            "Run all watches",
            "Clean up watch history",
        }


def test_a_second_time_nothing_is_made_and_nothing_written_down() -> None:
    run()
    before, rows = imported(), AuditLog.objects.count()
    PeriodicTask.objects.filter(name="Core: sync").update(enabled=False)
    out = run()
    assert "left as it is: Core: sync\n" in out
    assert "Nothing to do" in out
    assert imported() == before | {"Core: sync": (*before["Core: sync"][:3], False)}
    assert AuditLog.objects.count() == rows


def test_one_that_somebody_renamed_or_made_by_hand_counts_as_there() -> None:
    make_schedule("opsconsole.sync_identities", '{ "default": true }', name="Mine")
    make_schedule("opsconsole.sync_identities", "{broken", name="Broken")
    out = run()
    assert "left as it is: Core: sync\n" in out
    assert "Core: sync" not in imported()
    assert len(imported()) == 6


def test_they_can_be_made_switched_off() -> None:
    out = run("--disabled")
    assert {enabled for *_, enabled in imported().values()} == {False}
    assert "Made, off: Core: sync\n" in out
    assert f"Not started by this console: {', '.join(ALL)}." in out
    assert "Keep the core's own beat running" in out
    assert "Stop the core's own beat now" not in out


@pytest.mark.parametrize(
    "off",
    [
        *([name] for name in ALL),
        ["Core: sync", "Core: restore test"],
        ["Core: run all watches", "Core: clean up watch history"],
        ALL,
    ],
    ids=" and ".join,
)
def test_those_that_are_off_are_named_and_the_cores_beat_must_go_on(off: list[str]) -> None:
    run()
    PeriodicTask.objects.filter(name__in=off).update(enabled=False)
    for options in ((), ("--dry-run",), ("--disabled",)):
        out = run(*options)
        assert f"Not started by this console: {', '.join(off)}." in out
        assert "Keep the core's own beat running" in out
        assert "Stop the core's own beat now" not in out


def test_one_of_two_alike_that_is_on_is_enough() -> None:
    run()
    PeriodicTask.objects.filter(name="Core: sync").update(enabled=False)
    make_schedule("opsconsole.sync_identities", '{"default": true}', name="Mine")
    assert "Stop the core's own beat now" in run()


@pytest.mark.parametrize(
    ("job_type", "name"),
    [
        ("ingest.sync_inbox_fast", "Core: sync inbox"),
        ("maintenance.restore_test_local", "Core: restore test"),
        ("scout.run_all_watches", "Core: run all watches"),
    ],
)
def test_one_whose_type_no_schedule_may_start_is_not_made_and_is_named(settings: Any, job_type: str, name: str) -> None:
    settings.JOB_TYPES = {job_type: {"at_most_once": True}}
    out = run()
    assert f"Not started by this console: {name}." in out
    assert sorted(imported()) == sorted(set(ALL) - {name})
    assert f"Not started by this console: {name}." in run()


def test_a_pause_leaves_all_of_them() -> None:
    run()
    pause_all(actor=OPERATOR)
    out = run()
    assert f"Not started by this console: {', '.join(ALL)}." in out


def test_a_dry_run_makes_nothing() -> None:
    out = run("--dry-run")
    assert "Would be made, on: Core: sync\n" in out
    assert imported() == {}
    assert not AuditLog.objects.exists()


def test_during_a_pause_nothing_that_would_run_is_made() -> None:
    pause_all(actor=OPERATOR)
    with pytest.raises(CommandError, match="All schedules are paused"):
        run()
    assert imported() == {}
    assert len(audited("schedules.import", result="error")) == 1
    run("--disabled")
    assert len(imported()) == 7


@pytest.mark.django_db(transaction=True)
def test_of_several_who_import_at_once_one_makes_the_entries_and_the_others_find_them() -> None:
    for _ in range(3):
        PeriodicTask.objects.filter(name__startswith="Core: ").delete()
        answers = at_once([lambda: import_core_schedule(actor=OPERATOR)] * 4)
        assert [answer for answer in answers if isinstance(answer, Exception)] == []
        assert sorted(len(answer.made) for answer in answers) == [0, 0, 0, 7]
