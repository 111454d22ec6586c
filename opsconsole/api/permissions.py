"""Who may call: staff, or a user of the core by its session, with the permission that the view names for the action.

Being staff alone opens nothing.
"""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from opsconsole.api.core_session import CoreSessionUsed


class HasOperationPermission(BasePermission):
    """Lets staff through who hold the permission of the action, by the view's `permissions` table.

    A view says `permissions = {"list": "jobs.view_job", "retry": "jobs.retry_job"}`; an action that it doesn't name
    is closed to everybody. The browsable pages ask with the same table which forms to offer.
    """

    message = "You are not allowed to do this."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Say whether the caller may do what the view's action does."""
        if not may_enter(request):
            return False
        method = request.method or "GET"
        if method != "OPTIONS" and method.lower() not in view.action_map:
            # Nothing is done by it: it is answered with a 405.
            return True
        needed = permission_for(view, method)
        return needed is not None and request.user.has_perm(needed)


def may_enter(request: Request) -> bool:
    """Say whether the caller may come in at all: as staff, or with the core's session."""
    user = request.user
    if not (user.is_authenticated and user.is_active):
        return False
    return bool(user.is_staff) or isinstance(request.auth, CoreSessionUsed)


def permission_for(view: Any, method: str) -> str | None:
    """Return the permission that a view's action needs, or None when it is open to nobody."""
    if method == "OPTIONS":
        return next(iter(view.permissions.values()), None)
    # The browsable pages ask about other methods of the same address than the one that was called.
    permission = view.permissions.get(view.action_map.get(method.lower()))
    return permission if permission is None else str(permission)
