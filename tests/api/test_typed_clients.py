"""The description is good enough to generate types from: nothing in it is untyped, and every answer is JSON."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest

from backups import models as backups
from jobs import api_shapes, run_queries
from jobs.models import STATUSES, Outcome
from jobs.run_queries import GONE
from opsconsole import audit_queries
from opsconsole.api.words import JSON_VALUE
from opsconsole.audit import Via
from opsconsole.meta import ABILITIES, thresholds
from opsconsole.verdict.facts import Part
from tests.api import contract

SCHEMAS: dict[str, Any] = contract.DESCRIBED["components"]["schemas"]
OPERATIONS = list(contract.operations())
NAMES = [operation["operationId"] for *_, operation in OPERATIONS]
PROBLEM = {"$ref": "#/components/schemas/Problem"}
# What says of what kind a value is.
KINDS = {"type", "$ref", "anyOf", "oneOf", "allOf", "enum"}
CONDITIONAL = {
    "backfill_retrieve",
    "backup_status",
    "conversations_sync_retrieve",
    "health_list",
    "job_counts",
    "job_list",
    "job_retrieve",
    "run_list",
    "run_retrieve",
    "sync_status",
}
each_operation = pytest.mark.parametrize("operation", [operation for *_, operation in OPERATIONS], ids=NAMES)


def parts(schema: dict[str, Any], at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return a schema and all within it, each with where it stands."""
    yield at, schema
    for name, inner in schema.get("properties", {}).items():
        yield from parts(inner, f"{at}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from parts(schema[key], f"{at}[{key}]")
    for key in ("anyOf", "oneOf", "allOf"):
        for number, inner in enumerate(schema.get(key, ())):
            yield from parts(inner, f"{at}|{number}")


def test_every_value_has_a_type() -> None:
    untyped = []
    for name, schema in SCHEMAS.items():
        for at, part in parts(schema, name):
            # The members of an array of any values: docs in `opsconsole.api.words`.
            is_any_member = part == {"additionalProperties": JSON_VALUE}
            kinds = part.get("type")
            if not is_any_member and not KINDS & set(part):
                untyped.append(at)
            if kinds == "array" and not part.get("items"):
                untyped.append(f"{at}: members")
            if (
                kinds == "object"
                and not part.get("properties")
                and not isinstance(part.get("additionalProperties"), dict)
            ):
                untyped.append(f"{at}: keys")
    assert untyped == []


def test_every_name_stands_for_something_and_is_used() -> None:
    text = str(contract.DESCRIBED)
    used = {name for name in SCHEMAS if f"'#/components/schemas/{name}'" in text}
    assert used == set(SCHEMAS)
    assert text.count("#/components/schemas/") == sum(text.count(f"'#/components/schemas/{name}'") for name in SCHEMAS)


@each_operation
def test_every_answer_is_json_or_has_no_body(operation: dict[str, Any]) -> None:
    for status, answer in operation["responses"].items():
        assert set(answer.get("content", ())) == (set() if status == "304" else {"application/json"}), status
        if int(status) >= 400:
            assert answer["content"]["application/json"]["schema"] == PROBLEM, status


@each_operation
def test_answers_that_are_not_sent_again_carry_an_etag(operation: dict[str, Any]) -> None:
    is_conditional = operation["operationId"] in CONDITIONAL
    assert ("304" in operation["responses"]) == is_conditional
    taken = {parameter["name"] for parameter in operation.get("parameters", ())}
    assert ("If-None-Match" in taken) == is_conditional
    for status, answer in operation["responses"].items():
        has_etag = is_conditional and status in {"200", "304"}
        assert ("ETag" in answer.get("headers", {})) == has_etag, status
        assert not has_etag or answer["headers"]["ETag"]["required"]


@each_operation
def test_who_has_to_wait_is_told_for_how_long(operation: dict[str, Any]) -> None:
    for status in ("429", "503"):
        assert operation["responses"][status]["headers"]["Retry-After"]["schema"]["type"] == "string"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("JobStatus", STATUSES),
        ("RunJobStatus", (*STATUSES, GONE)),
        ("AttemptOutcome", tuple(Outcome.values)),
        ("Operation", api_shapes.OPERATIONS),
        ("Via", get_args(Via)),
        ("AuditActor", audit_queries.ACTORS),
        ("AuditResult", audit_queries.RESULTS),
        ("BackupKind", backups.KINDS),
        ("BackupTrigger", tuple(backups.BackupRun.core_table.values["trigger"].known)),
        ("BackupRunStatus", tuple(backups.BackupRun.core_table.values["status"].known)),
        ("RestoreTestStatus", tuple(backups.RestoreTest.core_table.values["status"].known)),
    ],
)
def test_the_known_words_have_a_name_and_others_are_taken_too(name: str, words: tuple[str, ...]) -> None:
    assert tuple(SCHEMAS[name]["enum"]) == words
    reference = {"$ref": f"#/components/schemas/{name}"}
    users = [part for schema in SCHEMAS.values() for _, part in parts(schema, "") if reference in part.get("anyOf", ())]
    assert users
    assert all({"type": "string"} in part["anyOf"] for part in users)


@pytest.mark.parametrize(
    ("name", "key", "word"),
    [
        ("Job", "status", "paused"),
        ("Attempt", "outcome", "evaporated"),
        ("Backup", "status", "postponed"),
        ("RestoreTest", "trigger", "dream"),
        ("AuditEntry", "actor", "robot"),
        ("RunSummary", "operation", "transcode.trigger"),
    ],
)
def test_a_word_that_nobody_knows_yet_is_allowed(name: str, key: str, word: str) -> None:
    contract.check_shape(SCHEMAS[name]["properties"][key], word)


def test_what_has_named_keys_has_all_of_them() -> None:
    assert set(SCHEMAS["Abilities"]["required"]) == set(ABILITIES)
    assert set(SCHEMAS["Thresholds"]["required"]) == set(thresholds())
    assert set(SCHEMAS["HealthParts"]["properties"]) == set(get_args(Part))
    assert set(SCHEMAS["HealthParts"]["required"]) == set(get_args(Part)) - {"beat", "sync", "backup"}
    assert set(SCHEMAS["KindStates"]["required"]) == set(backups.KINDS)
    for name in ("BackupsByKind", "RestoreTestsByKind"):
        assert set(SCHEMAS[name]["properties"]) == set(backups.KINDS)
        assert "required" not in SCHEMAS[name]


def test_a_payload_has_the_keys_that_the_front_end_reads_and_more() -> None:
    assert set(SCHEMAS["Payload"]["properties"]) == {"conversation_id", "message_id", "identity_id"}
    for odd in ({}, {"conversation_id": 7, "n": [[1, {"a": None}]]}, {"identity_id": {"a": "x"}}, {"value": [[[1]]]}):
        contract.check_shape({"$ref": "#/components/schemas/Payload"}, odd)


def test_a_result_names_the_numbers_that_runs_sum() -> None:
    shape = SCHEMAS["RunResult"]
    numbers = {name for name, value in shape["properties"].items() if value.get("type") == "integer"}
    assert numbers == set(run_queries.NUMBERS)
    assert shape["additionalProperties"] == JSON_VALUE
    assert "required" not in shape


def test_a_backup_and_a_restore_test_are_told_apart_by_their_type() -> None:
    either = SCHEMAS["BackupOrRestoreTest"]
    assert either["discriminator"]["propertyName"] == "type"
    assert set(either["discriminator"]["mapping"]) == {"backup", "restore_test"}
    assert SCHEMAS["Backup"]["properties"]["type"]["enum"] == ["backup"]
    assert SCHEMAS["RestoreTest"]["properties"]["type"]["enum"] == ["restore_test"]
    assert "type" in SCHEMAS["Backup"]["required"]
    assert "type" in SCHEMAS["RestoreTest"]["required"]
