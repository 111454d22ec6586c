"""Which errors say that the credential is refused."""

import pytest

from identities.rejections import says_refused
from jobs.outcomes import REVOKED


@pytest.mark.parametrize(
    "error",
    [
        "401 Unauthorized",
        "Failed to fetch page 7: 401",
        "HTTP 403: Forbidden",
        "status=403",
        "Forbidden",
        "unauthorised",
        "401 invalid_grant: the token was revoked",
        "invalid_grant",
        "invalid_token",
        "The token was revoked",
        "token has expired",
        "access_token expired",
        "token_expired",
        "The refresh token is expired.",
        "expired token",
        "expired access token",
        "ExpiredTokenError: sign in again",
        "image 5: 404\nFailed to fetch conversations: 401",
    ],
)
def test_a_refusal_is_one(error: str) -> None:
    assert says_refused(error)


@pytest.mark.parametrize(
    "error",
    [
        "",
        "ReadTimeout",
        "429 Too Many Requests",
        "Failed to fetch identity 401: timed out",
        "conversation 403 could not be read",
        "job 401",
        "GET /r/401/about timed out",
        "4012 messages, 14013 bytes",
        "1403",
        "irrevocable",
        "The cache expired",
        "image 5: 403 Forbidden",
        "Attachment could not be had: 401",
        REVOKED,
        "TaskRevokedError: revoked",
        "No credentials for identity 4",
    ],
)
def test_other_trouble_is_none(error: str) -> None:
    assert not says_refused(error)
