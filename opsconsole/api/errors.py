"""The one place where errors become HTTP answers: `{"detail": "a sentence", "code": "snake_case"}`."""

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import SuspiciousOperation
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

from opsconsole.errors import OpsError, database_trouble

logger = structlog.get_logger(__name__)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an error that a view raised; None for a bug, which surfaces as one."""
    if isinstance(error, OpsError):
        return refusal(error)
    if trouble := database_trouble(error):
        logger.error("database.unavailable", error=str(error))
        return refusal(trouble)
    if isinstance(error, SuspiciousOperation):
        return Response({"detail": "The request was malformed.", "code": "bad_request"}, status=400)
    drf_answer = drf_exception_handler(error, context)
    if drf_answer is None:
        return None
    answer = drf_answer
    if isinstance(error, exceptions.ValidationError):
        answer.data = validation_answer(error)
    elif isinstance(error, Http404):
        answer.data = {"detail": "There is nothing at this address.", "code": "not_found"}
    elif isinstance(error, DjangoPermissionDenied):
        answer.data = {"detail": "You are not allowed to do this.", "code": "permission_denied"}
    elif isinstance(error, exceptions.APIException):
        answer.data = {"detail": str(error.detail), "code": getattr(error.detail, "code", error.default_code)}
    return answer


def refusal(error: OpsError) -> Response:
    """Return the answer that tells of an operation's or a query's error."""
    answer = Response({"detail": error.message, "code": error.code, **error.details}, status=error.status)
    if error.retry_after is not None:
        answer["Retry-After"] = str(error.retry_after)
    return answer


def validation_answer(error: exceptions.ValidationError) -> dict[str, Any]:
    """Return the answer to input that did not pass: the first fault as the sentence, all of them by field."""
    detail = error.detail
    if isinstance(detail, dict):
        errors = {field: _sentences(value) for field, value in detail.items()}
        field, sentences = next(iter(errors.items()))
        sentence = sentences[0] if field == "non_field_errors" else f"{field}: {sentences[0]}"
        return {"detail": sentence, "code": "invalid", "errors": errors}
    sentences = _sentences(detail)
    return {"detail": sentences[0], "code": "invalid", "errors": {"non_field_errors": sentences}}


def _sentences(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [f"{key}: {sentence}" for key, item in value.items() for sentence in _sentences(item)]
    if isinstance(value, list):
        return [sentence for item in value for sentence in _sentences(item)] or ["Invalid."]
    return [str(value)]
