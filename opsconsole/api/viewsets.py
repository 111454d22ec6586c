"""What every viewset of the API has in common."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, TypeVar

from django.utils.cache import patch_vary_headers
from django.utils.decorators import method_decorator
from django.utils.http import quote_etag
from django.views.decorators.http import conditional_page
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from opsconsole.api.errors import refusal
from opsconsole.api.rendering import ORJSONRenderer
from opsconsole.api.schema import ID, KEY_HEADER
from opsconsole.idempotency import Answer, KeyedRequest, answer_once

Receipt = TypeVar("Receipt")

REPLAYED_HEADER: Final = "Idempotency-Replayed"


class LengthRequired(APIException):
    """A body came without its length (HTTP 411)."""

    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_detail = "The body came in chunks; send it with its Content-Length."
    default_code = "length_required"


@method_decorator(conditional_page, name="dispatch")
class OpsViewSet(GenericViewSet[Any]):
    """A viewset whose actions are open to those who hold the permissions that it names.

    Attributes:
        permissions: the permission that each action needs; an action that is missing here is closed to everybody.
        answers: what each action answers with: a shape, or shapes by HTTP status where it isn't 200.
        queries: the serializer of each action's query parameters.
        tag: the group in which the docs show them.
        id_schema: what the id in an address is, as JSON Schema.
        id_words: of what it is the id.
        conditional: the actions whose answers carry an ETag, a hash of what they say, and are left out (304) where the
            caller has them already. Of the core's rows nobody tells that they have changed, and some of what is shown
            changes by the clock alone: so an answer is made all the same, and only not sent.
        moving: the keys of those answers that say when they were made. They alone make no other answer of one.
    """

    permissions: ClassVar[dict[str, str]]
    answers: ClassVar[Mapping[str, Any]]
    queries: ClassVar[Mapping[str, Any]] = {}
    tag: ClassVar[str]
    id_schema: ClassVar[Mapping[str, Any]] = ID
    id_words: ClassVar[str] = ""
    conditional: ClassVar[frozenset[str]] = frozenset()
    moving: ClassVar[frozenset[str]] = frozenset()
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

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Say what may be kept of an answer, and by whom: only by the caller, and not without asking again."""
        response = super().finalize_response(request, response, *args, **kwargs)
        patch_vary_headers(response, ("Cookie", "Authorization"))
        kept = (
            request.method == "GET" and response.status_code == status.HTTP_200_OK and self.action in self.conditional
        )
        response.headers.setdefault("Cache-Control", "private, no-cache" if kept else "no-store")
        if kept and self.moving and request.accepted_renderer.format == ORJSONRenderer.format:
            # Of all others, Django makes one of the body.
            lasting = {name: value for name, value in response.data.items() if name not in self.moving}
            body = ORJSONRenderer().render(lasting)
            response["ETag"] = quote_etag(hashlib.md5(body, usedforsecurity=False).hexdigest())
        return response

    def once(
        self, request: Request, operate: Callable[[], Receipt], present: Callable[[Receipt], Response]
    ) -> Response:
        """Answer a POST that starts something; with an `Idempotency-Key`, start it only the first time.

        Args:
            request: who asks, for what. Its body has been validated.
            operate: starts it, and returns what is known of it.
            present: makes the answer of that. With a key it is called twice, in the operation's transaction and after
                the commit, and of the response only status and data are kept.

        Raises:
            OpsError: as `operate`; or the key is malformed, in use, or was sent with another request.
        """
        key = request.headers.get(KEY_HEADER)
        if key is None:
            return present(operate())
        user_id = request.user.pk
        assert user_id is not None
        answer = answer_once(
            KeyedRequest(user_id=user_id, key=key, target=_target(request), body=request.data),
            operate=operate,
            present=lambda receipt: _answer(present(receipt)),
            refuse=lambda error: _answer(refusal(error)),
        )
        # The first answer too is made of what was kept, so that a repetition can't differ. Python's own parser, for
        # it keeps whole numbers of any size.
        response = Response(json.loads(answer.body), answer.status, exception=status.is_client_error(answer.status))
        if answer.replayed:
            response[REPLAYED_HEADER] = "true"
        return response


def _target(request: Request) -> str:
    # Both spellings of a path are the same address. Percent-encoded: what a path holds may be no text to PostgreSQL.
    path, mark, query = request.get_full_path().partition("?")
    return f"{request.method} {path.rstrip('/')}{mark}{query}"


def _answer(response: Response) -> Answer:
    return Answer(status=response.status_code, body=ORJSONRenderer().render(response.data).decode())
