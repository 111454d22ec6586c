"""No answer holds a credential's secret or a message's text."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from jobs import settling
from jobs.gateway import TaskState
from jobs.models import Dispatch, Job
from opsconsole.redaction import CUT_MARGIN, REDACTED, is_private_key, redact, redact_start, redact_text
from tests.api.cast import insert_audit, insert_job, make_attempt, make_run
from tests.cast import NOW

SECRET = "Zq7Kp2Vx9Lm4Nt8Rw3Yb6Hd1Gf5Jc0Sa"
TEXT = "I never told anybody"

PAYLOAD = {
    "identity_id": 1,
    "body_text": TEXT,
    "access_token": SECRET,
    "nested": [{"oauth": {"clientSecret": SECRET, "text": TEXT}}],
    "url": f"redis://:{SECRET}@host/0",
    "headers": {"Authorization": f"Bearer {SECRET}", "Cookie": f"session={SECRET}"},
    "raw": json.dumps({"refresh_token": SECRET, "body": TEXT}),
    SECRET: 1,
}
ERRORS = (
    f"401 for Authorization: Bearer {SECRET}",
    f"GET https://user:{SECRET}@host/path failed",
    f'{{"access_token": "{SECRET}", "body_text": "{TEXT}"}}',
    f"{{'password': '{SECRET}', 'text': '{TEXT}'}}",
    f'sent {{\\"token\\": \\"{SECRET}\\", \\"body\\": \\"{TEXT}\\"}}',
    f'the body was cut: {{"id": 1, "body_text": "{TEXT}',
    f"DETAIL:  Failing row contains (1, {TEXT}, {SECRET}).\n[SQL: INSERT INTO messages]\n[parameters: ('{TEXT}',)]",
    f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
    f"api_key={SECRET}&x=1",
    f"Set-Cookie: sid={SECRET}; token={SECRET}",
    f"unnamed {SECRET}",
)


def test_no_answer_holds_what_was_planted_anywhere(api: APIClient) -> None:
    jobs = [insert_job(json.dumps(PAYLOAD), last_error=error, status="failed") for error in ERRORS]
    for pk, error in zip(jobs, ERRORS, strict=True):
        result = PAYLOAD | {"errors": [error, {"body": TEXT}], "status": "skipped", "reason": error}
        make_attempt(pk, ended_at=NOW, error=error, traceback=f"Traceback\n{error}", publish_error=error, result=result)
        document = json.dumps(PAYLOAD | {"by": "olivia", "error": error})
        insert_audit(request_json=document, response_json=document, result="error", error_detail=error)
    run = make_run(*jobs)
    urls = ["/ops/jobs", "/ops/audit", "/ops/runs", f"/ops/runs/{run.pk}", f"/ops/backfill/{run.pk}"]
    for url in (*urls, *(f"/ops/jobs/{pk}" for pk in jobs)):
        content = api.get(url).content.decode()
        assert SECRET not in content, url
        assert SECRET[:12] not in content, url
        assert TEXT not in content, url
    for pk in jobs:
        content = api.post(f"/ops/jobs/{pk}/retry", {"reason": f"token={SECRET}"}).content.decode()
        assert SECRET not in content
    assert SECRET not in api.get("/ops/audit?limit=200").content.decode()


def test_what_a_task_returned_is_kept_without_what_is_private(api: APIClient) -> None:
    attempt = make_attempt(insert_job(status="running", max_attempts=3), started_at=NOW)
    errors = [{"text": TEXT, "access_token": SECRET}, f"Bearer {SECRET}"]
    result = {"status": "success", "messages_synced": 0, "errors": errors}
    assert settling.settle(attempt, TaskState(state="SUCCESS", result=result, traceback=f"token={SECRET}"))
    for model in (Job, Dispatch):
        assert not {TEXT, SECRET} & {
            part for row in model.objects.values() for part in (TEXT, SECRET) if part in str(row)
        }
    content = api.get(f"/ops/jobs/{attempt.job_id}").content.decode()
    assert TEXT not in content
    assert SECRET not in content


def test_what_is_not_private_stays_readable(api: APIClient) -> None:
    payload = {
        "identity_id": 1,
        "message_id": 5,
        "content_type": "image/png",
        "sha": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "run": "0b5d6c1e-7c53-4c89-8d1f-2f6f3b8c9d10",
        "token_count": 12,
    }
    error = (
        "HTTPError: 429 Too Many Requests for https://www.reddit.com/r/django/comments/abc\n"
        'File "/srv/core/app/ingest/providers/reddit_client.py", line 212, in fetch_conversation_messages\n'
        "Key (provider_id, external_message_id)=(reddit, t4_abc) already exists. The token expired; text was empty."
    )
    pk = insert_job(json.dumps(payload), last_error=error)
    shown = api.get(f"/ops/jobs/{pk}").json()
    assert (shown["payload"], shown["last_error"]) == (payload, error)


@pytest.mark.parametrize("position", range(4_960, 5_001, 4))
def test_a_token_at_the_end_of_what_a_list_shows_is_not_cut_in_two(api: APIClient, position: int) -> None:
    insert_job(last_error="x " * (position // 2) + SECRET + " y" * 5_000)
    (job,) = api.get("/ops/jobs").json()["jobs"]
    assert SECRET[:6] not in job["last_error"]
    assert len(job["last_error"]) <= 5_000


# --- the rules themselves -----------------------------------------------------------------------------------------

ANY_TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=60)
TOKENS = st.from_regex(r"[A-Z][a-z][0-9][A-Za-z0-9_-]{29,60}", fullmatch=True).filter(lambda text: text[-1] != "-")
PLANTED = st.sampled_from(
    [
        "Bearer {}",
        "token={}",
        '"access_token": "{}"',
        "'password': '{}'",
        "https://user:{}@host/",
        "eyJ{}.abc.def",
        "ghp_{}",
        '"body_text": "{} and more"',
        "Authorization: Digest {}",
        "Cookie: a=b; c={}",
        "{}",
    ]
)
QUICK = settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(before=ANY_TEXT, how=PLANTED, token=TOKENS, after=ANY_TEXT)
def test_a_planted_token_is_found_between_any_words(before: str, how: str, token: str, after: str) -> None:
    assert token not in redact_text(f"{before}\n{how.format(token)}\n{after}")


@QUICK
@given(text=ANY_TEXT, how=PLANTED, token=TOKENS)
def test_redacting_twice_changes_nothing_more(text: str, how: str, token: str) -> None:
    once = redact_text(f"{text} {how.format(token)} {text}")
    assert redact_text(once) == once


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


@QUICK
@given(value=JSON, token=TOKENS, key=st.sampled_from(["access_token", "bodyText", "api-key", "Password", "MESSAGE"]))
def test_a_value_under_a_private_key_is_replaced_at_any_depth(value: object, token: str, key: str) -> None:
    assert token not in json.dumps(redact([{"around": value, "in": [{key: {"deep": [token, value]}}]}]))


@QUICK
@given(text=ANY_TEXT.map(lambda text: text * 20), token=TOKENS, length=st.integers(min_value=1, max_value=900))
def test_the_start_of_a_text_never_shows_a_part_of_a_token(text: str, token: str, length: int) -> None:
    whole = f"{text} {token} {text * 2}"
    shown = redact_start(whole[: length + CUT_MARGIN], length)
    assert len(shown) <= length
    assert token[:10] not in shown


@pytest.mark.parametrize(
    ("key", "private"),
    [
        *(
            (key, True)
            for key in ("token", "accessToken", "API_KEY", "oauth_tokens", "client-secret", "body", "bodyText")
        ),
        *((key, True) for key in ("message", "text", "html", "set_cookie", "privateKey", "PIN", "draft_text")),
        *((key, False) for key in ("message_id", "content_type", "token_count", "text_length", "identity_id", "key")),
        *((key, False) for key in ("error", "status", "tokenizer", "context", "", "123", "ключ")),
    ],
)
def test_a_key_is_private_by_its_words(key: str, private: bool) -> None:
    assert is_private_key(key) is private


def test_empty_values_under_private_keys_say_that_they_are_empty() -> None:
    assert redact({"token": None, "text": "", "body": [], "secret": 0}) == {
        "token": None,
        "text": "",
        "body": [],
        "secret": REDACTED,
    }


def test_what_postgresql_can_not_store_becomes_a_replacement_character() -> None:
    assert redact({"a\0": "b\ud800c"}) == {"a\ufffd": "b\ufffdc"}


def test_what_is_nested_beyond_reason_is_not_shown() -> None:
    value: object = "deep"
    for _ in range(100):
        value = [value]
    assert "too deeply nested" in json.dumps(redact(value))


@pytest.mark.parametrize(
    "key",
    [
        "session",
        "sessionid",
        "clientsecret",
        "accesstoken",
        "dbpassword",
        "auth",
        "encryption_key",
        "client_key",
        "selftext",
    ],
)
def test_a_key_that_names_a_secret_in_one_word_is_private(key: str) -> None:
    assert redact({key: "hunter2hunter2"}) == {key: "[redacted]"}


@pytest.mark.parametrize("key", ["session_id", "token_count", "author", "monkey", "keyword", "authored_at"])
def test_a_key_that_only_looks_like_it_is_not(key: str) -> None:
    assert redact({key: "value"}) == {key: "value"}
