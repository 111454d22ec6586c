"""Holding answers against the API's description: each must be one that it allows, with no key that it doesn't name."""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import jsonschema_rs

from opsconsole.api.description import PATH

DESCRIBED: Final[dict[str, Any]] = json.loads(PATH.read_text(encoding="utf-8"))
# Headers that an answer has where, and only where, they are described.
_HEADERS: Final = ("ETag",)


def check(method: str, path: str, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    """Raise AssertionError unless an answer is as described.

    Args:
        method: of the request.
        path: of the request, without its query.
        status: of the answer.
        body: of the answer: JSON, or nothing where nothing has changed.
        headers: of the answer.
    """
    operation = operation_of(method, path)
    if operation is None:
        assert 400 <= status < 500, f"{method} {path} is not described, and was answered with {status}."
        return
    if status == 500:
        # A bug that a test has made: nothing describes it.
        return
    name = operation["operationId"]
    assert str(status) in operation["responses"], f"{name} was answered with {status}, which is not described."
    described = operation["responses"][str(status)]
    for header in _HEADERS:
        assert (header in headers) == (header in described.get("headers", {})), f"{name} ({status}): {header}"
    if "content" not in described:
        assert body == b"", f"{name} ({status}) has a body."
        return
    faults = _faults(_validator(name, status), json.loads(body))
    assert not faults, f"{name} ({status}): {faults[:5]}"


def check_shape(schema: dict[str, Any], value: Any) -> None:
    """Raise AssertionError unless a value is as a schema of the description says, with no key that it doesn't name."""
    faults = _faults(_validator_for(schema), value)
    assert not faults, faults[:5]


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """Return the described operation of a request, or None."""
    found = re.sub(r"/$", "", path)
    for pattern, operations in _patterns():
        if pattern.fullmatch(found):
            described: dict[str, Any] | None = operations.get(method.lower())
            return described
    return None


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return the method, the path and the description of each operation."""
    for path, described in DESCRIBED["paths"].items():
        for method, operation in described.items():
            yield method.upper(), path, operation


@cache
def _validator(name: str, status: int) -> Any:
    (operation,) = [operation for _, _, operation in operations() if operation["operationId"] == name]
    return _validator_for(operation["responses"][str(status)]["content"]["application/json"]["schema"])


def _validator_for(schema: dict[str, Any]) -> Any:
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "components": _strict_components()}
    return jsonschema_rs.validator_for(whole, validate_formats=True)


def _faults(validator: Any, value: Any) -> list[str]:
    return [f"{fault.message[:500]} at {list(fault.instance_path)}" for fault in validator.iter_errors(value)]


@cache
def _strict_components() -> dict[str, Any]:
    components: dict[str, Any] = copy.deepcopy(DESCRIBED["components"])
    for shape in components["schemas"].values():
        if "properties" in shape:
            shape.setdefault("additionalProperties", False)
    return components


@cache
def _patterns() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    # Those without an id first: /ops/jobs/retry is no job.
    paths = sorted(DESCRIBED["paths"].items(), key=lambda item: "{" in item[0])
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), described) for path, described in paths]
