"""The jobs application."""

from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate, pre_save


class JobsConfig(AppConfig):
    """The ledger, and getting work done through Celery."""

    name = "jobs"

    def ready(self) -> None:
        """Register the entry task, what is shipped, and what happens to a periodic task that is switched on by hand."""
        from jobs import tasks  # noqa: F401 -- registers the entry task
        from jobs.schedules import shipped
        from jobs.schedules.pausing import heed_switches

        shipped.register(shipped.ship_housekeeping)
        pre_save.connect(heed_switches, sender="django_celery_beat.PeriodicTask", dispatch_uid="jobs.heed_switches")
        # The last application to migrate: by then every application's tables are there.
        last = [config for config in apps.get_app_configs() if config.models_module][-1]
        post_migrate.connect(self.after_migrations, sender=last, dispatch_uid="jobs.after_migrations")

    def after_migrations(self, **kwargs: Any) -> None:
        """Make the schedules that the console ships."""
        from jobs.schedules import shipped

        shipped.ship_all()
