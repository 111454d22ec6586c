"""Asking which values a column can hold, as operations do before they write one."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.models import STATUSES
from opsconsole.schema import enums
from opsconsole.schema.enums import AllowedValues

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enums, "_shared", AllowedValues())


class Clock:
    """A clock that stands until it is set."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def sql(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def without_cancelled() -> None:
    """Have jobs be as on a core that doesn't know cancelled yet."""
    labels = ", ".join(f"'{status}'" for status in STATUSES if status != "cancelled")
    sql(
        "ALTER TABLE jobs DROP CONSTRAINT IF EXISTS ck_jobs_status",
        "ALTER TABLE jobs ALTER status DROP DEFAULT",
        f"CREATE TYPE status_of_a_job AS ENUM ({labels})",
        "ALTER TABLE jobs ALTER status TYPE status_of_a_job USING status::text::status_of_a_job",
    )


def test_the_statuses_of_jobs_are_those_that_the_core_lists() -> None:
    assert enums.allowed_values("jobs", "status") == frozenset(STATUSES)
    assert enums.accepts("jobs", "status", "cancelled")
    assert not enums.accepts("jobs", "status", "paused")


def test_a_core_without_cancelled_does_not_accept_it() -> None:
    without_cancelled()
    assert not enums.accepts("jobs", "status", "cancelled")


@pytest.mark.parametrize(("table", "column"), [("jobs", "job_type"), ("jobs", "no_column"), ("no_table", "status")])
def test_where_nothing_is_known_anything_goes(table: str, column: str) -> None:
    assert enums.allowed_values(table, column) is None
    assert enums.accepts(table, column, "whatever")


def test_the_catalog_is_asked_once_for_a_column() -> None:
    with CaptureQueriesContext(connection) as queries:
        for _ in range(3):
            enums.allowed_values("jobs", "status")
            enums.allowed_values("jobs", "job_type")
            enums.allowed_values("no_table", "status")
    assert len(queries) == 3


def test_a_migrated_core_is_noticed_once_the_answer_is_old() -> None:
    clock = Clock()
    values = AllowedValues(lifetime=60, clock=clock)
    without_cancelled()
    assert "cancelled" not in (values.of("jobs", "status") or ())

    sql("ALTER TYPE status_of_a_job ADD VALUE 'cancelled'")
    clock.now += 59.9
    assert "cancelled" not in (values.of("jobs", "status") or ())
    clock.now += 0.1
    assert "cancelled" in (values.of("jobs", "status") or ())


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("c text CHECK (c IN ('a', 'b'))", {"a", "b"}),
        ("c varchar(9) CHECK (c IN ('a', 'b'))", {"a", "b"}),
        ("c char(3) CHECK (c IN ('a', 'b'))", {"a", "b"}),
        ("c text CHECK (c IN ('a'))", {"a"}),
        ("c text CHECK (c = ANY (ARRAY['a', 'b']))", {"a", "b"}),
        ("c text CHECK (c IN ('it''s', ', ''x''::text', 'back\\slash', 'zwei\nZeilen'))",
         {"it's", ", 'x'::text", "back\\slash", "zwei\nZeilen"}),
        ("c text CHECK (c IN ('a', 'b', 'c')) CHECK (c IN ('b', 'c', 'd'))", {"b", "c"}),
        ("c text CHECK (c IN ('a', 'b')) CHECK (c <> 'b')", {"a", "b"}),
        ("c kind", {"a", "b", "c"}),
        ("c kind CHECK (c IN ('a', 'b'))", {"a", "b"}),
        ('c "Odd one"."A, kind" CHECK (c IN (\'a\'))', {"a"}),
        ("c list", {"a", "b"}),
        ("c list CHECK (c IN ('a'))", {"a"}),
        ("c text CHECK (c NOT IN ('a', 'b'))", None),
        ("c text CHECK (c IN ('a', NULL))", None),
        ("c text CHECK (c IN ('a', 'b' || 'c'))", None),
        ("c text CHECK (upper(c) IN ('A', 'B'))", None),
        ("c text CHECK (c IN ('a') OR c LIKE 'x%')", None),
        ("c text, d text, CHECK (d IN ('a', 'b'))", None),
        ("c text, d text, CHECK (c IN ('a', 'b') OR d = 'x')", None),
        ("c integer CHECK (c IN (1, 2))", None),
        ("c text", None),
    ],
)  # fmt: skip
def test_values_are_known_only_where_the_core_lists_them_plainly(column: str, values: set[str] | None) -> None:
    sql(
        "CREATE TYPE kind AS ENUM ('a', 'b', 'c')",
        'CREATE SCHEMA "Odd one"',
        "CREATE TYPE \"Odd one\".\"A, kind\" AS ENUM ('a', 'b')",
        "CREATE DOMAIN list AS varchar(9) CHECK (VALUE IN ('a', 'b'))",
        f"CREATE TABLE things ({column})",
    )
    assert enums.allowed_values("things", "c") == (None if values is None else frozenset(values))


def test_a_list_that_holds_for_new_rows_only_counts() -> None:
    sql("CREATE TABLE things (c text)", "ALTER TABLE things ADD CHECK (c IN ('a')) NOT VALID")
    assert enums.allowed_values("things", "c") == frozenset({"a"})
