"""The jobs application."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """The ledger, and getting work done through Celery."""

    name = "jobs"
