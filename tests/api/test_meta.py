"""Who calls, what they may do, and what works here, by GET /ops/meta."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from opsconsole import meta
from opsconsole.permissions import OPERATE_PERMISSIONS, OPERATORS, VIEW_PERMISSIONS, VIEWERS
from opsconsole.schema.enums import AllowedValues
from opsconsole.version import VERSION
from tests.api.cast import make_staff, refusal, with_token
from tests.api.test_query_counts import CALLER
from tests.backups.conftest import attachments, folder
from tests.cast import make_user

__all__ = ["attachments", "folder"]

META = "/ops/meta"

pytestmark = pytest.mark.django_db


def read(api: APIClient) -> dict[str, Any]:
    response = api.get(META)
    assert response.status_code == 200, response.content[:500]
    answer: dict[str, Any] = response.json()
    assert set(answer) == {"user", "may", "supports", "thresholds", "version"}
    return answer


def test_it_names_the_caller_and_the_groups(api: APIClient) -> None:
    assert read(api)["user"] == {"username": "olivia", "groups": [OPERATORS], "is_superuser": False}
    both = with_token(make_staff("jo", VIEWERS, OPERATORS))
    assert read(both)["user"]["groups"] == [OPERATORS, VIEWERS]


def test_it_says_what_the_caller_may_do(api: APIClient, viewing_api: APIClient) -> None:
    operator, viewer = read(api)["may"], read(viewing_api)["may"]
    assert {name for name, allowed in operator.items() if not allowed} == {"terminate"}
    assert {name for name, allowed in viewer.items() if allowed} == {
        name for name in operator if name.startswith("view_")
    }
    root = read(with_token(make_staff("root", is_superuser=True)))["may"]
    assert set(root.values()) == {True}
    one = read(with_token(make_user("jo", "jobs.retry_job")))["may"]
    assert [name for name, allowed in one.items() if allowed] == ["retry"]


def test_every_permission_of_the_two_groups_has_a_word(db: None) -> None:
    # What is seen in the admin only: attempts by themselves, task results, and the times of schedules.
    admins = {
        "jobs.view_dispatch",
        "django_celery_results.view_taskresult",
        "django_celery_results.view_groupresult",
        *(f"django_celery_beat.view_{kind}schedule" for kind in ("interval", "crontab", "solar", "clocked")),
    }
    assert {*VIEW_PERMISSIONS, *OPERATE_PERMISSIONS} - admins <= set(meta.ABILITIES.values())


def test_being_staff_alone_opens_nothing(db: None) -> None:
    refusal(with_token(make_staff("nobody")).get(META), 403, "permission_denied")
    refusal(with_token(make_user("jo", "jobs.view_job", is_staff=False)).get(META), 403, "permission_denied")


def test_it_says_what_works_here(api: APIClient, settings: Any) -> None:
    settings.BACKUP_DIR = settings.ATTACHMENTS_DIR = ""
    found = read(api)["supports"]
    assert set(found) == {"cancel", "core_results", "schedules", "backup", "restore_test"}
    assert found["core_results"] is found["schedules"] is True
    assert set(found["backup"]) == {"database", "attachments"}
    for kind in (*found["backup"].values(), found["restore_test"]):
        assert kind["configured"] is False
        assert "OPS_BACKUP_DIR" in kind["problem"]
    settings.CORE_RESULT_BACKEND = ""
    settings.CELERY_BEAT_SCHEDULER = "celery.beat:PersistentScheduler"
    found = read(api)["supports"]
    assert found["core_results"] is found["schedules"] is False


def test_each_kind_of_backup_is_told_by_itself(api: APIClient, folder: Any, settings: Any) -> None:
    settings.ATTACHMENTS_DIR = ""
    found = read(api)["supports"]
    assert found["backup"]["database"] == {"configured": True, "problem": None}
    assert found["backup"]["attachments"]["configured"] is False
    assert found["restore_test"] == {"configured": True, "problem": None}


@pytest.mark.parametrize("known", [True, False])
def test_cancelling_works_where_the_ledger_knows_the_status(
    api: APIClient, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    values = {"queued", "running"} | ({"cancelled"} if known else set())
    monkeypatch.setattr(AllowedValues, "of", lambda self, table, column: frozenset(values))
    assert read(api)["supports"]["cancel"] is known


def test_the_thresholds_are_the_settings(api: APIClient, settings: Any) -> None:
    settings.QUEUE_AGE_WARNING_SECONDS = 7.0
    settings.FAILURES_CRITICAL = 9
    found = read(api)["thresholds"]
    assert found["queue_age_warning_seconds"] == 7.0
    assert found["failures_critical_per_hour"] == 9
    assert all(isinstance(value, int | float) for value in found.values())


def test_the_version_is_the_projects(api: APIClient) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert read(api)["version"] == VERSION == project["project"]["version"]


def test_it_takes_one_query_beside_the_callers(api: APIClient, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(CALLER + 1):
        api.get(META)
