"""The backups application."""

from django.apps import AppConfig


class BackupsConfig(AppConfig):
    """Backups and restore tests."""

    name = "backups"
