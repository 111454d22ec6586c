"""How long a list may take with a filter that no index carries."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from opsconsole.errors import Refused


@contextmanager
def bounded(limited: bool) -> Iterator[None]:
    """Give the enclosed reads the time that a filter without an index may take, when `limited`.

    Raises:
        Refused: they ran out of it.
    """
    if not limited:
        yield
        return
    seconds = settings.SLOW_FILTER_TIMEOUT_SECONDS
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = %s", [int(seconds * 1000)])
            yield
            # Inside somebody else's transaction it would stay in force.
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        raise Refused(
            f"No index carries this filter and it found too little within {seconds:g} s. Narrow it down with another "
            f"filter, or leave one out.",
            code="filter_too_slow",
        ) from error
