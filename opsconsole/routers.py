"""The API's router: both spellings of a path are served, with and without a trailing slash."""

from rest_framework.routers import APIRootView, DefaultRouter


class OpsRootView(APIRootView):
    """Operations console: jobs, runs, backfills, identities, conversations, schedules, audit log."""

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
