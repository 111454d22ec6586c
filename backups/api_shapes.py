"""What the answers about backups and restore tests look like."""

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from backups.models import COULD_NOT_VERIFY, FAILED, KINDS, MANUAL, PASSED, RUNNING, SCHEDULED, SUCCEEDED
from jobs.api_schedule_shapes import BeatState
from jobs.api_shapes import Progress
from opsconsole.api.shapes import (
    Links,
    Shape,
    far_text,
    flag,
    known,
    maybe_float,
    maybe_moment,
    maybe_number,
    maybe_text,
    moment,
    number,
    scalar,
    text,
    word,
)


class Verification(Shape):
    """The last restore test of a backup that ended."""

    id = number()
    status = known("RestoreTestStatus", RUNNING, PASSED, FAILED, COULD_NOT_VERIFY)
    at = maybe_moment()


class Recorded(Shape):
    """What a backup and a restore test have in common."""

    id = number()
    kind = known("BackupKind", *KINDS, allow_null=True)
    trigger = known("BackupTrigger", MANUAL, SCHEDULED, allow_null=True)
    requested_by = maybe_text()
    started_at = maybe_moment()
    started_at_text = far_text()
    completed_at = maybe_moment()
    completed_at_text = far_text()
    duration_seconds = maybe_float()
    job_id = maybe_number()
    run_id = maybe_text()
    error = maybe_text("Its first 5,000 characters.")
    error_cut = flag("The page was too large, and its errors are shortened.", required=False)
    progress = Progress(allow_null=True)


class Backup(Recorded):
    """A backup."""

    type = word("backup")
    status = known("BackupRunStatus", RUNNING, SUCCEEDED, FAILED, allow_null=True)
    size_bytes = maybe_number()
    sha256 = maybe_text()
    removed_at = maybe_moment("When retention deleted its file.")
    removed_at_text = far_text()
    file = word("kept", "removed", "missing", "unreachable", allow_null=True)
    verified_by = Verification(allow_null=True)


class Check(Shape):
    """One comparison of what was restored with what was backed up."""

    check_name = maybe_text()
    title = maybe_text()
    passed = flag(allow_null=True)
    expected = scalar()
    actual = scalar()
    error = scalar()


class RestoreTest(Recorded):
    """A restore test."""

    type = word("restore_test")
    status = known("RestoreTestStatus", RUNNING, PASSED, FAILED, COULD_NOT_VERIFY, allow_null=True)
    backup_run_id = maybe_number()
    checks = Check(many=True)
    checks_passed = number()
    checks_total = number()
    attachments_sampled = maybe_number()
    attachments_verified = maybe_number()
    restore_seconds = maybe_float()
    backup_age_seconds = maybe_float("How old the backup was when it was tested.")


class BackupsByKind(Shape):
    """A backup of each kind that has one."""

    database = Backup(required=False)
    attachments = Backup(required=False)


class RestoreTestsByKind(Shape):
    """A restore test of each kind that has one."""

    database = RestoreTest(required=False)
    attachments = RestoreTest(required=False)


class KindState(Shape):
    """How one kind of backup is set up."""

    configured = flag()
    problem = maybe_text("Why it can't be made.")
    in_core = flag("The core makes it.")
    next_at = maybe_moment()
    verified_backup_id = maybe_number("The newest one that is kept and passed a restore test.")


class KindStates(Shape):
    """How each kind of backup is set up."""

    database = KindState()
    attachments = KindState()


class BackupSchedule(Shape):
    """When beat makes one kind of backup, or tests one."""

    scheduled = word("on", "off", "paused", "broken", "missing")
    schedule = maybe_text()
    schedule_id = maybe_number()
    next_at = maybe_moment()


class BackupSchedules(Shape):
    """When beat makes each kind of backup, and tests one; null where its tables can't be read."""

    database = BackupSchedule(allow_null=True)
    attachments = BackupSchedule(allow_null=True)
    restore_test = BackupSchedule(allow_null=True)


class Running(Shape):
    """What is under way, by kind."""

    backups = BackupsByKind()
    restore_tests = RestoreTestsByKind()


class DiskState(Shape):
    """The disk of the backups folder."""

    used_bytes = number()
    free_bytes = number()
    total_bytes = number()


class TrendPoint(Shape):
    """A backup that succeeded, how large it is, and how long it took."""

    id = number()
    completed_at = moment()
    size_bytes = maybe_number()
    seconds = serializers.FloatField()


class Trends(Shape):
    """The last backups of each kind that succeeded, oldest first."""

    database = TrendPoint(many=True)
    attachments = TrendPoint(many=True)


class BackupHealthReason(Shape):
    """One thing that there is to say of backups."""

    code = text()
    message = text()
    status = word("ok", "warning", "critical", "unknown")
    kind = known("BackupKind", *KINDS, words="Null where it is about all.", allow_null=True)


class BackupHealth(Shape):
    """How healthy backups are."""

    status = word("ok", "warning", "critical", "unknown")
    reasons = BackupHealthReason(many=True)


class BackupStatus(Shape):
    """How backups and restore tests are doing; each by kind, without those that have none."""

    configured = flag()
    problem = maybe_text()
    kinds = KindStates()
    last_backup = BackupsByKind(help_text="The last ones that succeeded and are kept.")
    last_attempt = BackupsByKind(help_text="The last ones that ended, however they did.")
    last_restore_test = RestoreTest(allow_null=True)
    last_restore_tests = RestoreTestsByKind()
    last_passed_restore_tests = RestoreTestsByKind()
    running = Running()
    next_backup_at = maybe_moment()
    next_restore_test_at = maybe_moment()
    schedules = BackupSchedules()
    disk = DiskState(allow_null=True)
    trend = Trends()
    beat = BeatState(allow_null=True)
    health = BackupHealth()
    as_of = moment()


class BackupHistory(Links):
    """A page of backups and restore tests, newest first."""

    history = PolymorphicProxySerializer(
        component_name="BackupOrRestoreTest",
        serializers={"backup": Backup, "restore_test": RestoreTest},
        resource_type_field_name="type",
        many=True,
    )
    total = number()
