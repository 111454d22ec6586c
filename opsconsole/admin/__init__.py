"""The admin's kernel: read-only pages, lists paged by key, and Django's and Celery's models in the console's look."""

from opsconsole.admin import accounts, audit_log, results, schedules
from opsconsole.admin.base import ReadOnlyAdmin, actor_of, tell, tell_done
from opsconsole.admin.lists import Cursor, EmptyList, ListAdmin, ListPage, chosen_ids, list_page

__all__ = [
    "Cursor",
    "EmptyList",
    "ListAdmin",
    "ListPage",
    "ReadOnlyAdmin",
    "accounts",
    "actor_of",
    "audit_log",
    "chosen_ids",
    "list_page",
    "results",
    "schedules",
    "tell",
    "tell_done",
]
