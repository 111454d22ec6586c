"""The identities application."""

from django.apps import AppConfig


class IdentitiesConfig(AppConfig):
    """Identities, conversations and messages; tells the jobs application whom a job concerns."""

    name = "identities"

    def ready(self) -> None:
        """Register what a payload's `identity_id` and `conversation_id` mean."""
        from identities.subjects import IdentitySubjects
        from jobs import subjects

        subjects.register(IdentitySubjects())
