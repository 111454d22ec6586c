"""Which address is served by what. The only module, with the home page, that knows all applications."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from backups.api import BackupViewSet
from identities.api import BackfillViewSet, ConversationViewSet, RedownloadViewSet
from identities.api_syncs import IdentityViewSet, SyncStatusViewSet, SyncViewSet
from jobs.api import JobViewSet, RunViewSet
from jobs.api_errors import ErrorGroupViewSet
from jobs.api_schedules import ScheduleViewSet
from opsconsole import machinery, sidebar, views
from opsconsole.api.audit import AuditViewSet
from opsconsole.api.description import docs_view, schema_view
from opsconsole.meta import MetaViewSet
from opsconsole.metrics.view import metrics_view
from opsconsole.routers import OpsRouter
from opsconsole.verdict.api import HealthViewSet
from opsconsole.verdict.part import verdict_view

router = OpsRouter({"schema": "ops-schema", "docs": "ops-docs", "/conversations/sync": "conversations-sync-list"})
router.register("health", HealthViewSet, basename="ops-health")
router.register("meta", MetaViewSet, basename="ops-meta")
router.register("jobs", JobViewSet, basename="ops-job")
router.register("runs", RunViewSet, basename="ops-run")
router.register("errors", ErrorGroupViewSet, basename="ops-error")
router.register("backfill", BackfillViewSet, basename="ops-backfill")
router.register("redownload", RedownloadViewSet, basename="ops-redownload")
router.register("identities", IdentityViewSet, basename="ops-identity")
router.register("conversations", ConversationViewSet, basename="ops-conversation")
router.register("sync", SyncStatusViewSet, basename="ops-sync")
router.register("schedules", ScheduleViewSet, basename="ops-schedule")
router.register("backup", BackupViewSet, basename="ops-backup")
router.register("audit", AuditViewSet, basename="ops-audit")

# Where the core's own front end starts syncs.
conversations_router = OpsRouter()
conversations_router.include_root_view = False
conversations_router.register("sync", SyncViewSet, basename="conversations-sync")

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("favicon.ico", RedirectView.as_view(url="/static/opsconsole/favicon.svg")),
    re_path(r"^healthz/?$", views.healthz, name="healthz"),
    re_path(r"^readyz/?$", views.readyz, name="readyz"),
    re_path(r"^metrics/?$", metrics_view, name="metrics"),
    re_path(r"^ops/login/?$", views.api_login, name="api-login"),
    re_path(r"^ops/schema/?$", schema_view, name="ops-schema"),
    re_path(r"^ops/docs/?$", docs_view, name="ops-docs"),
    path("ops/", include(router.urls)),
    re_path(r"^ops$", router.get_api_root_view()),
    path("conversations/", include(conversations_router.urls)),
    path("admin/machinery/", admin.site.admin_view(machinery.page_view), name="machinery"),
    path("admin/machinery/part/", admin.site.admin_view(machinery.part_view), name="machinery-part"),
    path("admin/verdict/", admin.site.admin_view(verdict_view), name="verdict"),
    path("admin/sidebar/", admin.site.admin_view(sidebar.view), name="sidebar"),
    path("admin/", admin.site.urls),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
]

handler400 = "opsconsole.views.bad_request"
handler403 = "opsconsole.views.permission_denied"
handler404 = "opsconsole.views.not_found"
handler500 = "opsconsole.views.server_error"
