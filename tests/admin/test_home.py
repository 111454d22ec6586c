"""The first page: counts, what runs, what failed, what was asked for."""

from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from jobs import counts
from tests.admin.reading import text
from tests.api.cast import make_run
from tests.cast import make_identity, make_job


def test_it_shows_counts_as_links_and_the_latest_of_each(page: Client) -> None:
    alice = make_identity("Alice")
    failed = make_job(payload={"identity_id": alice.pk}, last_error="429 Too Many Requests")
    make_job(status="running")
    make_run(make_job(status="done").pk, title="Backfill Alice")
    counts.refresh(max_age_seconds=0)
    response = page.get("/admin/")
    words, body = text(response), response.content.decode()
    assert 'href="/admin/jobs/job/?status=failed"' in body
    assert "3 jobs in all" in words
    assert f"Sync #{failed.pk}" in words
    assert "Alice" in words
    assert "429 Too Many Requests" in words
    assert "Backfill Alice" in words
    assert "1 job, done" in words


def test_on_an_empty_ledger_it_says_so(page: Client) -> None:
    words = text(page.get("/admin/"))
    assert "Nothing has failed lately." in words
    assert "Nothing is running." in words
    assert "Nobody has started anything yet." in words


@pytest.mark.parametrize("part", ["counts", "jobs", "runs"])
def test_a_part_that_fails_does_not_take_the_page_down(
    page: Client, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def fail() -> Any:
        raise DatabaseError("broken")

    monkeypatch.setattr(f"opsconsole.home._{part}", fail)
    response = page.get("/admin/")
    assert response.status_code == 200
    assert "This part can't be shown at the moment" in text(response)
