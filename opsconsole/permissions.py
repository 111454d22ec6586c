"""Who may do what: permissions read in one query, and the two groups that an installation starts with."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, Permission
from django.db.models import Q

VIEWERS = "Ops viewers"
OPERATORS = "Ops operators"

VIEW_PERMISSIONS = (
    "jobs.view_job",
    "jobs.view_run",
    "jobs.view_dispatch",
    "identities.view_identity",
    "identities.view_conversation",
    "backups.view_backuprun",
    "backups.view_restoretest",
    "opsconsole.view_auditlog",
    "django_celery_beat.view_periodictask",
    "django_celery_beat.view_intervalschedule",
    "django_celery_beat.view_crontabschedule",
    "django_celery_beat.view_solarschedule",
    "django_celery_beat.view_clockedschedule",
    "django_celery_results.view_taskresult",
    "django_celery_results.view_groupresult",
)
# Terminating can hit another task than the one that was meant, so no group gets it by itself.
OPERATE_PERMISSIONS = (
    "jobs.retry_job",
    "jobs.cancel_job",
    "jobs.fail_job",
    "identities.sync_identity",
    "identities.backfill_identity",
    "identities.schedule_identity",
    "backups.start_backuprun",
    "backups.start_restoretest",
    # To run schedules now, to switch them on and off, to pause and resume all. What they start, and when, is edited
    # only by those who may also add some, which no group may by itself: any Celery task could be started.
    "django_celery_beat.change_periodictask",
)


class SingleQueryBackend(ModelBackend):
    """Django's model back end, with a user's own and group permissions read in one query instead of two."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Return the user's permissions as `app.codename`; none for an inactive user or for a single object."""
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        if not hasattr(user_obj, "_perm_cache"):
            granted = Permission.objects.all()
            if not user_obj.is_superuser:
                granted = granted.filter(Q(user=user_obj.pk) | Q(group__user=user_obj.pk)).distinct()
            names = granted.order_by().values_list("content_type__app_label", "codename")
            # Where Django's own back end keeps them, so that whoever clears that cache clears ours.
            user_obj._perm_cache = {f"{app}.{codename}" for app, codename in names}  # noqa: SLF001
        cached: set[str] = user_obj._perm_cache  # noqa: SLF001
        return cached


def known_permissions() -> set[str]:
    """Return every permission that exists, as `app.codename`."""
    names = Permission.objects.order_by().values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in names}


def create_groups(*, known_before: set[str]) -> None:
    """Make the two groups where they are missing; give an existing one only permissions that are new.

    So what an administrator took away from a group stays away, and what an upgrade brings arrives.

    Args:
        known_before: the permissions that existed before this migration.
    """
    for name, labels in ((VIEWERS, VIEW_PERMISSIONS), (OPERATORS, VIEW_PERMISSIONS + OPERATE_PERMISSIONS)):
        group, created = Group.objects.get_or_create(name=name)
        wanted = Q(pk=None)
        for label in labels:
            if created or label not in known_before:
                app, codename = label.split(".")
                wanted |= Q(content_type__app_label=app, codename=codename)
        group.permissions.add(*Permission.objects.filter(wanted))
