"""The checks of the schema as Django system checks: `manage.py check --database default`, and when `migrate` runs."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from django.apps import AppConfig
from django.core.checks import ERROR, INFO, WARNING, CheckMessage, Error, Tags, register
from django.db import InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from opsconsole.schema import session
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
    return _checked(
        databases,
        lambda connection: find_drift(compared, connection=connection),
        failed="The core's tables could not be compared with the console's models: the database doesn't answer.",
    )


@register(Tags.database)
def check_session(*, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Check the session of each database: its search path, its time zone, and whether a pooler shares it.

    Args:
        databases: the aliases of the databases.
        kwargs: the other arguments that Django passes to every check.

    Returns:
        A message for each problem.
    """
    return _checked(databases, session.find_problems, failed="")


def _checked(
    databases: Sequence[str] | None, find: Callable[[BaseDatabaseWrapper], list[Finding]], *, failed: str
) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    for alias in databases or ():
        try:
            found = find(connections[alias])
        except (OperationalError, InterfaceError) as error:
            # Only one of the checks reports that the database doesn't answer.
            if failed:
                hint = (str(error).splitlines() or [repr(error)])[0]
                messages.append(Error(failed, hint=hint, id="opsconsole.E100"))
        else:
            messages += [_message(finding) for finding in found]
    return messages


def _message(finding: Finding) -> CheckMessage:
    severity = finding.severity
    if finding.kind is Kind.MISSING_TABLE:
        # An error would keep `migrate` from running where the core comes after the console, or is older than a table.
        severity = "warning"
    check_id = finding.kind.check_id(severity)
    return CheckMessage(
        _LEVELS[severity], finding.sentence, hint=finding.consequence, obj=finding.table or None, id=check_id
    )
