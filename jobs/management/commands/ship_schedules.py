"""`manage.py ship_schedules`: make the schedules that the console ships and has never made."""

from typing import Any

from django.core.management.base import BaseCommand

from jobs.schedules.shipped import ship_all
from opsconsole.redaction import redact_name


class Command(BaseCommand):
    """Does at once what happens after migrating and by housekeeping every night."""

    help = "Make the schedules that are shipped for what is new, such as a provider; none is made twice."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make them, and say which."""
        for task in ship_all():
            self.stdout.write(f"Made, {'on' if task.enabled else 'off'}: {redact_name(task.name)}")
