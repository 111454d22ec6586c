"""The API's router: both spellings of a path are served, with and without a trailing slash."""

from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.routers import APIRootView, DefaultRouter


class OpsRootView(APIRootView):
    """Operations console: health, jobs, runs, errors, backfills, identities, schedules, backups, audit log."""

    permission_classes = ()
    name = "Operations"

    def get_view_name(self) -> str:
        """Return what the browsable page calls it."""
        return "Operations"

    def perform_authentication(self, request: Request) -> None:
        """Know the caller where that can be: this page is for those as well who are to log in."""
        with suppress(APIException):
            super().perform_authentication(request)


class OpsRouter(DefaultRouter):
    """DRF's router without redirects and without format suffixes."""

    include_format_suffixes = False
    APIRootView = OpsRootView

    def __init__(self, also: Mapping[str, str] = MappingProxyType({})) -> None:
        """Make one.

        Args:
            also: what else its root names, though another serves it: the names of the addresses, by their paths.
        """
        super().__init__()
        self.trailing_slash = "/?"
        self._also = also

    def get_api_root_view(self, api_urls: Any = None) -> Any:
        """Name every address that needs no id, so that each operation can be reached by clicking."""
        names = {}
        for prefix, viewset, basename in self.registry:
            extra: list[Any] = viewset.get_extra_actions()
            actions = {action.url_path: action.url_name for action in extra if not action.detail}
            if hasattr(viewset, "list"):
                names[prefix] = f"{basename}-list"
            names |= {f"{prefix}/{path}": f"{basename}-{name}" for path, name in actions.items()}
        return self.APIRootView.as_view(api_root_dict=names | dict(self._also))
