"""Doing several things at the same moment, each in a thread with a connection of its own."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

from django.db import connection

Calls = Sequence[Callable[[], Any]]


def at_once(calls: Calls) -> list[Any]:
    """Call all of these at the same moment; return what each has returned or raised, in their order."""
    with crowd(len(calls)) as do:
        return do(calls)


@contextmanager
def crowd(size: int) -> Iterator[Callable[[Calls], list[Any]]]:
    """Have so many threads ready, with open connections, to do as many things at once again and again."""
    barrier = Barrier(size)

    def connect() -> None:
        with connection.cursor() as cursor:
            # What would wait for ever fails.
            cursor.execute("SET lock_timeout = '60s'")
        barrier.wait()

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return call()
        except Exception as error:  # noqa: BLE001 -- whatever it is, the test judges it
            return error

    def leave() -> None:
        connection.close()
        barrier.wait()

    with ThreadPoolExecutor(size) as pool:
        # Each waits for all the others, so that every thread does it once.
        list(pool.map(lambda _: connect(), range(size)))
        try:
            yield lambda calls: list(pool.map(run, calls))
        finally:
            list(pool.map(lambda _: leave(), range(size)))
