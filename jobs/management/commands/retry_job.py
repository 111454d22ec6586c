"""`manage.py retry_job`: queue failed jobs again."""

from typing import Any

from django.core.management.base import CommandParser

from jobs.operations import retry_job
from opsconsole.commands import OperationCommand


class Command(OperationCommand):
    """Retries jobs from a shell."""

    help = "Queue a failed job again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        super().add_arguments(parser)
        parser.add_argument("job_id", type=int)
        parser.add_argument(
            "--confirm", action="store_true", help="although nobody knows whether it took effect before"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Retry the job and say what happened."""
        with self.refusals():
            retried = retry_job(
                options["job_id"], actor=self.actor(), confirm=options["confirm"], reason=options["reason"]
            )
        self.stdout.write(f"Job {retried.job_id}: {retried.message}")
