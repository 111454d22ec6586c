"""The identities application."""

from django.apps import AppConfig


class IdentitiesConfig(AppConfig):
    """Identities, conversations and messages; tells the jobs application whom a job concerns."""

    name = "identities"

    def ready(self) -> None:
        """Say what a payload's ids mean, what beat may start, and what the sweeper does for us."""
        from identities import operations, sync_schedules
        from identities.counting.advance import advance
        from identities.counting.recount import recount
        from identities.counting.totals import refresh
        from identities.subjects import IdentitySubjects
        from jobs import background, subjects
        from jobs.background import BackgroundStep
        from jobs.schedules import entry_tasks

        subjects.register(IdentitySubjects())
        entry_tasks.register(
            entry_tasks.EntryTask(
                task=sync_schedules.SYNC_TASK,
                title="Sync",
                parameters=sync_schedules.PARAMETERS,
                start=operations.sync_on_schedule,
            )
        )
        background.register(BackgroundStep(name="counting.advance", run=advance, every_seconds=2.0))
        background.register(BackgroundStep(name="counting.recount", run=recount, every_seconds=2.0))
        background.register(BackgroundStep(name="counting.totals", run=refresh, every_seconds=1.0))
