"""`manage.py check_schema`: say how the core's tables differ from what the console needs."""

import json
from collections.abc import Sequence
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, connection

from opsconsole.schema import session
from opsconsole.schema.core_table import Severity
from opsconsole.schema.drift import SEVERITIES, find_drift
from opsconsole.schema.findings import Finding

_HEADINGS: Final[dict[Severity, str]] = {
    "error": "Errors: something can't work",
    "warning": "Warnings: the console does without",
    "info": "For information",
}


class Command(BaseCommand):
    """Prints what differs; exit code 1 when something can't work."""

    help = "Say how the core's tables differ from what the console needs. Changes nothing."
    requires_system_checks: list[str] | tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="a list of objects instead of sentences")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare and print.

        Raises:
            CommandError: something can't work, or the database can't be asked.
        """
        try:
            found = sorted([*session.find_problems(connection), *find_drift()], key=_rank)
        except (OperationalError, InterfaceError) as error:
            reason = (str(error).splitlines() or [repr(error)])[0]
            raise CommandError(f"Nothing was compared, since the database can't be asked: {reason}") from error
        if options["json"]:
            self.stdout.write(json.dumps([finding.as_json() for finding in found], indent=2, ensure_ascii=False))
        elif found:
            self._print(found)
        else:
            self.stdout.write("Nothing differs.")
        if errors := sum(finding.severity == "error" for finding in found):
            raise CommandError(
                f"{errors} difference{'s' if errors > 1 else ''} with which something can't work; see docs/schema.md."
            )

    def _print(self, found: Sequence[Finding]) -> None:
        for severity in SEVERITIES:
            if of_severity := [finding for finding in found if finding.severity == severity]:
                self.stdout.write(f"{_HEADINGS[severity]}:")
                for finding in of_severity:
                    self.stdout.write(f"  {finding.sentence} {finding.consequence} ({finding.kind.check_id(severity)})")


def _rank(finding: Finding) -> int:
    return SEVERITIES.index(finding.severity)
