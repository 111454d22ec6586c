"""What the answers about the whole look like: the verdict, who calls, and what works here."""

from typing import Final, get_args

from rest_framework import serializers

from opsconsole.api.shapes import Shape, flag, maybe_moment, maybe_text, moment, text, texts, word
from opsconsole.verdict.facts import Part

STATUSES: Final = ("ok", "warning", "critical", "unknown")


class VerdictReason(Shape):
    """One thing that is wrong, or that nobody can tell."""

    code = text()
    part = word(*get_args(Part), words="What it is about.")
    severity = word("critical", "warning", "unknown")
    message = text("What is wrong and what to do.")
    link = maybe_text("The path of the admin's page where that is done.")
    since = maybe_moment()


class PartState(Shape):
    """How one part is doing."""

    status = word(*STATUSES)


class HealthParts(Shape):
    """How each part is doing; without those that the caller may not see."""

    database = PartState()
    broker = PartState()
    workers = PartState()
    beat = PartState(required=False)
    queue = PartState()
    failures = PartState()
    sync = PartState(required=False)
    backup = PartState(required=False)


class Health(Shape):
    """Whether anything is wrong with the whole."""

    status = word(*STATUSES)
    reasons = VerdictReason(many=True)
    parts = HealthParts()
    as_of = moment()


class Caller(Shape):
    """Who calls."""

    username = text()
    groups = texts()
    is_superuser = flag()


class Support(Shape):
    """Whether something works here."""

    configured = flag()
    problem = maybe_text()


class BackupSupport(Shape):
    """Whether each kind of backup works here."""

    database = Support()
    attachments = Support()


class Supports(Shape):
    """What works in this installation."""

    cancel = flag("The ledger knows the status.")
    core_results = flag("It is known how the core's tasks end.")
    schedules = flag("Beat reads the schedules that are changed here.")
    backup = BackupSupport()
    restore_test = Support()


class Abilities(Shape):
    """What the caller may do."""

    view_jobs = flag()
    view_runs = flag()
    view_identities = flag()
    view_conversations = flag()
    view_schedules = flag()
    view_backups = flag()
    view_restore_tests = flag()
    view_audit = flag()
    retry = flag()
    cancel = flag()
    terminate = flag()
    fail = flag()  # type: ignore[assignment]
    sync = flag()
    backfill = flag()
    schedule = flag("Of an identity.")
    change_schedules = flag("All periodic tasks.")
    backup = flag()
    restore_test = flag()


class Thresholds(Shape):
    """From when on something counts as wrong, in the units that the names end with."""

    queue_age_warning_seconds = serializers.FloatField()
    queue_age_critical_seconds = serializers.FloatField()
    failures_warning_per_hour = serializers.FloatField()
    failures_critical_per_hour = serializers.FloatField()
    worker_silent_seconds = serializers.FloatField()
    sweeper_silent_seconds = serializers.FloatField()
    beat_grace_seconds = serializers.FloatField()
    sync_late_after_intervals = serializers.FloatField()
    sync_failing_after_intervals = serializers.FloatField()
    sync_failing_after_failures = serializers.FloatField()
    sync_long_after_seconds = serializers.FloatField()
    backup_max_age_hours = serializers.FloatField()
    restore_test_max_age_days = serializers.FloatField()
    backup_disk_full_percent = serializers.FloatField()


class Meta(Shape):
    """Who calls, what they may do, what works here, and from when on something counts as wrong."""

    user = Caller()
    may = Abilities()
    supports = Supports()
    thresholds = Thresholds()
    version = text()
