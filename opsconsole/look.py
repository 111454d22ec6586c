"""The admin's look and its sidebar, as django-unfold's setting `UNFOLD` wants them."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.templatetags.static import static
from django.urls import get_script_prefix, reverse
from django.utils.functional import lazy
from django.utils.html import format_html


@cache
def _address(view: str, prefix: str) -> str:
    return reverse(view)


# On every page Unfold compares each link of the sidebar with each tab. `reverse_lazy` would resolve three hundred
# addresses for that; those under one prefix never change.
_link_to: Callable[[str], Any] = lazy(lambda view: _address(view, get_script_prefix()), str)


def _link(title: str, icon: str, view: str, permission: str, *, place: str = "") -> dict[str, Any]:
    return {
        # Where `opsconsole.sidebar` puts a count.
        "title": format_html('{}<span class="oc-nav-count" id="nav-{}"></span>', title, place) if place else title,
        "icon": icon,
        "link": _link_to(view),
        "permission": lambda request: request.user.has_perm(permission),
    }


def _home_title() -> str:
    # Everybody has this link, so it is the one that asks for all counts.
    return format_html(
        'Home<span class="oc-nav-count" id="nav-home" hx-get="{}" hx-trigger="load, every 30s, poll" hx-swap="none"'
        " data-poll></span>",
        _link_to("sidebar"),
    )


def _tabs(*links: tuple[str, str]) -> dict[str, Any]:
    """Return tabs over the lists of several models, each for those who may see it.

    Args:
        links: the title of each, and its model as `application_model`.
    """
    models = [model.rpartition("_") for _, model in links]
    return {
        "models": [f"{application}.{name}" for application, _, name in models],
        "items": [
            {
                "title": title,
                "link": _link_to(f"admin:{model}_changelist"),
                "permission": lambda request, needed=f"{application}.view_{name}": request.user.has_perm(needed),
            }
            for (title, model), (application, _, name) in zip(links, models, strict=True)
        ],
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
    "TABS": [
        _tabs(
            ("Periodic tasks", "django_celery_beat_periodictask"),
            ("Intervals", "django_celery_beat_intervalschedule"),
            ("Crontabs", "django_celery_beat_crontabschedule"),
            ("Solar", "django_celery_beat_solarschedule"),
            ("Clocked", "django_celery_beat_clockedschedule"),
        ),
        _tabs(
            ("Task results", "django_celery_results_taskresult"),
            ("Group results", "django_celery_results_groupresult"),
        ),
    ],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": "Operations",
                "items": [
                    {"title": lazy(_home_title, str)(), "icon": "home", "link": _link_to("admin:index")},
                    _link("Jobs", "list_alt", "admin:jobs_job_changelist", "jobs.view_job", place="jobs"),
                    _link("Errors", "bug_report", "admin:jobs_errorgroup_changelist", "jobs.view_job"),
                    _link("Runs", "play_circle", "admin:jobs_run_changelist", "jobs.view_run"),
                    _link(
                        "Identities",
                        "group",
                        "admin:identities_identity_changelist",
                        "identities.view_identity",
                        place="identities",
                    ),
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
                    _link(
                        "Backups",
                        "backup",
                        "admin:backups_backuprun_changelist",
                        "backups.view_backuprun",
                        place="backups",
                    ),
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
                    _link("Machinery", "dns", "machinery", "jobs.view_job", place="machinery"),
                    _link(
                        "Periodic tasks",
                        "schedule",
                        "admin:django_celery_beat_periodictask_changelist",
                        "django_celery_beat.view_periodictask",
                        place="schedules",
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
