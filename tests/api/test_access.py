"""Who may call: by token, by session, and who may not."""

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.test import Client
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from opsconsole.audit import AuditLog
from opsconsole.permissions import OPERATORS
from tests.api.cast import ledger_state, make_run, make_staff, refusal, with_token
from tests.cast import make_conversation, make_identity, make_job

GETS = (
    "/ops/health",
    "/ops/meta",
    "/ops/jobs",
    "/ops/jobs/counts",
    "/ops/jobs/1",
    "/ops/runs",
    "/ops/runs/00000000-0000-0000-0000-000000000001",
    "/ops/errors",
    "/ops/errors/0123456789abcdef",
    "/ops/backfill/00000000-0000-0000-0000-000000000001",
    "/ops/identities",
    "/ops/identities/1",
    "/ops/conversations",
    "/ops/schedules",
    "/ops/schedules/1",
    "/ops/audit",
)
POSTS = (
    "/ops/jobs/{job}/retry",
    "/ops/jobs/{waiting}/cancel",
    "/ops/jobs/{stuck}/fail",
    "/ops/runs/{run}/cancel",
    "/ops/runs/{stuck_run}/fail",
    "/ops/backfill/conversations",
    "/ops/backfill/messages",
    "/ops/redownload/attachments",
    "/ops/identities/{identity}/backfill",
    "/ops/jobs/retry",
    "/ops/jobs/cancel",
)
# The permission that each address needs.
NEEDED = {
    "/ops/health": "jobs.view_job",
    "/ops/jobs": "jobs.view_job",
    "/ops/jobs/counts": "jobs.view_job",
    "/ops/jobs/{job}": "jobs.view_job",
    "/ops/runs": "jobs.view_run",
    "/ops/errors": "jobs.view_job",
    "/ops/identities": "identities.view_identity",
    "/ops/identities/{identity}": "identities.view_identity",
    "/ops/conversations": "identities.view_conversation",
    "/ops/audit": "opsconsole.view_auditlog",
}
NEEDED_TO_POST = {
    "/ops/jobs/{job}/retry": "jobs.retry_job",
    **dict.fromkeys((POSTS[1], POSTS[3]), "jobs.cancel_job"),
    **dict.fromkeys((POSTS[2], POSTS[4]), "jobs.fail_job"),
    **dict.fromkeys(POSTS[5:9], "identities.backfill_identity"),
    "/ops/jobs/retry": "jobs.retry_job",
    "/ops/jobs/cancel": "jobs.cancel_job",
}


@pytest.fixture
def rows(db: None) -> dict[str, Any]:
    """A job for everything that can be done with one, runs, an identity and a conversation."""
    identity = make_identity()
    conversation = make_conversation(identity)
    # What waits since that moment is stuck too.
    waiting = [make_job(status="queued").pk for _ in range(4)]
    return {
        "job": make_job().pk,
        "waiting": waiting[0],
        "stuck": waiting[1],
        "run": make_run(waiting[2]).pk,
        "stuck_run": make_run(waiting[3]).pk,
        "identity": identity.pk,
        "conversation": conversation.pk,
    }


def post(client: APIClient, url: str, rows: dict[str, Any]) -> Any:
    body: dict[str, Any] = {"conversation_id": rows["conversation"]} if url.endswith("/messages") else {}
    if url.endswith("/fail"):
        body = {"reason": "It hangs."}
    if url in {"/ops/jobs/retry", "/ops/jobs/cancel"}:
        body = {"filter": {}, "dry_run": True}
    return client.post(url.format(**rows), body)


def test_nobody_reads_without_logging_in(db: None) -> None:
    for url in GETS:
        response = APIClient().get(url)
        refusal(response, 401, "not_authenticated")
        assert response["WWW-Authenticate"] == "Token"


def test_nobody_starts_anything_without_logging_in(rows: dict[str, Any]) -> None:
    before = ledger_state()
    for url in POSTS:
        refusal(post(APIClient(), url, rows), 401, "not_authenticated")
    assert ledger_state() == before


@pytest.mark.parametrize(
    "header", ["Token " + "0" * 40, "Token", "Token a b", "Token a, Token b", "token x", "Token é"]
)
def test_an_unknown_token_is_a_401(db: None, header: str) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=header)
    refusal(client.get("/ops/jobs"), 401, "authentication_failed")


@pytest.mark.parametrize("header", ["Basic b2xpdmlhOng=", "Bearer abc", "nonsense"])
def test_another_scheme_is_as_good_as_none(db: None, header: str) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=header)
    refusal(client.get("/ops/jobs"), 401, "not_authenticated")


def test_the_token_of_an_inactive_user_is_a_401(operator: User, api: APIClient) -> None:
    User.objects.update(is_active=False)
    refusal(api.get("/ops/jobs"), 401, "authentication_failed")


def test_the_session_of_an_inactive_user_is_a_401(operator: User, session_api: APIClient) -> None:
    assert session_api.get("/ops/jobs").status_code == 200
    User.objects.update(is_active=False)
    refusal(session_api.get("/ops/jobs"), 401, "not_authenticated")


def test_somebody_who_is_no_staff_may_nothing_in_spite_of_permissions(db: None) -> None:
    client = with_token(make_staff("nina", OPERATORS, is_staff=False))
    for url in GETS:
        refusal(client.get(url), 403, "permission_denied")


def test_a_superuser_who_is_no_staff_may_nothing(db: None) -> None:
    refusal(with_token(make_staff("sue", is_staff=False, is_superuser=True)).get("/ops/jobs"), 403, "permission_denied")


def test_staff_without_permissions_may_nothing(db: None) -> None:
    client = with_token(make_staff("nina"))
    for url in GETS:
        refusal(client.get(url), 403, "permission_denied")


def test_who_may_look_may_not_act(viewing_api: APIClient, rows: dict[str, Any]) -> None:
    before = ledger_state()
    for url in POSTS:
        refusal(post(viewing_api, url, rows), 403, "permission_denied")
    assert ledger_state() == before
    assert AuditLog.objects.count() == 0


@pytest.mark.parametrize(("url", "permission"), NEEDED.items())
def test_reading_takes_one_permission(rows: dict[str, Any], url: str, permission: str) -> None:
    assert with_token(make_holder(permission)).get(url.format(**rows)).status_code == 200


@pytest.mark.parametrize(("url", "permission"), NEEDED_TO_POST.items())
def test_acting_takes_one_permission(rows: dict[str, Any], url: str, permission: str) -> None:
    assert post(with_token(make_holder(permission)), url, rows).status_code in {200, 202}


@pytest.mark.parametrize("url", [*NEEDED, *NEEDED_TO_POST])
def test_all_other_permissions_together_do_not_help(rows: dict[str, Any], url: str) -> None:
    needed = (NEEDED | NEEDED_TO_POST)[url]
    user = make_staff("nina")
    user.user_permissions.set(Permission.objects.exclude(codename=needed.split(".")[1]))
    client = with_token(user)
    response = client.get(url.format(**rows)) if url in NEEDED else post(client, url, rows)
    refusal(response, 403, "permission_denied")


def test_a_superuser_may_everything(rows: dict[str, Any]) -> None:
    client = with_token(make_staff("sue", is_superuser=True))
    for url in NEEDED:
        assert client.get(url.format(**rows)).status_code == 200
    for url in NEEDED_TO_POST:
        assert post(client, url, rows).status_code in {200, 202}


# --- by session ---------------------------------------------------------------------------------------------------


def test_a_session_reads_and_acts(session_api: APIClient, rows: dict[str, Any]) -> None:
    assert session_api.get("/ops/jobs").status_code == 200
    assert session_api.post(f"/ops/jobs/{rows['job']}/retry").status_code == 200


def test_a_session_without_a_csrf_token_changes_nothing(session_api: APIClient, rows: dict[str, Any]) -> None:
    session_api.credentials()
    before = ledger_state()
    for url in POSTS:
        assert "CSRF" in refusal(post(session_api, url, rows), 403, "permission_denied")
    assert ledger_state() == before


def test_a_session_with_a_wrong_csrf_token_changes_nothing(session_api: APIClient, rows: dict[str, Any]) -> None:
    session_api.credentials(HTTP_X_CSRFTOKEN="d" * 32)
    refusal(session_api.post(f"/ops/jobs/{rows['job']}/retry"), 403, "permission_denied")
    del session_api.cookies[settings.CSRF_COOKIE_NAME]
    refusal(session_api.post(f"/ops/jobs/{rows['job']}/retry"), 403, "permission_denied")


def test_a_session_from_another_site_changes_nothing(session_api: APIClient, rows: dict[str, Any]) -> None:
    response = session_api.post(f"/ops/jobs/{rows['job']}/retry", headers={"Origin": "https://evil.example"})
    refusal(response, 403, "permission_denied")


def test_a_token_needs_no_csrf_token(operator: User, rows: dict[str, Any]) -> None:
    client = with_token(operator, enforce_csrf_checks=True)
    assert client.post(f"/ops/jobs/{rows['job']}/retry").status_code == 200


def test_a_bad_token_is_a_401_in_spite_of_a_good_session(session_api: APIClient) -> None:
    Token.objects.all().delete()
    session_api.credentials(HTTP_AUTHORIZATION="Token " + "0" * 40)
    refusal(session_api.get("/ops/jobs"), 401, "authentication_failed")


def make_holder(permission: str) -> User:
    """Make a staff user with one permission."""
    user = make_staff("paula")
    app, codename = permission.split(".")
    user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return user


def test_a_cookie_that_holds_a_nul_is_a_bad_request(client: Client) -> None:
    client.cookies.load(f'{settings.SESSION_COOKIE_NAME}="\\000abcdefghijk"')
    for url in ("/ops/jobs", "/admin/"):
        assert client.get(url).status_code == 400
