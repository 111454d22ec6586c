"""The admin's look and its sidebar, as django-unfold's setting `UNFOLD` wants them."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy


def _link(title: str, icon: str, view: str, permission: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(view),
        "permission": lambda request: request.user.has_perm(permission),
    }


UNFOLD = {
    "SITE_TITLE": "opsconsole",
    "SITE_HEADER": "opsconsole",
    "SITE_SUBHEADER": "Operations console",
    "SITE_SYMBOL": "monitor_heart",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("opsconsole/favicon.svg")}
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "opsconsole.home.dashboard",
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "oklch(97.3% .014 264)",
            "100": "oklch(94% .03 264)",
            "200": "oklch(88.5% .06 264)",
            "300": "oklch(80.5% .105 264)",
            "400": "oklch(72% .14 264)",
            "500": "oklch(62.5% .19 264)",
            "600": "oklch(53% .205 264)",
            "700": "oklch(46% .19 264)",
            "800": "oklch(40% .16 264)",
            "900": "oklch(34% .12 264)",
            "950": "oklch(26% .08 264)",
        },
    },
    "STYLES": [lambda request: static("opsconsole/console.css")],
    "SCRIPTS": [lambda request: static("opsconsole/console.js")],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": "Operations",
                "items": [
                    {"title": "Home", "icon": "home", "link": reverse_lazy("admin:index")},
                    _link("Jobs", "list_alt", "admin:jobs_job_changelist", "jobs.view_job"),
                    _link("Errors", "bug_report", "admin:jobs_errorgroup_changelist", "jobs.view_job"),
                    _link("Runs", "play_circle", "admin:jobs_run_changelist", "jobs.view_run"),
                    _link("Identities", "group", "admin:identities_identity_changelist", "identities.view_identity"),
                    _link(
                        "Conversations",
                        "forum",
                        "admin:identities_conversation_changelist",
                        "identities.view_conversation",
                    ),
                    _link("Audit log", "history", "admin:opsconsole_auditlog_changelist", "opsconsole.view_auditlog"),
                ],
            },
            {
                "title": "Backups",
                "separator": True,
                "items": [
                    _link("Backups", "backup", "admin:backups_backuprun_changelist", "backups.view_backuprun"),
                    _link(
                        "Restore tests",
                        "verified",
                        "admin:backups_restoretest_changelist",
                        "backups.view_restoretest",
                    ),
                ],
            },
            {
                "title": "Celery",
                "separator": True,
                "items": [
                    _link("Machinery", "dns", "machinery", "jobs.view_job"),
                    _link(
                        "Periodic tasks",
                        "schedule",
                        "admin:django_celery_beat_periodictask_changelist",
                        "django_celery_beat.view_periodictask",
                    ),
                    _link(
                        "Task results",
                        "receipt_long",
                        "admin:django_celery_results_taskresult_changelist",
                        "django_celery_results.view_taskresult",
                    ),
                ],
            },
            {
                "title": "Access",
                "separator": True,
                "items": [
                    _link("Users", "person", "admin:auth_user_changelist", "auth.view_user"),
                    _link("Groups", "shield_person", "admin:auth_group_changelist", "auth.view_group"),
                    _link("API tokens", "key", "admin:authtoken_tokenproxy_changelist", "authtoken.view_tokenproxy"),
                ],
            },
        ],
    },
}
