"""The API's router: both spellings of a path are served, with and without a trailing slash."""

from typing import Any

from rest_framework.routers import APIRootView, DefaultRouter


class OpsRootView(APIRootView):
    """Operations console: health, jobs, runs, errors, backfills, identities, schedules, backups, audit log."""

    permission_classes = ()
    name = "Operations"

    def get_view_name(self) -> str:
        """Return what the browsable page calls it."""
        return "Operations"


class OpsRouter(DefaultRouter):
    """DRF's router without redirects and without format suffixes."""

    include_format_suffixes = False
    APIRootView = OpsRootView

    def __init__(self) -> None:
        super().__init__()
        self.trailing_slash = "/?"

    def get_api_root_view(self, api_urls: Any = None) -> Any:
        """Name the first page of each resource: its list, or the action that its viewset names as `root_action`."""
        names = {
            prefix: f"{basename}-{getattr(viewset, 'root_action', 'list')}"
            for prefix, viewset, basename in self.registry
        }
        return self.APIRootView.as_view(api_root_dict=names)
