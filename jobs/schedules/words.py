"""When a periodic task runs, in words."""

from collections.abc import Iterable
from datetime import UTC
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from cron_descriptor import ExpressionDescriptor, Options
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from jobs.schedules.occurrences import crontab_of

_MICROSECONDS: Final = {
    "days": 86_400_000_000,
    "hours": 3_600_000_000,
    "minutes": 60_000_000,
    "seconds": 1_000_000,
    "microseconds": 1,
}
_DAYS: Final = ("Sundays", "Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays")
_MAX_TIMES: Final = 4
# Descriptions of crontabs: each reads a file of translations, and a page asks for hundreds.
_KEPT: Final = 4_096


def schedule_in_words(task: PeriodicTask) -> str:
    """Return when a periodic task runs, in words: “every 10 minutes”."""
    if task.interval is not None:
        words = _interval(task.interval)
    elif task.crontab is not None:
        words = _crontab(task.crontab)
    elif task.solar is not None:
        words = _solar(task.solar)
    elif task.clocked is not None:
        return _clocked(task.clocked)
    else:
        return "never"
    return f"{words}, only once" if task.one_off else words


def _interval(interval: IntervalSchedule) -> str:
    every, period = interval.every, interval.period
    length = every * _MICROSECONDS.get(period, 0)
    if length > 0:
        period, unit = next((name, size) for name, size in _MICROSECONDS.items() if length % size == 0)
        every = length // unit
    return f"every {period.removesuffix('s')}" if every == 1 else f"every {every:,} {period}"


def _crontab(crontab: CrontabSchedule) -> str:
    try:
        return _plainly(crontab) or f"{_described(_expression(crontab))}, {crontab.timezone}"
    except Exception:  # noqa: BLE001 -- neither Celery nor the descriptor says what a broken one makes it raise
        return f"crontab {_expression(crontab)}, {crontab.timezone}"


def _plainly(crontab: CrontabSchedule) -> str:
    """Return the words for what most crontabs are: every few minutes, or at some times on some days of the week."""
    times = crontab_of(crontab)
    if len(times.day_of_month) < 31 or len(times.month_of_year) < 12:
        return ""
    every_day, every_hour = len(times.day_of_week) == 7, len(times.hour) == 24
    if every_day and every_hour and (step := _step(times.minute, 60)):
        return _every(step, "minute")
    if every_day and times.minute == {0} and (step := _step(times.hour, 24)):
        # Midnight, from which they are counted, is another one in each zone.
        return _every(step, "hour") + ("" if step == 1 else f", {crontab.timezone}")
    if len(times.hour) * len(times.minute) > _MAX_TIMES:
        return ""
    at = _listed(f"{hour:02d}:{minute:02d}" for hour in sorted(times.hour) for minute in sorted(times.minute))
    return f"{_days(times.day_of_week)} at {at} {crontab.timezone}"


def _step(values: set[int], of: int) -> int | None:
    """Return n where the values are every nth of so many, from 0 on and without a rest."""
    step, rest = divmod(of, len(values))
    return step if rest == 0 and values == set(range(0, of, step)) and len(values) > 1 else None


def _every(count: int, unit: str) -> str:
    return f"every {unit}" if count == 1 else f"every {count} {unit}s"


def _days(days: set[int]) -> str:
    if len(days) == 7:
        return "daily"
    if days == {1, 2, 3, 4, 5}:
        return "Mondays to Fridays"
    # The week ends with Sunday.
    return _listed(_DAYS[day] for day in sorted(days, key=lambda day: day or 7))


def _listed(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


@lru_cache(_KEPT)
def _described(expression: str) -> str:
    # Otherwise it would go by the machine's language.
    options = Options()
    options.use_24hour_time_format = True
    options.locale_code = "en_US"
    text = str(ExpressionDescriptor(expression, options).get_description())
    return text[:1].lower() + text[1:]


def _expression(crontab: CrontabSchedule) -> str:
    fields = (crontab.minute, crontab.hour, crontab.day_of_month, crontab.month_of_year, crontab.day_of_week)
    return " ".join(field.replace(" ", "") or "*" for field in fields)


def _solar(solar: SolarSchedule) -> str:
    event, _, kind = solar.event.partition("_")
    # “dawn_civil”, but “solar_noon”.
    name = f"{kind} {event}" if event in {"dawn", "dusk"} and kind else solar.event.replace("_", " ")
    return f"at {name} at {_degrees(solar.latitude)}, {_degrees(solar.longitude)}"


def _degrees(value: Any) -> str:
    return f"{Decimal(str(value)).normalize():f}"


def _clocked(clocked: ClockedSchedule) -> str:
    moment = clocked.clocked_time.astimezone(UTC)
    return f"once, {moment:%Y-%m-%d %H:%M:%S} UTC" if moment.second else f"once, {moment:%Y-%m-%d %H:%M} UTC"
