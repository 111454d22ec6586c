"""Calling several things at the same moment."""

from collections.abc import Callable, Sequence
from threading import Barrier, Thread
from typing import Any

from django.db import connection


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Call all of these at the same moment, each in a thread with a connection of its own.

    Returns:
        What each has returned or raised, in their order.
    """
    outcomes: list[Any] = [None] * len(calls)
    start = Barrier(len(calls))

    def run(index: int) -> None:
        try:
            # Connected before, so that none is late for that; what would wait for ever fails.
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '20s'")
            start.wait()
            outcomes[index] = calls[index]()
        except Exception as error:  # noqa: BLE001 -- whatever it is, the test judges it
            outcomes[index] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
