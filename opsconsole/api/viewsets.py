"""What every viewset of the API has in common."""

from typing import Any, ClassVar

from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet


class LengthRequired(APIException):
    """A body came without its length (HTTP 411)."""

    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_detail = "The body came in chunks; send it with its Content-Length."
    default_code = "length_required"


class OpsViewSet(GenericViewSet[Any]):
    """A viewset whose actions are open to those who hold the permissions that it names.

    Attributes:
        permissions: the permission that each action needs; an action that is missing here is closed to everybody.
    """

    permissions: ClassVar[dict[str, str]]
    # What is no id is answered by the action, with a sentence.
    lookup_value_regex = "[^/]+"
    pagination_class = None
    serializer_class: Any = serializers.Serializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let the caller in, unless the body would go unread.

        Django takes a body without a length for an empty one, and an empty one may ask for much more than was meant.

        Raises:
            LengthRequired: the body came in chunks.
        """
        super().initial(request, *args, **kwargs)
        coding = request.META.get("HTTP_TRANSFER_ENCODING", "")
        if "chunked" in coding.lower() and not request.META.get("CONTENT_LENGTH"):
            raise LengthRequired
