"""Which periodic tasks beat has in its memory, and since when: it reads only those whose time may be near.

See `DatabaseScheduler.enabled_models_qs` of django-celery-beat 2.9. Of the crontabs whose hour is a plain number it
leaves out those that are more than two hours away, on either side. So a daily run that was missed is not made up for
when beat is back, but when these hours come again.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from django_celery_beat.models import CrontabSchedule, PeriodicTask

# Beat reads all its schedules again whenever one was changed, and at least so often.
REREADS_EVERY: Final = timedelta(minutes=5)

_PLAIN_HOURS: Final = frozenset([str(hour) for hour in range(24)] + [f"{hour:02d}" for hour in range(10)])
_HOURS_AROUND: Final = 2
# Celery's own clean-up runs at four, and beat always reads what does.
_ALWAYS_READ: Final = 4
# Beat takes the offset of a time zone from a winter's day, in whole hours; the hours around are to make up for it.
_DAY_OF_OFFSETS: Final = datetime(2023, 1, 1, 12)  # noqa: DTZ001 -- of the zone that is asked about


def in_memory_from(task: PeriodicTask, moment: datetime) -> datetime:
    """Return when beat has a task in its memory: that moment, or the full hour after it from which on it reads it."""
    if task.crontab is None or task.crontab.hour not in _PLAIN_HOURS:
        return moment
    hour = _server_hour(task.crontab)
    now = moment.astimezone(UTC)
    ahead = (hour - now.hour) % 24
    if hour == _ALWAYS_READ or ahead <= _HOURS_AROUND or ahead >= 24 - _HOURS_AROUND:
        return moment
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=ahead - _HOURS_AROUND)


def _server_hour(crontab: CrontabSchedule) -> int:
    offset = _DAY_OF_OFFSETS.replace(tzinfo=crontab.timezone).utcoffset() or timedelta(0)
    return (int(crontab.hour) + int(-offset.total_seconds() / 3600)) % 24
