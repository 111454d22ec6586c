"""What backups need."""

from tests.backups.conftest import folder

__all__ = ["folder"]
