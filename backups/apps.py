"""The backups application."""

from django.apps import AppConfig


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

        schedules.register(shipped.ship_backups)
        ended.register(recorded.note_ended)
        jobs_made.register(made.backups_of)
        jobs_made.register(made.tests_of)
        background.register(
            BackgroundStep(name="clean_backups", run=cleaning.Cleaner().look, every_seconds=cleaning.LOOK_EVERY_SECONDS)
        )
