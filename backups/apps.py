"""The backups application."""

from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


def make_missing_tables(using: str, **kwargs: Any) -> None:
    """Create the backup tables that the database lacks, after every migrate.

    The migration does the same, but only once: the core may have had the tables then and dropped them since.

    Args:
        using: the alias of the database.
        kwargs: the signal's other arguments.
    """
    migration = import_module("backups.migrations.0003_tables_of_our_own")
    with connections[using].schema_editor() as editor:
        migration.create_missing_tables(None, editor)


class BackupsConfig(AppConfig):
    """Backups and restore tests."""

    name = "backups"

    def ready(self) -> None:
        """Say what beat may start, what of it is shipped, what the sweeper does, and what jobs make and have made."""
        from backups import cleaning, made, recorded, shipped, tasks  # noqa: F401 -- registers the entry tasks
        from jobs import background, ended
        from jobs import made as jobs_made
        from jobs.background import BackgroundStep
        from jobs.schedules import shipped as schedules

        post_migrate.connect(make_missing_tables, sender=self, dispatch_uid="backups.make_missing_tables")
        schedules.register(shipped.ship_backups)
        ended.register(recorded.note_ended)
        jobs_made.register(made.backups_of)
        jobs_made.register(made.tests_of)
        background.register(
            BackgroundStep(name="clean_backups", run=cleaning.Cleaner().look, every_seconds=cleaning.LOOK_EVERY_SECONDS)
        )
