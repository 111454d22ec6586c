"""What the answers about schedules look like."""

from rest_framework import serializers

from opsconsole.api.shapes import Shape, flag, mapping, maybe_moment, maybe_text, number, numbers, text, word
from opsconsole.api.words import AnyJson


class Schedule(Shape):
    """A periodic task of beat's."""

    id = number()
    name = text()
    task = text()
    title = text("What it starts.")
    schedule = text("When, in words.")
    enabled = flag()
    paused = flag("It was switched off together with all others.")
    last_run_at = maybe_moment()
    next_run_at = maybe_moment("When it is expected.")
    overdue = flag()
    problem = maybe_text("Why it never runs.")
    arguments = mapping("Without what is private; null where they are no valid JSON.", allow_null=True)
    can_run = flag()
    description = text()
    positional_arguments = serializers.ListField(child=AnyJson(), required=False)
    cannot_run_because = text(required=False)
    identity_id = number(required=False)


class BeatState(Shape):
    """Whether beat does its work."""

    status = word("running", "silent", "paused", "idle")
    since = maybe_moment()
    last_run_at = maybe_moment()


class BeatStateWithMissed(BeatState):
    """Whether beat does its work, and which periodic tasks it has missed."""

    missed = numbers()


class ScheduleList(Shape):
    """All periodic tasks."""

    schedules = Schedule(many=True)
    beat = BeatStateWithMissed()
    paused = flag()


class ScheduleSwitched(Shape):
    """A periodic task that was switched on or off."""

    message = text()
    schedule = Schedule()


class NamedSchedule(Shape):
    """A periodic task by name."""

    id = number()
    name = text()


class SchedulesSwitched(Shape):
    """What pausing or resuming has changed."""

    message = text()
    schedules = NamedSchedule(many=True)
    left = NamedSchedule(many=True, help_text="Those that were left as they are.")
