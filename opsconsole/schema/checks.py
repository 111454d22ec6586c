"""The drift check as a Django system check: `manage.py check --database default`, and whenever `migrate` runs."""

from collections.abc import Sequence
from typing import Any, Final

from django.apps import AppConfig
from django.core.checks import ERROR, INFO, WARNING, CheckMessage, Error, Tags, register
from django.db import InterfaceError, OperationalError, connections

from opsconsole.schema.core_table import Severity
from opsconsole.schema.drift import find_drift, unmanaged_models
from opsconsole.schema.findings import Finding, Kind

_LEVELS: Final[dict[Severity, int]] = {"error": ERROR, "warning": WARNING, "info": INFO}


@register(Tags.database)
def check_core_tables(
    *, app_configs: Sequence[AppConfig] | None = None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Compare the unmanaged models with the real tables of each database asked for; of none when none is.

    Args:
        app_configs: the applications whose models are compared; all when left out.
        databases: aliases of the databases.
        kwargs: what else Django tells every check.
    """
    compared = [model for model in unmanaged_models() if app_configs is None or model._meta.app_config in app_configs]
    messages: list[CheckMessage] = []
    for alias in databases or ():
        try:
            found = find_drift(compared, connection=connections[alias])
        except (OperationalError, InterfaceError) as error:
            messages.append(
                Error(
                    "The core's tables could not be compared with the console's models: the database can't be asked.",
                    hint=(str(error).splitlines() or [repr(error)])[0],
                    id="opsconsole.E100",
                )
            )
        else:
            messages += [_message(finding) for finding in found]
    return messages


def _message(finding: Finding) -> CheckMessage:
    severity = finding.severity
    if finding.kind is Kind.MISSING_TABLE:
        # An error would keep `migrate` from running where the core comes after the console, or is older than a table.
        severity = "warning"
    check_id = finding.kind.check_id(severity)
    return CheckMessage(_LEVELS[severity], finding.sentence, hint=finding.consequence, obj=finding.table, id=check_id)
