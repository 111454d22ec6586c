"""When a periodic task runs, in words."""

from typing import Any

import pytest

from jobs.schedules.queries import schedule_in_words
from tests.schedules.rows import a_task, clock, cron, every, sun, utc


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (every(10), "every 10 minutes"),
        (every(1), "every minute"),
        (every(1, "hours"), "every hour"),
        (every(60), "every hour"),
        (every(90), "every 90 minutes"),
        (every(3600, "seconds"), "every hour"),
        (every(48, "hours"), "every 2 days"),
        (every(1500, "microseconds"), "every 1,500 microseconds"),
        (every(10**9, "days"), "every 1,000,000,000 days"),
        (every(0), "every 0 minutes"),
        (every(-5), "every -5 minutes"),
        (every(2, "fortnights"), "every 2 fortnights"),
        (every(10) | {"one_off": True}, "every 10 minutes, only once"),
        (cron("* * * * *"), "every minute"),
        (cron("*/10 * * * *"), "every 10 minutes"),
        (cron("0 * * * *"), "every hour"),
        (cron("0 */6 * * *", "Europe/Berlin"), "every 6 hours, Europe/Berlin"),
        (cron("0 3 * * *"), "daily at 03:00 UTC"),
        (cron("5 03 * * *", "Europe/Berlin"), "daily at 03:05 Europe/Berlin"),
        (cron("0 3,15 * * *"), "daily at 03:00 and 15:00 UTC"),
        (cron("0 5 * * sun"), "Sundays at 05:00 UTC"),
        (cron("0 5 * * 0,1,3"), "Mondays, Wednesdays and Sundays at 05:00 UTC"),
        (cron("0 5 * * mon-fri"), "Mondays to Fridays at 05:00 UTC"),
        (cron("0 5 1 * *"), "at 05:00, on day 1 of the month, UTC"),
        (cron("15 * * * *"), "at 15 minutes past the hour, UTC"),
        (cron("0 3 30 2 *"), "crontab 0 3 30 2 *, UTC"),
        (cron("61 99 * * *"), "crontab 61 99 * * *, UTC"),
        (sun(), "at sunrise at 52.5, 13.4"),
        (sun("dawn_civil", -33, 100), "at civil dawn at -33, 100"),
        (sun("solar_noon", 0, 0), "at solar noon at 0, 0"),
        (clock(utc("2026-01-31 12:00")), "once, 2026-01-31 12:00 UTC"),
        (clock(utc("2026-01-31 12:00:05")), "once, 2026-01-31 12:00:05 UTC"),
        ({}, "never"),
    ],
)
def test_a_schedule_is_said_in_words(values: dict[str, Any], words: str) -> None:
    assert schedule_in_words(a_task(**values)) == words
