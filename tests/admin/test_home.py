"""The first page: its parts come after it; what runs, what failed, what was asked for."""

from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from tests.admin.conftest import browser_of
from tests.admin.reading import text
from tests.api.cast import make_run, make_staff
from tests.cast import make_credential, make_identity, make_job


def test_it_shows_the_latest_of_each_and_brings_its_parts(page: Client) -> None:
    alice = make_identity("Alice")
    failed = make_job(payload={"identity_id": alice.pk}, last_error="429 Too Many Requests")
    make_job(status="running")
    make_run(make_job(status="done").pk, title="Backfill Alice")
    response = page.get("/admin/")
    words, body = text(response), response.content.decode()
    assert 'hx-get="/admin/jobs/job/home/"' in body
    assert f"Sync #{failed.pk}" in words
    assert "Alice" in words
    assert "429 Too Many Requests" in words
    assert "Backfill Alice" in words
    assert "1 job, done" in words


def test_on_an_empty_ledger_it_says_so(page: Client) -> None:
    words = text(page.get("/admin/"))
    assert "None of the newest jobs has failed." in words
    assert "None of the newest jobs is running." in words
    assert "Nobody has started anything yet." in words


@pytest.mark.parametrize("part", ["jobs", "runs"])
def test_a_part_that_fails_does_not_take_the_page_down(
    page: Client, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def fail() -> Any:
        raise DatabaseError("broken")

    monkeypatch.setattr(f"opsconsole.home._{part}", fail)
    response = page.get("/admin/")
    assert response.status_code == 200
    assert "This part can't be shown at the moment" in text(response)


def test_the_identities_that_need_somebody_most_come_first(page: Client) -> None:
    for name in ("Alice", "Bob"):
        make_credential(make_identity(name))
    make_identity("Carol")
    assert 'hx-get="/admin/identities/identity/summary/"' in page.get("/admin/").content.decode()
    words = text(page.get("/admin/identities/identity/summary/"))
    assert "1 identity needs somebody to act. 2 identities are not known to be on track." in words
    assert words.index("Carol") < words.index("Alice") < words.index("Bob")
    assert "No credential of its own." in words


def test_who_may_not_see_identities_gets_no_part_about_them(db: None) -> None:
    browser = browser_of(make_staff("nobody"))
    assert "identities/identity/summary" not in browser.get("/admin/").content.decode()
    assert browser.get("/admin/identities/identity/summary/").status_code == 403
