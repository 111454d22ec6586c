"""The schedules that the console ships for the core's providers: a sync of each."""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import connection
from django_celery_beat.models import PeriodicTask

from identities.models import Provider
from identities.sync_schedules import SYNC_TASK
from jobs.schedules import shipped
from opsconsole.redaction import redact_name

EVERY: Final = timedelta(minutes=10)
# So that somebody who is being shown the console sees it happen.
EVERY_IN_DEMO: Final = timedelta(minutes=2)


def ship_syncs() -> list[PeriodicTask]:
    """Ship a sync for each provider that is switched on; returns those that were made."""
    if Provider._meta.db_table not in connection.introspection.table_names():
        return []
    providers = Provider.objects.filter(enabled=True).order_by("pk").values_list("pk", "display_name")
    made = [
        shipped.ship(
            # As long as the core's own ids, at the most 32 characters.
            f"sync:{provider_id}",
            name=f"Sync {redact_name(display_name)}",
            task=SYNC_TASK,
            kwargs={"provider_id": provider_id},
            every=EVERY_IN_DEMO if settings.DEMO else EVERY,
            description="Fetches what is new for the active identities of this provider.",
        )
        for provider_id, display_name in providers
    ]
    return [task for task in made if task is not None]
