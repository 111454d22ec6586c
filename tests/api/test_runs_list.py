"""`GET /ops/runs`: what was asked for, by filter."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from jobs.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _runs(db: None) -> None:
    now = timezone.now()
    for index, (name, via) in enumerate([("olivia", "api"), ("otto", "admin"), ("olivia", "admin")]):
        Run.objects.create(
            operation="backfill.trigger",
            title=f"Run {index}",
            requested_by=name,
            via=via,
            created_at=now - timedelta(days=index),
        )


def titles(api: APIClient, query: str) -> list[str]:
    answer = api.get(f"/ops/runs?{query}")
    assert answer.status_code == 200, answer.json()
    return [run["title"] for run in answer.json()["runs"]]


def test_runs_are_filtered_by_who_asked_and_through_what(api: APIClient) -> None:
    assert titles(api, "requested_by=olivia") == ["Run 0", "Run 2"]
    assert titles(api, "via=admin") == ["Run 1", "Run 2"]
    assert titles(api, "operation=sync.trigger") == []


def test_runs_are_filtered_by_time(api: APIClient) -> None:
    moment = (timezone.now() - timedelta(hours=36)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert titles(api, f"created_after={moment}") == ["Run 0", "Run 1"]
    assert titles(api, f"created_before={moment}") == ["Run 2"]


def test_a_moment_is_taken_with_any_offset(api: APIClient) -> None:
    # PostgreSQL itself knows none beyond 16 hours.
    assert titles(api, "created_after=2026-01-06T05:25:57%2B21:27") == ["Run 0", "Run 1", "Run 2"]
    assert api.get("/ops/runs?created_before=0817-01-06T05:25:57%2B21:27").status_code == 400


@pytest.mark.parametrize("query", ["via=telepathy", "created_after=yesterday", "requested_by=%00"])
def test_a_filter_outside_the_allowed_values_is_refused_with_a_sentence(api: APIClient, query: str) -> None:
    answer = api.get(f"/ops/runs?{query}")
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"
    assert answer.json()["detail"].endswith((".", "!"))


def test_a_cursor_of_one_filter_is_refused_by_another(api: APIClient) -> None:
    following = api.get("/ops/runs?limit=1&requested_by=olivia").json()["next"]
    answer = api.get(following.replace("olivia", "otto"))
    assert (answer.status_code, answer.json()["code"]) == (400, "foreign_cursor")
