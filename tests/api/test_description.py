"""The API's description: who may read it, that it has examples, and that these are true to it."""

from typing import Any

import pytest
from django.test import Client

from tests.api import contract

OPERATIONS = [(method, path, operation) for method, path, operation in contract.operations()]


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=[o["operationId"] for *_, o in OPERATIONS])
def test_each_operation_has_examples_that_its_shapes_allow(method: str, path: str, operation: dict[str, Any]) -> None:
    taken = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    for example in examples_of(taken):
        contract.check_shape(taken["schema"], example)
    assert examples_of(taken) or "requestBody" not in operation
    for status in [status for status in operation["responses"] if status.startswith("2")]:
        given = operation["responses"][status]["content"]["application/json"]
        for example in examples_of(given):
            contract.check_shape(given["schema"], example)
        assert examples_of(given), status


def test_anybody_gets_the_description() -> None:
    response = Client().get("/ops/schema")
    assert response.status_code == 200
    assert response["Content-Type"] == "application/vnd.oai.openapi+json;version=3.1"
    assert response.json() == contract.DESCRIBED
    assert response.json()["openapi"] == "3.1.1"


def examples_of(content: dict[str, Any]) -> list[Any]:
    """Return the examples of a body or an answer."""
    return [example["value"] for example in content.get("examples", {}).values()]
