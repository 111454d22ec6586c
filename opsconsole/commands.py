"""The door for people at a shell: management commands that call operations."""

import getpass
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.core.management.base import BaseCommand, CommandError, CommandParser

from opsconsole.audit import Actor
from opsconsole.errors import OpsError

if TYPE_CHECKING:
    from collections.abc import Iterator


class OperationCommand(BaseCommand):
    """A command that calls an operation: says who did it and why, and turns a refusal into an error and exit code 1."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options that all operations take."""
        parser.add_argument("--reason", default="", help="why; kept in the audit log")

    def actor(self) -> Actor:
        """Return the person at the shell, by the name of the account that the command runs under."""
        return Actor(name=getpass.getuser(), via="command")

    @contextmanager
    def refusals(self) -> "Iterator[None]":
        """Turn a refusal of the enclosed operation into a command's error.

        Raises:
            CommandError: the operation was refused; its sentence.
        """
        try:
            yield
        except OpsError as refusal:
            raise CommandError(refusal.message) from refusal
