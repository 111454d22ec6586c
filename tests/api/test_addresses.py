"""Which addresses there are, how they may be spelled, and what is said at all others."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client
from rest_framework.test import APIClient

from opsconsole.views import is_api
from tests.api import contract
from tests.api.cast import insert_audit, ledger_state, make_run, refusal
from tests.cast import make_conversation, make_identity, make_job

GETS = (
    "/ops/health",
    "/ops/meta",
    "/ops/jobs",
    "/ops/jobs/counts",
    "/ops/jobs/{job}",
    "/ops/runs",
    "/ops/runs/{run}",
    "/ops/backfill/{run}",
    "/ops/identities",
    "/ops/identities/{identity}",
    "/ops/conversations",
    "/ops/audit",
    "/ops/backup/status",
    "/ops/backup/history",
)
POSTS = (
    "/ops/jobs/{job}/retry",
    "/ops/backfill/conversations",
    "/ops/backfill/messages",
    "/ops/redownload/attachments",
    "/ops/identities/{identity}/backfill",
)


@pytest.fixture
def rows(db: None) -> dict[str, Any]:
    """One row of each kind."""
    identity = make_identity()
    job = make_job()
    insert_audit()
    return {
        "identity": identity.pk,
        "conversation": make_conversation(identity).pk,
        "job": job.pk,
        "run": make_run(job.pk).pk,
    }


@pytest.mark.parametrize("slash", ["", "/"])
def test_both_spellings_are_served(api: APIClient, rows: dict[str, Any], slash: str) -> None:
    for url in ("/ops", *GETS):
        response = api.get(url.format(**rows) + slash)
        assert (response.status_code, response["Content-Type"]) == (200, "application/json"), url
    for url in POSTS:
        body = {"conversation_id": rows["conversation"]} if url.endswith("messages") else {}
        assert api.post(url.format(**rows) + slash, body).status_code in {200, 202}, url


@pytest.mark.processes
def test_no_spelling_is_redirected_behind_https(db: None) -> None:
    # The settings are made from the environment, so a process of its own has to read it.
    program = """
import django, json
django.setup()
from django.test import Client
urls = ["/ops", "/ops/", "/ops/jobs", "/ops/jobs/", "/ops/nowhere", "/healthz", "/healthz/", "/conversations/sync/1",
        "/conversations/nowhere"]
answers = {url: Client().get(url).status_code for url in urls}
answers |= {"POST " + url: Client().post(url).status_code for url in ("/ops/jobs/1/retry", "/ops/jobs/1/retry/")}
print(json.dumps(answers | {"/admin/": Client().get("/admin/").status_code}))
"""
    environment = {**os.environ, "OPS_SECURE": "1", "DJANGO_SETTINGS_MODULE": "opsconsole.settings"}
    project = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=project, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {
        "/ops": 200,
        "/ops/": 200,
        "/ops/jobs": 401,
        "/ops/jobs/": 401,
        "/ops/nowhere": 404,
        "/healthz": 200,
        "/healthz/": 200,
        "/conversations/sync/1": 401,
        "/conversations/nowhere": 404,
        "POST /ops/jobs/1/retry": 401,
        "POST /ops/jobs/1/retry/": 401,
        "/admin/": 301,
    }


def test_the_root_names_every_address_that_needs_no_id(api: APIClient, uncollected: None) -> None:
    root = api.get("/ops/").json()
    described = {path for path in contract.DESCRIBED["paths"] if "{" not in path}
    named = {path if path.startswith("/") else f"/ops/{path}" for path in root}
    assert named == described | {"/ops/schema", "/ops/docs"}
    for path, url in root.items():
        assert url.endswith(path)
        assert api.get(url).status_code in {200, 405}, url


def test_an_unknown_address_is_a_404_in_json(api: APIClient) -> None:
    paths = ("nowhere", "jobs/1/nowhere", "jobs/1/retry/again", "backfill", "redownload", "jobs//", "JOBS", "jobs.json")
    for path in (*paths, "%00", "%ff"):
        refusal(api.get(f"/ops/{path}"), 404, "not_found")
        refusal(api.post(f"/ops/{path}"), 404, "not_found")
        refusal(APIClient().get(f"/ops/{path}"), 404, "not_found")


def test_an_unknown_address_elsewhere_is_a_page(uncollected: None) -> None:
    response = APIClient().get("/opsnowhere")
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/ops", True),
        ("/ops/x", True),
        ("/conversations/sync", True),
        ("/opsx", False),
        ("/admin/ops", False),
        ("", False),
    ],
)
def test_what_belongs_to_the_api_goes_by_its_first_part(path: str, expected: bool) -> None:
    request = HttpRequest()
    request.path = path
    assert is_api(request) is expected


def test_get_where_something_is_posted_is_a_405_and_changes_nothing(api: APIClient, rows: dict[str, Any]) -> None:
    before = ledger_state()
    for url in POSTS:
        for method in ("GET", "PUT", "PATCH", "DELETE", "TRACE"):
            response = api.generic(method, url.format(**rows))
            assert f'"{method}" not allowed' in refusal(response, 405, "method_not_allowed")
            assert response["Allow"] == "POST, OPTIONS"
    assert ledger_state() == before


def test_any_other_method_where_something_is_read_is_a_405(api: APIClient, rows: dict[str, Any]) -> None:
    for url in GETS:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            refusal(api.generic(method, url.format(**rows)), 405, "method_not_allowed")


@pytest.mark.parametrize("url", ["/ops/", "/ops/schema", "/ops/docs"])
def test_what_is_open_to_all_is_read_only(url: str) -> None:
    client = Client(enforce_csrf_checks=True)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert f'"{method}" not allowed' in refusal(client.generic(method, url), 405, "method_not_allowed")


def test_a_wrong_method_tells_nothing_to_those_who_may_not_call(rows: dict[str, Any]) -> None:
    refusal(APIClient().get(f"/ops/jobs/{rows['job']}/retry"), 401, "not_authenticated")


def test_head_is_answered_as_get_without_a_body(api: APIClient, rows: dict[str, Any]) -> None:
    response = api.head("/ops/jobs")
    assert (response.status_code, response.content) == (200, b"")


def test_options_says_what_is_taken(api: APIClient, rows: dict[str, Any]) -> None:
    for url in (*GETS, *POSTS):
        response = api.options(url.format(**rows))
        assert response.status_code == 200, url
        assert response.json()["name"]
    assert "confirm" in api.options(f"/ops/jobs/{rows['job']}/retry").json()["actions"]["POST"]
    schedule = api.options(f"/ops/identities/{rows['identity']}/schedule").json()
    assert "every_minutes" in schedule["actions"]["PUT"]


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("*/*", 200),
        ("application/json, text/plain, */*", 200),
        ("application/xml", 406),
        ("x", 406),
    ],
)
def test_the_answer_is_json_whatever_is_asked_for(api: APIClient, accept: str, status: int) -> None:
    response = api.get("/ops/jobs", headers={"accept": accept})
    assert response.status_code == status
    assert response["Content-Type"] == "application/json"


def test_the_format_parameter_is_a_parameter_like_any_unknown_one(api: APIClient) -> None:
    assert api.get("/ops/jobs?format=xml")["Content-Type"] == "application/json"


def test_an_unknown_host_is_a_400_in_json(api: APIClient) -> None:
    refusal(api.get("/ops/jobs", headers={"host": "evil.example"}), 400, "bad_request")


@pytest.mark.parametrize("path", ["healthz", "healthz/", "readyz", "readyz/"])
def test_machines_see_without_a_login_that_all_is_well(db: None, path: str) -> None:
    response = APIClient().get(f"/{path}")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_the_login_address_leads_to_the_one_login_page(db: None) -> None:
    response = APIClient().get("/ops/login")
    assert (response.status_code, response["Location"]) == (302, "/admin/login/?next=/ops/")
