"""How the API is described: OpenAPI 3.1, by drf-spectacular, from the tables that the viewsets carry.

A viewset says in `answers` what each of its actions answers with, in `queries` which query parameters it takes, and its
`serializer_class` is the body. What holds for all of them (errors, the key that makes a request repeatable, who may
call) is said here once. The examples, by operation, stand in a file beside this one: recorded from a console at work,
and shortened.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from opsconsole.api.core_session import COOKIE
from opsconsole.api.shapes import Problem, Shape
from opsconsole.api.words import with_components

EXAMPLES: Final = Path(__file__).with_name("examples.json")
KEY_HEADER: Final = "Idempotency-Key"
_ERRORS: Final = {
    400: "The request can't be granted: a value is not allowed, or makes no sense here.",
    401: "Nobody is known by this token or session.",
    403: "The caller may not do this, or calls from another site.",
    404: "There is no such thing.",
    406: "The answer can be JSON only.",
    429: "Too many calls. The console itself limits none today; what stands before it may, and it may itself one day.",
    503: "Something that the console stands on does not answer; `Retry-After` says when to try again.",
}
_ERRORS_OF_CHANGES: Final = {
    409: "The state of things does not allow it, or somebody else was quicker.",
    411: "The body came without its length.",
    413: "The body is too large.",
    415: "The body is no JSON.",
    422: "The `Idempotency-Key` was sent with another request.",
}
_REFUSALS: Final = (
    {"detail": "There is no job 999999.", "code": "job_not_found"},
    {
        "detail": "identity_id: This must be a whole number.",
        "code": "invalid",
        "errors": {"identity_id": ["This must be a whole number."]},
    },
)
_NOT_CHANGED: Final = "Nothing has changed since the answer whose `ETag` was sent back; there is no body."
_KEY: Final = OpenApiParameter(
    KEY_HEADER,
    {"type": "string", "pattern": "^[!-~]{1,200}$"},
    OpenApiParameter.HEADER,
    description="With the same key, the same request gets the same answer for 24 hours, and starts nothing more.",
)

_ETAG: Final = OpenApiParameter(
    "ETag",
    {"type": "string"},
    OpenApiParameter.HEADER,
    required=True,
    description="Changes with what the answer says.",
    response=[200, 304],
)
_IF_NONE_MATCH: Final = OpenApiParameter(
    "If-None-Match",
    {"type": "string"},
    OpenApiParameter.HEADER,
    description="The `ETag` of the answer that the caller has: where nothing has changed since, it isn't sent again.",
)
_RETRY_AFTER: Final = OpenApiParameter(
    "Retry-After",
    {"type": "string", "pattern": "^[0-9]+$"},
    OpenApiParameter.HEADER,
    description="Seconds after which the same request may well be granted.",
    response=[409, 429, 503],
)
_REPLAYED: Final = OpenApiParameter(
    "Idempotency-Replayed",
    {"type": "string", "enum": ["true"]},
    OpenApiParameter.HEADER,
    description="This is the answer that the first request with this key got.",
    response=[200, 202, 400, 403, 404, 409],
)


class AdminSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """Describes the admin's session, as DRF's own is described."""

    target_class = "opsconsole.api.admin_session.AdminSessionAuthentication"


class CoreSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the core's session."""

    target_class = "opsconsole.api.core_session.CoreSessionAuthentication"
    name = "coreSession"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the cookie that carries it."""
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": COOKIE,
            "description": "The core's own session; what changes something is refused from pages of other sites.",
        }


class OpsAutoSchema(AutoSchema):
    """Describes one operation."""

    # One of ours, with its tables.
    view: Any

    def get_operation_id(self) -> str:
        """Return a name that says what it does to what, such as `job_retry`."""
        resource = str(self.view.basename).removeprefix("ops-").replace("-", "_")
        return f"{resource}_{self.view.action}"

    def get_tags(self) -> list[str]:
        """Return the group in which the docs show it."""
        return [self.view.tag]

    def get_summary(self) -> str:
        """Return its first line."""
        return super().get_description().partition("\n")[0].rstrip(".")

    def get_description(self) -> str:  # type: ignore[override]
        """Return the permission that it takes, and its other lines."""
        more = super().get_description().partition("\n")[2].strip()
        permission = self.view.permissions.get(self.view.action)
        takes = f"Takes the permission `{permission}`." if permission else ""
        return "\n\n".join(part for part in (takes, more) if part)

    def get_request_serializer(self) -> Any:
        """Return what its body may hold; what only reads or deletes has none."""
        return self.view.serializer_class if self.method in {"POST", "PUT"} else None

    def get_override_parameters(self) -> list[Any]:
        """Return its query parameters, what may stand in its address, and the headers of requests and answers."""
        parameters: list[Any] = [_RETRY_AFTER]
        if "{id}" in self.path:
            parameters.append(
                OpenApiParameter("id", self.view.id_schema, OpenApiParameter.PATH, description=self.view.id_words)
            )
        if query := self.view.queries.get(self.view.action):
            parameters.append(query)
        if self.method == "POST":
            parameters += [_KEY, _REPLAYED]
        if self._is_conditional:
            parameters += [_IF_NONE_MATCH, _ETAG]
        return parameters

    def get_examples(self) -> list[OpenApiExample]:
        """Return examples of its body and of its answer."""
        given = self.view.answers[self.view.action]
        granted = next(iter(given)) if isinstance(given, dict) else 200
        examples = []
        for example in _examples().get(self.get_operation_id(), ()):
            title = example.get("summary", "Example")
            if "request" in example:
                examples.append(OpenApiExample(title, example["request"], request_only=True))
            statuses = [str(example.get("status", granted))]
            examples.append(OpenApiExample(title, example["answer"], response_only=True, status_codes=statuses))
        return examples

    def get_response_serializers(self) -> Any:
        """Return its answers by status, with all errors that it may meet."""
        given = self.view.answers[self.view.action]
        answers = given if isinstance(given, dict) else {200: given}
        errors = _ERRORS if self.method == "GET" else _ERRORS | _ERRORS_OF_CHANGES
        described = {status: OpenApiResponse(shape, "As asked.") for status, shape in answers.items()}
        problems = {status: OpenApiResponse(Problem, words) for status, words in sorted(errors.items())}
        unchanged = {304: OpenApiResponse(description=_NOT_CHANGED)} if self._is_conditional else {}
        return described | unchanged | problems

    @property
    def _is_conditional(self) -> bool:
        return self.view.action in self.view.conditional

    def _is_list_view(self, serializer: Any = None) -> bool:
        # Lists are objects too: what stands beside the rows belongs to the answer.
        return False


def tidy(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Put the last hand on the description; drf-spectacular calls this at the end.

    Addresses are named in the spelling without a slash at the end. Where nothing is needed in a body it may be left
    out, and a key that an operation doesn't know is refused.
    """
    result["paths"] = {path.rstrip("/"): operations for path, operations in result["paths"].items()}
    shapes = with_components(result["components"]["schemas"], open_shapes=frozenset(_open_shapes(Shape)))
    result["components"]["schemas"] = shapes
    shapes["Problem"]["examples"] = list(_REFUSALS)
    for operations in result["paths"].values():
        for operation in operations.values():
            if "requestBody" not in operation:
                continue
            reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            body = shapes[reference.rpartition("/")[2]]
            body["additionalProperties"] = False
            if not body.get("required"):
                operation["requestBody"].pop("required", None)
    _without_marks(result)
    return result


def _open_shapes(shape: type[Shape]) -> Iterator[str]:
    """Return the names of those shapes that have further keys than they name."""
    if shape.has_more:
        yield shape.__name__
    for narrower in shape.__subclasses__():
        yield from _open_shapes(narrower)


@cache
def _examples() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return found


def _without_marks(value: Any) -> None:
    """Leave out what drf-spectacular notes for itself."""
    if isinstance(value, dict):
        value.pop("x-spec-enum-id", None)
        for item in value.values():
            _without_marks(item)
    elif isinstance(value, list):
        for item in value:
            _without_marks(item)


ID: Final[dict[str, Any]] = {"type": "integer", "minimum": 1}
UUID: Final[dict[str, Any]] = {"type": "string", "format": "uuid"}
FINGERPRINT: Final[dict[str, Any]] = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
