"""What a request's body may be, for everything that can be started: each refusal is JSON and changes nothing."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from opsconsole.audit import AuditLog
from tests.api.cast import accepted, ledger_state, refusal
from tests.cast import make_conversation, make_identity, make_job

URLS = (
    "/ops/jobs/{job}/retry",
    "/ops/backfill/conversations",
    "/ops/backfill/messages",
    "/ops/redownload/attachments",
    "/ops/identities/{identity}/backfill",
)


@pytest.fixture(params=URLS)
def url(request: pytest.FixtureRequest, db: None) -> str:
    """An address that something can be posted to."""
    identity = make_identity()
    make_conversation(identity)
    return str(request.param).format(job=make_job().pk, identity=identity.pk)


def post(api: APIClient, url: str, body: Any, content_type: str = "application/json", **extra: Any) -> Any:
    return api.generic("POST", url, body, content_type=content_type, **extra)


def check_refused(api: APIClient, url: str, status: int, code: str, body: bytes | str, **how: Any) -> str:
    before = ledger_state()
    sentence = refusal(post(api, url, body, **how), status, code)
    assert ledger_state() == before
    assert AuditLog.objects.count() == 0
    return sentence


def test_what_is_not_json_is_a_400(api: APIClient, url: str) -> None:
    for body in (
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b"\xff\xfe",
        b"NaN",
        b'{"a": NaN}',
        b"{}{}",
        b"a=1",
        b'"\xed\xa0\x80"',
    ):
        assert "not valid JSON" in check_refused(api, url, 400, "parse_error", body)


def test_what_is_not_an_object_is_a_400(api: APIClient, url: str) -> None:
    for body in ("[]", "[{}]", '"text"', "7", "null", "true"):
        assert "JSON object" in check_refused(api, url, 400, "not_an_object", body)


def test_a_nul_character_is_a_400(api: APIClient, url: str) -> None:
    for body in ({"reason": "a\0b"}, {"a\0b": 1}, {"x": [{"y": "\0"}]}):
        assert "NUL" in check_refused(api, url, 400, "nul_character", json.dumps(body))


def test_lone_surrogates_and_infinite_numbers_are_no_json(api: APIClient, url: str) -> None:
    for body in (r'{"reason": "\ud800"}', r'{"\udfff": 1}', '{"limit": 1e400}', '{"identity_id": -1e999}'):
        check_refused(api, url, 400, "parse_error", body)


def test_deep_nesting_is_a_400(api: APIClient, url: str) -> None:
    check_refused(api, url, 400, "too_deep", '{"a":' + "[" * 40 + "]" * 40 + "}")
    check_refused(api, url, 400, "parse_error", '{"a":' + "[" * 100_000 + "]" * 100_000 + "}")


def test_a_body_of_6_mb_is_a_413(api: APIClient, url: str) -> None:
    body = b'{"reason": "' + b"x" * 6 * 1024 * 1024 + b'"}'
    assert "1,048,576" in check_refused(api, url, 413, "too_large", body)


def test_another_content_type_is_a_415(api: APIClient, url: str) -> None:
    for content_type in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "x"):
        check_refused(api, url, 415, "unsupported_media_type", "a=1", content_type=content_type)


def test_a_body_in_chunks_is_not_taken_for_an_empty_one(api: APIClient, url: str) -> None:
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    assert "Content-Length" in check_refused(api, url, 411, "length_required", '{"identity_id": 999}', **chunked)


@pytest.mark.parametrize("url", [URLS[0], URLS[1], URLS[3], URLS[4]], indirect=True)
@pytest.mark.parametrize("body", [b"", b"  \r\n", b"{}"])
@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
def test_an_empty_body_is_an_empty_object(api: APIClient, url: str, body: bytes, content_type: str) -> None:
    assert post(api, url, body, content_type).status_code in {200, 202}


@pytest.mark.parametrize("url", [URLS[0], URLS[1], URLS[3], URLS[4]], indirect=True)
def test_no_body_needs_no_content_type(api: APIClient, url: str) -> None:
    assert api.generic("POST", url).status_code in {200, 202}


def test_a_session_gets_the_same_answers(session_api: APIClient) -> None:
    make_identity()
    url = "/ops/backfill/conversations"
    check_refused(session_api, url, 400, "parse_error", b"{")
    check_refused(session_api, url, 400, "not_an_object", b"[]")
    check_refused(session_api, url, 413, "too_large", b'{"reason": "' + b"x" * 6 * 1024 * 1024 + b'"}')
    check_refused(session_api, url, 415, "unsupported_media_type", "a=1", content_type="text/plain")
    check_refused(
        session_api, url, 415, "unsupported_media_type", "a=1", content_type="application/x-www-form-urlencoded"
    )
    accepted(post(session_api, url, b""))


def test_a_form_of_6_mb_by_a_session_is_refused_too(session_api: APIClient) -> None:
    body = b"a=" + b"x" * 6 * 1024 * 1024
    response = post(session_api, "/ops/backfill/conversations", body, "application/x-www-form-urlencoded")
    assert response.status_code in {413, 415}
    refusal(response, response.status_code, response.json()["code"])
