"""GET /ops/jobs/counts."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from jobs import counts
from tests.api.cast import refusal
from tests.cast import NOW, make_job

STATUSES = ("queued", "running", "retrying", "failed", "done", "cancelled")


def counted(api: APIClient, query: str = "") -> dict[str, Any]:
    response = api.get(f"/ops/jobs/counts{query}")
    assert response.status_code == 200
    return dict(response.json())


def test_an_empty_ledger_counts_zero_of_each(api: APIClient) -> None:
    answer = counted(api)
    assert answer.pop("as_of").endswith("Z")
    assert answer == dict.fromkeys((*STATUSES, "total"), 0)


def test_each_status_is_counted_and_the_total(api: APIClient) -> None:
    for number, status in enumerate(STATUSES, start=1):
        for _ in range(number):
            make_job(status=status)
    answer = counted(api)
    answer.pop("as_of")
    assert answer == {
        "queued": 1,
        "running": 2,
        "retrying": 3,
        "failed": 4,
        "done": 5,
        "cancelled": 6,
        "total": 21,
    }


def test_the_filters_of_the_list_apply_but_the_status(api: APIClient) -> None:
    make_job("ingest.sync_delta", payload={"identity_id": 1}, last_error="reset", created_at=NOW)
    make_job("ingest.sync_delta", payload={"identity_id": 2}, status="done", created_at=NOW + timedelta(days=1))
    make_job("message.send_manual", queue_name="messages")

    def both(query: str) -> tuple[int, int]:
        answer = counted(api, query)
        assert answer["total"] == sum(answer[status] for status in STATUSES)
        return answer["failed"], answer["done"]

    assert both("?job_type=ingest.sync_delta") == (1, 1)
    assert both("?job_type=ingest.sync_delta&status=done") == (1, 1)
    assert both("?queue_name=messages") == (1, 0)
    assert both("?identity_id=2") == (0, 1)
    assert both("?q=RESET") == (1, 0)
    assert both("?created_after=2026-02-01T00:00:00Z") == (0, 1)
    assert both("?created_before=2026-02-01T00:00:00Z") == (2, 0)
    assert both("?stuck=true") == (0, 0)


def test_a_filtered_count_is_of_now(api: APIClient) -> None:
    counts.refresh(max_age_seconds=0)
    make_job()
    answer = counted(api, "?job_type=ingest.sync_delta")
    assert (answer["failed"], answer["as_of"]) == (1, None)


@pytest.mark.parametrize("query", ["status=broken", "created_after=x", "identity_id=x", "stuck=2"])
def test_a_value_outside_of_the_allowed_ones_is_a_400(api: APIClient, query: str) -> None:
    refusal(api.get(f"/ops/jobs/counts?{query}"), 400, "invalid")
