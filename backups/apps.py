"""The backups application."""

from django.apps import AppConfig


class BackupsConfig(AppConfig):
    """Backups and restore tests."""

    name = "backups"

    def ready(self) -> None:
        """Say what beat may start and what of it is shipped, what the sweeper does, and what is kept of the core's."""
        from backups import cleaning, recorded, shipped, tasks  # noqa: F401 -- registers the entry tasks
        from jobs import background, ended
        from jobs.background import BackgroundStep
        from jobs.schedules import shipped as schedules

        schedules.register(shipped.ship_backups)
        ended.register(recorded.note_ended)
        background.register(
            BackgroundStep(name="clean_backups", run=cleaning.Cleaner().look, every_seconds=cleaning.LOOK_EVERY_SECONDS)
        )
