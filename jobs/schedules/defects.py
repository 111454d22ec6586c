"""What is wrong with a periodic task, so that beat can't do what it says.

Beat leaves out a row that makes Celery raise a ValueError, and disables one whose arguments it can't read. Whatever
else a row makes Celery raise while beat reads its schedules ends beat itself, and with it all other schedules.
"""

import json
from datetime import timedelta
from typing import Any, Final

from django_celery_beat.models import PeriodicTask

from jobs.schedules.occurrences import crontab_of, period_of

_ENDS_BEAT: Final = " While it is on, beat can't run at all."


def schedule_defect(task: PeriodicTask) -> str:
    """Return what is wrong with when a task is to run, in a sentence or two, or an empty string."""
    chosen = [each for each in (task.interval, task.crontab, task.solar, task.clocked) if each is not None]
    if not chosen:
        return "It has no schedule." + _ENDS_BEAT
    if problem := _broken(task):
        return problem
    # Such rows come about past their model's own checks, which refuse beat too when it wants to save when it ran.
    if len(chosen) > 1:
        return "It has more than one schedule: beat can't write down that it ran, and starts it at odd times."
    if task.clocked is not None and not task.one_off:
        return "It has a fixed time but isn't one-off: beat can't write down that it ran, and starts it repeatedly."
    if task.expires is not None and task.expire_seconds is not None:
        return "It has two kinds of expiry: beat can't write down that it ran, and starts it at odd times."
    return ""


def message_defect(task: PeriodicTask) -> str:
    """Return what is wrong with the message that a task is to send, in a sentence or two, or an empty string."""
    for what, text, kind, name in (
        ("positional arguments", task.args or "[]", list, "list"),
        ("keyword arguments", task.kwargs or "{}", dict, "object"),
    ):
        value = _json(text)
        if value is _UNREADABLE:
            return f"Its {what} are no JSON: beat switches it off when it reads it."
        if not isinstance(value, kind):
            return f"Its {what} are no JSON {name}: beat can't send it."
    headers = _json(task.headers or "{}")
    if headers is _UNREADABLE:
        return "Its headers are no JSON: beat leaves it out."
    if not isinstance(headers, dict):
        return "Its headers are no JSON object." + _ENDS_BEAT
    return ""


def _broken(task: PeriodicTask) -> str:
    # In beat's order: of several schedules it takes the first.
    if task.interval is not None:
        return _broken_interval(task)
    if task.crontab is not None:
        return _broken_crontab(task)
    return _broken_solar(task) if task.solar is not None else ""


def _broken_interval(task: PeriodicTask) -> str:
    try:
        period = period_of(task.interval)
    except OverflowError:
        return "Its interval is longer than can be reckoned with." + _ENDS_BEAT
    except TypeError:
        return f"Its interval counts in “{task.interval.period}”, which is no unit of time." + _ENDS_BEAT
    if period <= timedelta(0):
        return "Its interval isn't longer than zero: beat starts it over and over, without a pause."
    return ""


def _broken_crontab(task: PeriodicTask) -> str:
    try:
        crontab_of(task.crontab)
    except ValueError as error:
        if "never occurs" in str(error):
            return "Its crontab names a day that never comes: beat leaves it out."
        return "Its crontab can't be read: beat leaves it out."
    except Exception:  # noqa: BLE001 -- as beat: whatever Celery raises
        return "Its crontab can't be read." + _ENDS_BEAT
    return ""


def _broken_solar(task: PeriodicTask) -> str:
    try:
        _ = task.solar.schedule
    except ValueError:
        return "Its solar event or its place doesn't exist: beat leaves it out."
    except Exception:  # noqa: BLE001 -- as beat
        return "Its solar event can't be reckoned with." + _ENDS_BEAT
    return ""


_UNREADABLE: Final = object()


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _UNREADABLE
