"""What these tests share with those of the worker."""

from tests.worker.conftest import no_deadlock

__all__ = ["no_deadlock"]
