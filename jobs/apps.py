"""The jobs application."""

from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate, pre_save


class JobsConfig(AppConfig):
    """The ledger, and getting work done through Celery."""

    name = "jobs"

    def ready(self) -> None:
        """Register the entry task, what is shipped, what a switched schedule does, and what groups errors."""
        from jobs import tasks  # noqa: F401 -- registers the entry task
        from jobs.schedules import shipped
        from jobs.schedules.pausing import heed_switches

        shipped.register(shipped.ship_housekeeping)
        self._group_errors()
        pre_save.connect(heed_switches, sender="django_celery_beat.PeriodicTask", dispatch_uid="jobs.heed_switches")
        # The last application to migrate: by then every application's tables are there.
        last = [config for config in apps.get_app_configs() if config.models_module][-1]
        post_migrate.connect(self.after_migrations, sender=last, dispatch_uid="jobs.after_migrations")

    @staticmethod
    def _group_errors() -> None:
        from jobs import background, ended
        from jobs.background import BackgroundStep
        from jobs.error_groups import forgetting, ledger_rows, telling

        ended.register(telling.note_ended)
        for name, run, every_seconds in (
            ("failed_rows", ledger_rows.FailedRows().look, ledger_rows.LOOK_EVERY_SECONDS),
            ("open_failures", forgetting.OpenMembers().look, forgetting.LOOK_EVERY_SECONDS),
            ("prune_errors", forgetting.prune, forgetting.PRUNE_EVERY_SECONDS),
        ):
            background.register(BackgroundStep(name=name, run=run, every_seconds=every_seconds))

    def after_migrations(self, **kwargs: Any) -> None:
        """Make the schedules that the console ships."""
        from jobs.schedules import shipped

        shipped.ship_all()
