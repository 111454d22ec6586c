"""What is expected of a periodic task, case by case."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from celery.schedules import ParseException
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from jobs.schedules.defects import message_defect
from jobs.schedules.forecast import PICK_UP, Forecast, deadlines, forecast, grace, occurrence_after
from tests.schedules.rows import CHANGED, NOW, a_task, ago, ahead, clock, cron, every, sun, utc


def next_of(**values: Any) -> datetime | None:
    return forecast(a_task(**values), now=NOW).next_at


# --- the usual ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (every(10) | {"last_run_at": ago(minutes=3)}, ahead(minutes=7)),
        (every(10) | {"date_changed": ago(minutes=4)}, ahead(minutes=6)),
        (every(1, "days") | {"last_run_at": ago(hours=20)}, ahead(hours=4)),
        (every(30, "seconds") | {"last_run_at": ago(seconds=29.5)}, ahead(seconds=0.5)),
        (cron("30 * * * *") | {"last_run_at": ago(minutes=30)}, ahead(minutes=30)),
        (cron("0 3 * * *") | {"last_run_at": utc("2026-01-31 03:00:01")}, utc("2026-02-01 03:00")),
        (cron("0 5 * * sun") | {"last_run_at": utc("2026-01-25 05:00:01")}, utc("2026-02-01 05:00")),
        (cron("0 5 1 * *") | {"date_changed": ago(days=2)}, utc("2026-02-01 05:00")),
        (cron("0 5 29 2 *") | {"date_changed": ago(days=2)}, utc("2028-02-29 05:00")),
        (clock(ahead(hours=3)), ahead(hours=3)),
    ],
)
def test_a_task_is_expected_after_its_last_run_or_its_last_change(values: dict[str, Any], expected: datetime) -> None:
    found = forecast(a_task(**values), now=NOW)

    assert found == Forecast(next_at=expected, due_at=expected)


@pytest.mark.parametrize(
    ("expression", "zone", "last_run_at", "expected"),
    [
        # Half an hour and three quarters off.
        ("0 9 * * *", "Asia/Kolkata", "2026-01-31 03:30", "2026-02-01 03:30"),
        ("0 9 * * *", "Asia/Kathmandu", "2026-01-31 03:15", "2026-02-01 03:15"),
        ("0 0 * * mon", "Pacific/Auckland", "2026-01-25 11:00", "2026-02-01 11:00"),
        # Germany's clocks go forward on 29 March 2026 at 02:00, and back on 25 October at 03:00.
        ("0 3 * * *", "Europe/Berlin", "2026-03-28 02:00", "2026-03-29 01:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-03-28 01:30", "2026-03-29 01:30"),  # a time that is skipped: at 03:30
        ("30 2 * * *", "Europe/Berlin", "2026-03-29 01:30", "2026-03-30 00:30"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24 00:30", "2026-10-25 00:30"),  # a time that comes twice: the first
        ("30 2 * * *", "Europe/Berlin", "2026-10-25 00:30", "2026-10-26 01:30"),
        ("0 12 * * *", "Europe/Berlin", "2026-10-24 10:00", "2026-10-25 11:00"),
        ("0 1 * * *", "Australia/Lord_Howe", "2026-04-03 14:00", "2026-04-04 14:00"),  # back by half an hour
        ("0 3 * * *", "Australia/Lord_Howe", "2026-04-03 16:00", "2026-04-04 16:30"),
    ],
)
def test_a_crontab_goes_by_the_clocks_of_its_time_zone(
    expression: str, zone: str, last_run_at: str, expected: str
) -> None:
    task = a_task(**cron(expression, zone), last_run_at=utc(last_run_at))

    assert forecast(task, now=utc(last_run_at) + timedelta(minutes=1)).next_at == utc(expected)


def test_a_solar_schedule_follows_the_sun() -> None:
    found = next_of(**sun(), last_run_at=ago(hours=5))

    # Berlin, on 1 February: sunrise at 07:48 of a clock that is one hour ahead.
    assert found is not None
    assert abs(found - utc("2026-02-01 06:48")) < timedelta(minutes=2)


def test_a_disabled_task_is_not_expected_and_has_no_problem_for_that() -> None:
    assert forecast(a_task(**every(1), enabled=False), now=NOW) == Forecast()


# --- what is due --------------------------------------------------------------------------------------------------


def test_what_is_due_is_expected_now_while_beat_picks_it_up() -> None:
    found = forecast(a_task(**every(10), last_run_at=ago(minutes=10, seconds=4)), now=NOW)

    assert found == Forecast(next_at=NOW, due_at=ago(seconds=4))


@pytest.mark.parametrize(
    ("values", "due", "expected"),
    [
        (every(10) | {"last_run_at": ago(minutes=47)}, ago(minutes=37), ahead(minutes=3)),
        (every(10) | {"last_run_at": ago(minutes=50)}, ago(minutes=40), NOW),
        (every(7, "microseconds") | {"last_run_at": CHANGED}, CHANGED + timedelta(microseconds=7), None),
        (cron("*/15 * * * *") | {"last_run_at": ago(hours=2)}, ago(hours=1, minutes=45), ahead(minutes=15)),
        (clock(ago(hours=2)), ago(hours=2), NOW),
        # Hours that aren't a plain number are always in beat's memory.
        (cron("0 3,4 * * *") | {"last_run_at": ago(days=1)}, utc("2026-01-31 03:00"), utc("2026-02-01 03:00")),
    ],
)
def test_what_beat_did_not_start_is_rolled_forward_by_its_schedule_and_overdue(
    values: dict[str, Any], due: datetime, expected: datetime | None
) -> None:
    found = forecast(a_task(**values), now=NOW)

    assert (found.due_at, found.overdue) == (due, True)
    assert found.next_at is not None
    assert found.next_at >= NOW
    assert expected is None or found.next_at == expected


def test_it_is_overdue_only_after_the_grace(settings: Any) -> None:
    settings.BEAT_GRACE_SECONDS = 30
    task = a_task(**every(10), last_run_at=ago(minutes=10))

    assert not forecast(task, now=NOW + timedelta(seconds=30)).overdue
    assert forecast(task, now=NOW + timedelta(seconds=30.1)).overdue


def test_the_grace_is_longer_where_beat_writes_its_runs_down_from_time_to_time(settings: Any) -> None:
    settings.BEAT_GRACE_SECONDS = 30
    settings.CELERY_BEAT_SYNC_EVERY = 0

    assert grace() == timedelta(minutes=5, seconds=30)


def test_a_task_that_was_changed_after_it_was_due_is_due_since_the_change() -> None:
    """Its interval may have been shortened just now; beat couldn't know."""
    found = forecast(a_task(**every(10), last_run_at=ago(hours=5), date_changed=ago(seconds=2)), now=NOW)

    assert found == Forecast(next_at=NOW, due_at=ago(seconds=2))


# --- start_time ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (every(10) | {"start_time": ahead(hours=2)}, ahead(hours=2)),
        (every(10) | {"start_time": ahead(hours=2), "last_run_at": ago(hours=1)}, ahead(hours=2)),
        (every(10) | {"start_time": ahead(minutes=2), "last_run_at": ago(minutes=3)}, ahead(minutes=7)),
        (every(10) | {"start_time": ago(days=2), "last_run_at": ago(minutes=3)}, ahead(minutes=7)),
        (every(100, "days") | {"start_time": ahead(hours=2)}, ahead(hours=2)),
        (every(365 * 31, "days") | {"start_time": ahead(hours=2)}, CHANGED + timedelta(days=365)),
        (sun() | {"start_time": ahead(hours=2)}, ahead(hours=2)),
        (clock(ahead(hours=1), start_time=ahead(hours=2)), ahead(hours=2)),
        (clock(ahead(hours=3), start_time=ahead(hours=2)), ahead(hours=3)),
        # A crontab: at its first time after the start, or when beat reads all schedules again.
        (cron("*/2 * * * *") | {"start_time": ahead(minutes=61)}, ahead(minutes=62)),
        (cron("30 * * * *") | {"start_time": ahead(hours=2)}, ahead(hours=2, minutes=5)),
        (cron("30 * * * *") | {"start_time": ahead(minutes=10), "last_run_at": ago(minutes=29)}, ahead(minutes=30)),
        # Made after its start: beat starts it as soon as it sees it.
        (every(1, "days") | {"start_time": ago(days=5), "date_changed": ago(seconds=1)}, NOW),
        (cron("30 * * * *") | {"start_time": ago(days=5), "date_changed": ago(seconds=1)}, NOW),
    ],
)
def test_a_start_time_puts_the_first_run_off(values: dict[str, Any], expected: datetime) -> None:
    assert next_of(**values) == expected


# --- ends ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (every(10) | {"last_run_at": ago(minutes=1), "expires": ago(seconds=1)}, "It has expired."),
        (every(10) | {"last_run_at": ago(minutes=1), "expires": NOW}, "It has expired."),
        (every(10) | {"last_run_at": ago(minutes=1), "expires": ahead(minutes=9)}, "It expires before its next run."),
        (every(10) | {"start_time": ahead(days=2), "expires": ahead(days=1)}, "It expires before its next run."),
        (clock(ago(days=1), total_run_count=1, last_run_at=ago(days=1)), "It runs only once, and has run."),
        (every(10) | {"one_off": True, "total_run_count": 1}, "It runs only once, and has run."),
    ],
)
def test_what_has_ended_is_not_expected_and_says_why(values: dict[str, Any], problem: str) -> None:
    found = forecast(a_task(**values), now=NOW)

    assert (found.next_at, found.problem, found.overdue) == (None, problem, False)


@pytest.mark.parametrize(
    "values",
    [
        {"expires": ahead(minutes=9, seconds=1)},
        {"expire_seconds": 1},
        {"one_off": True},
        {"total_run_count": 5},
    ],
)
def test_what_has_not_ended_is_expected(values: dict[str, Any]) -> None:
    assert next_of(**every(10), last_run_at=ago(minutes=1), **values) == ahead(minutes=9)


def test_what_expires_before_it_is_due_again_is_overdue_all_the_same() -> None:
    found = forecast(a_task(**every(1, "days"), last_run_at=ago(days=1.5), expires=ahead(hours=1)), now=NOW)

    assert (found.next_at, found.overdue) == (None, True)


# --- what is wrong ------------------------------------------------------------------------------------------------

ENDS_BEAT: list[tuple[dict[str, Any], str]] = [
    ({}, "It has no schedule. While it is on, beat can't run at all."),
    (every(10**9, "days"), "Its interval is longer than can be reckoned with. While it is on, beat can't run at all."),
    (
        every(2, "fortnights"),
        "Its interval counts in “fortnights”, which is no unit of time. While it is on, beat can't run at all.",
    ),
    (cron("5, * * * *"), "Its crontab can't be read. While it is on, beat can't run at all."),
]
LEFT_OUT: list[tuple[dict[str, Any], str]] = [
    (cron("0 3 30 2 *"), "Its crontab names a day that never comes: beat leaves it out."),
    (cron("0 3 31 4,6,9 *"), "Its crontab names a day that never comes: beat leaves it out."),
    (cron("61 * * * *"), "Its crontab can't be read: beat leaves it out."),
    (cron("0 3 * * 7"), "Its crontab can't be read: beat leaves it out."),
    (cron("*/0 3 * * *"), "Its crontab can't be read: beat leaves it out."),
    (sun(latitude=91), "Its solar event or its place doesn't exist: beat leaves it out."),
    (sun("moonrise"), "Its solar event or its place doesn't exist: beat leaves it out."),
]
OTHERWISE_WRONG: list[tuple[dict[str, Any], str]] = [
    (every(0), "Its interval isn't longer than zero: beat starts it over and over, without a pause."),
    (every(-5, "hours"), "Its interval isn't longer than zero: beat starts it over and over, without a pause."),
    (every(10**8, "days"), "Its next run can't be reckoned: it lies too far ahead, or never comes."),
    (
        every(10) | cron("0 3 * * *"),
        "It has more than one schedule: beat can't write down that it ran, and starts it at odd times.",
    ),
    (
        clock(ahead(hours=1), one_off=False),
        "It has a fixed time but isn't one-off: beat can't write down that it ran, and starts it repeatedly.",
    ),
    (
        every(10) | {"expires": ahead(days=1), "expire_seconds": 5},
        "It has two kinds of expiry: beat can't write down that it ran, and starts it at odd times.",
    ),
]


@pytest.mark.parametrize(("values", "problem"), ENDS_BEAT + LEFT_OUT + OTHERWISE_WRONG)
def test_a_broken_schedule_says_what_is_wrong_with_it(values: dict[str, Any], problem: str) -> None:
    task = a_task(**values, last_run_at=ago(days=3))

    assert forecast(task, now=NOW) == Forecast(problem=problem)
    assert deadlines(task, NOW) is None


@pytest.mark.parametrize("values", [values for values, _ in ENDS_BEAT])
def test_beat_stumbles_over_what_is_said_to_end_it(values: dict[str, Any]) -> None:
    with pytest.raises((AttributeError, OverflowError, TypeError, ParseException)):
        _all_that_beat_reads(a_task(**values))


@pytest.mark.parametrize("values", [values for values, _ in LEFT_OUT])
def test_beat_leaves_out_what_is_said_to_be_left_out(values: dict[str, Any]) -> None:
    assert _all_that_beat_reads(a_task(**values)) == {}


def test_beat_starts_an_interval_of_zero_without_a_pause() -> None:
    (entry,) = _all_that_beat_reads(a_task(**every(0), last_run_at=ago(days=3))).values()

    assert tuple(entry.is_due()) == (True, 0)


MESSAGES: list[tuple[dict[str, Any], str]] = [
    ({"args": "[1"}, "Its positional arguments are no JSON: beat switches it off when it reads it."),
    ({"kwargs": "{'a': 1}"}, "Its keyword arguments are no JSON: beat switches it off when it reads it."),
    ({"args": '{"a": 1}'}, "Its positional arguments are no JSON list: beat can't send it."),
    ({"kwargs": "[1]"}, "Its keyword arguments are no JSON object: beat can't send it."),
    ({"headers": "{"}, "Its headers are no JSON: beat leaves it out."),
    ({"headers": "[]"}, "Its headers are no JSON object. While it is on, beat can't run at all."),
    ({"args": "", "kwargs": "", "headers": None}, ""),
    ({"args": "[1]", "kwargs": '{"a": 1}', "headers": '{"b": "2"}'}, ""),
]


@pytest.mark.parametrize(("values", "problem"), MESSAGES)
def test_a_broken_message_says_what_is_wrong_with_it(values: dict[str, Any], problem: str) -> None:
    assert message_defect(a_task(**every(10), **values)) == problem


def test_beat_does_with_broken_headers_what_is_said() -> None:
    assert _all_that_beat_reads(a_task(**every(10), headers="{")) == {}
    with pytest.raises(TypeError):
        _all_that_beat_reads(a_task(**every(10), headers="[]"))


class _BeatWithRows(DatabaseScheduler):  # type: ignore[misc]
    rows: list[PeriodicTask]

    def enabled_models(self) -> list[PeriodicTask]:
        return self.rows


def _all_that_beat_reads(*rows: PeriodicTask) -> dict[str, ModelEntry]:
    from opsconsole.celery import app

    scheduler = _BeatWithRows(app, lazy=True)
    # What is checked isn't what beat does at its end.
    scheduler._finalize.cancel()
    scheduler.rows = list(rows)
    found: dict[str, ModelEntry] = scheduler.all_as_schedule()
    return found


# --- by the schedule alone ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "late_at", "failing_at"),
    [
        (every(10), ahead(minutes=10), ahead(minutes=20)),
        (every(1, "days"), ahead(days=1), ahead(days=2)),
        (cron("0 * * * *"), ahead(hours=1), ahead(hours=2)),
        (cron("30 * * * *"), ahead(hours=1), ahead(hours=2)),
        (cron("0 13 * * *"), ahead(days=1), ahead(days=2)),
        # From Saturday noon to Monday nothing is expected, and from then on every hour.
        (cron("0 9-17 * * mon-fri"), utc("2026-02-02 09:00"), utc("2026-02-02 10:00")),
        (every(10) | {"start_time": ahead(days=1)}, ahead(days=1, minutes=10), ahead(days=1, minutes=20)),
        (every(10) | {"start_time": ago(days=1)}, ahead(minutes=10), ahead(minutes=20)),
        (every(10) | {"enabled": False}, ahead(minutes=10), ahead(minutes=20)),
    ],
)
def test_deadlines_are_one_and_two_intervals_away(
    values: dict[str, Any], late_at: datetime, failing_at: datetime, settings: Any
) -> None:
    settings.SYNC_GRACE_SECONDS = 0

    assert deadlines(a_task(**values), NOW) == (late_at, failing_at)


def test_deadlines_are_as_far_away_as_the_settings_say(settings: Any) -> None:
    settings.SYNC_GRACE_SECONDS = 7
    settings.SYNC_LATE_AFTER_INTERVALS = 1.5
    settings.SYNC_FAILING_AFTER_INTERVALS = 4

    assert deadlines(a_task(**every(10)), NOW) == (ahead(minutes=15, seconds=7), ahead(minutes=40, seconds=7))


@pytest.mark.parametrize("values", [clock(ahead(hours=1)), every(10) | {"one_off": True}, every(10**6, "days"), {}])
def test_there_are_no_deadlines_where_no_schedule_can_tell(values: dict[str, Any]) -> None:
    assert deadlines(a_task(**values), utc("9000-01-01 00:00")) is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (every(10) | {"last_run_at": ago(days=1)}, ahead(minutes=10)),
        (cron("30 * * * *"), ahead(minutes=30)),
        (cron("0 12 * * *"), ahead(days=1)),
        (clock(ahead(hours=1)), ahead(hours=1)),
        (clock(NOW), None),
        (every(10**8, "days"), None),
        ({}, None),
    ],
)
def test_the_next_occurrence_goes_by_the_schedule_alone(values: dict[str, Any], expected: datetime | None) -> None:
    assert occurrence_after(a_task(**values), NOW) == expected


def test_beat_is_given_less_time_to_pick_up_than_until_it_is_overdue() -> None:
    assert grace() > PICK_UP
