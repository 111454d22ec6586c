"""The application that tells others of the verdict."""

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    """Notices that a change of the verdict goes out with."""

    name = "notices"

    def ready(self) -> None:
        """Have the sweeper look at the verdict, and send what is to be told."""
        from jobs import background
        from jobs.background import BackgroundStep
        from notices import noticing

        for name, run, every_seconds in (
            ("notice_verdict", noticing.look, noticing.LOOK_EVERY_SECONDS),
            ("prune_notices", noticing.prune, noticing.PRUNE_EVERY_SECONDS),
        ):
            background.register(BackgroundStep(name=name, run=run, every_seconds=every_seconds))
