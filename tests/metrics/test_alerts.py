"""The alert rules that are shipped: they parse, ask for numbers that there are, and say what the verdict calls red."""

import re
from pathlib import Path
from typing import Any, Final

import promql_parser
import pytest
import yaml

from opsconsole.metrics import samples

PROJECT: Final = Path(__file__).resolve().parents[2]
RULES: Final[list[dict[str, Any]]] = [
    rule
    for group in yaml.safe_load((PROJECT / "docs" / "prometheus-alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
# How Prometheus writes a duration.
_DURATION: Final = re.compile(r"(\d+(ms|s|m|h|d|w|y))+")


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_a_rule_is_one_that_prometheus_takes(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    promql_parser.parse(str(rule["expr"]))
    assert _DURATION.fullmatch(rule.get("for", "1m"))
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]


def test_they_ask_for_numbers_that_there_are(db: None) -> None:
    known = {family.name for family in samples.collect()}
    asked = {name for rule in RULES for name in re.findall(r"\bopsconsole_\w+", str(rule["expr"]))}
    assert asked <= known | {"opsconsole_sweeper_age_seconds", "opsconsole_sweeper_tick_age_seconds"}


def test_the_document_names_every_number(db: None) -> None:
    document = (PROJECT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", document))
    assert {family.name.removeprefix("opsconsole_") for family in samples.collect()} <= named


def test_whatever_the_verdict_calls_red_is_an_alert() -> None:
    (rule,) = [rule for rule in RULES if rule["alert"] == "OpsconsoleNeedsAttention"]
    assert 'opsconsole_reason{severity="critical"}' in rule["expr"]
    assert rule["labels"]["severity"] == "critical"
