"""The identities application."""

from django.apps import AppConfig


class IdentitiesConfig(AppConfig):
    """Identities, conversations and messages; tells the jobs application whom a job concerns."""

    name = "identities"

    def ready(self) -> None:
        """Register what a payload's `identity_id` and `conversation_id` mean."""
        from identities import operations, sync_schedules
        from identities.subjects import IdentitySubjects
        from jobs import subjects
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
