"""The schedules that the console ships for backups, at the hours at which the core's own beat makes its own."""

from typing import Final

from django_celery_beat.models import PeriodicTask

from backups.models import ATTACHMENTS, DATABASE
from jobs.schedules import shipped

# As in `tasks`, which is a door of its own.
BACK_UP: Final = "opsconsole.back_up"
TEST_RESTORE: Final = "opsconsole.test_restore"


def ship_backups() -> list[PeriodicTask]:
    """Ship a backup of each kind every night and a restore test every week; returns those that were made."""
    made = [
        shipped.ship(
            "backup:database",
            name="Back up the database",
            task=BACK_UP,
            kwargs={"kind": DATABASE},
            crontab="0 3 * * *",
            description="Dumps the database into the backups folder, and deletes what is too old there.",
        ),
        shipped.ship(
            "backup:attachments",
            name="Back up the attachments",
            task=BACK_UP,
            kwargs={"kind": ATTACHMENTS},
            crontab="0 4 * * *",
            description="Archives the attachments into the backups folder, and deletes what is too old there.",
        ),
        shipped.ship(
            "restore_test",
            name="Restore test",
            task=TEST_RESTORE,
            crontab="0 5 * * 0",
            description="Restores the newest backup of each kind and compares it with what was backed up.",
        ),
    ]
    return [task for task in made if task is not None]
