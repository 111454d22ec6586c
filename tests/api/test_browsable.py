"""The API in a browser."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from tests.api.cast import insert_audit, insert_job, log_in, make_run
from tests.backups.cast import make_backup, make_restore_test
from tests.cast import make_conversation, make_identity

READ = (
    "/ops/",
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
POSTED = (
    "/ops/jobs/{job}/retry",
    "/ops/jobs/{job}/cancel",
    "/ops/jobs/{job}/fail",
    "/ops/runs/{run}/cancel",
    "/ops/runs/{run}/fail",
    "/ops/backfill/conversations",
    "/ops/backfill/messages",
    "/ops/redownload/attachments",
    "/ops/identities/{identity}/backfill",
    "/ops/backup/trigger",
    "/ops/backup/restore-test",
)
HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def rows(db: None) -> dict[str, Any]:
    """A row of each kind, with HTML wherever somebody else decides on it."""
    identity = make_identity("<b>Alice</b>")
    make_conversation(identity, "<b>carol</b>")
    job = insert_job(f'{{"identity_id": {identity.pk}, "n": "<b>x</b>"}}', last_error="<script>alert(1)</script>")
    insert_audit(request_json='{"reason": "<b>x</b>"}')
    make_restore_test(make_backup(status="failed", error="<script>alert(1)</script>"), checks_json=["<b>x</b>"])
    return {"identity": identity.pk, "job": job, "run": make_run(job, title="<b>Backfill</b>").pk}


def page(browser: Client, url: str, status: int = 200) -> str:
    response = browser.get(url)
    assert response.status_code == status, url
    assert response["Content-Type"] == "text/html; charset=utf-8"
    policy = response["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe-eval" not in policy
    assert "unsafe-inline" not in policy
    html = str(response.content.decode())
    assert " style=" not in html
    for attributes, content in re.findall(r"<script([^>]*)>(.*?)</script>", html, re.DOTALL):
        # Data isn't run, so it needs no permission of the policy.
        assert 'type="application/json"' in attributes or ("src=" in attributes and not content.strip()), content
    assert not re.search(r"<[^>]+\son(?:click|load|submit|change|error)=", html)
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//(?!testserver|www\.django-rest-framework\.org)", html)
    return html


def has_form(html: str) -> bool:
    return 'name="_content"' in html


def test_everything_that_is_read_is_a_page(browser: Client, rows: dict[str, Any]) -> None:
    for url in READ:
        html = page(browser, url.format(**rows))
        for tag in ("<b>Alice", "<b>carol", "<b>x", "<b>Backfill", "<script>alert"):
            assert tag not in html, url
        assert not has_form(html), url


def test_where_something_is_posted_a_form_is_offered_to_those_who_may(browser: Client, rows: dict[str, Any]) -> None:
    for url in POSTED:
        html = page(browser, url.format(**rows), status=405)
        assert has_form(html), url
        assert "application/json" in html


def test_who_may_only_look_is_offered_no_form(viewer: User, uncollected: None, rows: dict[str, Any]) -> None:
    browser = Client(headers=HTML)
    log_in(browser, viewer)
    for url in POSTED:
        assert not has_form(page(browser, url.format(**rows), status=405)), url
    assert "Operations" in page(browser, "/ops/")


def test_the_form_is_taken_with_its_csrf_token(operator: User, uncollected: None, rows: dict[str, Any]) -> None:
    browser = Client(enforce_csrf_checks=True, headers=HTML)
    log_in(browser, operator)
    url = f"/ops/jobs/{rows['job']}/retry"
    page(browser, url, status=405)
    token = browser.cookies[settings.CSRF_COOKIE_NAME].value

    response = browser.post(url, b'{"reason": "By hand."}', content_type="application/json")
    assert response.status_code == 403
    response = browser.post(
        url, b'{"reason": "By hand."}', content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert response.status_code == 200
    assert "Queued again." in response.content.decode()


def test_refusals_are_pages_too(browser: Client, rows: dict[str, Any]) -> None:
    for url, status in (("/ops/jobs?status=x", 400), ("/ops/jobs/999999", 404), ("/ops/jobs?cursor=x", 400)):
        assert "detail" in page(browser, url, status=status)


def test_somebody_who_is_not_logged_in_gets_a_page_that_says_so(uncollected: None, db: None) -> None:
    browser = Client(headers=HTML)
    for url in ("/ops/jobs", "/ops/jobs/1/retry"):
        html = page(browser, url, status=401)
        assert "not_authenticated" in html
        assert not has_form(html)
