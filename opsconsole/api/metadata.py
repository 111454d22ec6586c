"""What OPTIONS answers: what an address is for, and the fields of what may be sent to it."""

from typing import Any

from rest_framework.metadata import SimpleMetadata


class OpsMetadata(SimpleMetadata):
    """DRF's answer, which for PUT looks for an object by a query set: the views here find theirs by other ways."""

    def determine_actions(self, request: Any, view: Any) -> dict[str, Any]:
        """Return the fields of a body by method, of those methods that take one."""
        methods = {"POST", "PUT"} & set(view.allowed_methods)
        return {method: self.get_serializer_info(view.get_serializer()) for method in sorted(methods)}
