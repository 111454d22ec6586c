"""The pages of things that this kernel knows only by the names that the audit log calls them by."""

from typing import Any, Final

from django.urls import NoReverseMatch, reverse

_PAGES: Final = {
    "job": "admin:jobs_job_change",
    "run": "admin:jobs_run_change",
    "identity": "admin:identities_identity_change",
    "conversation": "admin:identities_conversation_change",
    "backup": "admin:backups_backuprun_change",
    "restore_test": "admin:backups_restoretest_change",
    "periodictask": "admin:django_celery_beat_periodictask_change",
}


def page_of(kind: str, key: Any) -> str | None:
    """Return the address of the page of one thing, or None when it has none."""
    name = _PAGES.get(kind)
    if name is None or key is None:
        return None
    try:
        return reverse(name, args=[key])
    except NoReverseMatch:
        return None
