"""Small slices, so that a few rows are many of them; each test begins as a new process does."""

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from devserver.postgres import Postgres
from identities.counting import advance, recount, totals


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = advance._Pace(slice=3)
    monkeypatch.setattr(pace, "adapt", lambda seconds: None)
    monkeypatch.setattr(advance, "_pace", pace)
    monkeypatch.setattr(totals, "_pace", totals._Pace())
    monkeypatch.setattr(recount, "SLICE_CONVERSATIONS", 2)
    monkeypatch.setattr(recount, "_pace", recount._Pace())
    monkeypatch.setattr(recount, "REST_PER_SECOND", 0.0)


@pytest.fixture
def other(transactional_db: None, postgres: Postgres) -> Iterator[psycopg.Connection]:
    """A session of the core's, in a transaction of its own from its first statement on."""
    url = postgres.url(connection.settings_dict["NAME"])
    with psycopg.connect(url, options="-c search_path=public -c timezone=UTC") as session:
        yield session
        session.rollback()
