"""Which errors say that the provider rejects the credential, and which that it limits the rate.

The texts are those of PRAW and prawcore, requests, httpx, OAuth libraries, servers, databases, and the core itself.
"""

import pytest

from jobs.outcomes import REVOKED
from jobs.provider_errors import is_rate_limit, rejects_credential

REFUSALS = [
    # the core
    "Failed to fetch page 7: 401",
    "Failed to fetch conversations: 401",
    "Failed to fetch page 1: 401 Unauthorized (invalid_grant: the refresh token was revoked)",
    "401 invalid_grant: the token was revoked",
    "image 5: 404\nFailed to fetch conversations: 401",
    "Failed to refresh token",
    "Failed to refresh token for identity 3",
    "Failed to refresh access token for quietharbor_",
    "Failed to refresh token: received 400 HTTP response",
    "Failed to refresh token: 400 Client Error: Bad Request for url: https://www.reddit.com/api/v1/access_token",
    "Could not refresh the OAuth token: Bad Request",
    "Error refreshing token: no refresh token is stored",
    "Token refresh failed",
    # PRAW and prawcore
    "prawcore.exceptions.Forbidden: received 403 HTTP response",
    "prawcore.exceptions.ResponseException: received 401 HTTP response",
    "prawcore.exceptions.OAuthException: invalid_grant error processing request",
    "prawcore.exceptions.OAuthException: unauthorized_client error processing request (Only script apps may …)",
    "prawcore.exceptions.InvalidToken: received 401 HTTP response",
    "prawcore.exceptions.InsufficientScope: received 403 HTTP response",
    # requests, httpx, urllib, aiohttp
    "401 Client Error: Unauthorized for url: https://oauth.reddit.com/api/v1/me",
    "403 Client Error: Forbidden for url: https://oauth.reddit.com/message/inbox",
    "401 Client Error: Unauthorized for url: https://oauth.reddit.com/user/videos/about",
    "Client error '401 Unauthorized' for url 'https://mastodon.example/api/v1/accounts/verify_credentials'",
    "httpx.HTTPStatusError: Client error '403 Forbidden' for url 'https://mastodon.example/'",
    "HTTP Error 401: Unauthorized",
    "<Response [401]>",
    "<Response [401 Unauthorized]>",
    "prawcore.exceptions.Forbidden: received 403 HTTP response.",
    "a 401 error from the provider",
    "401 Authorization Required",
    "401, message='Unauthorized', url='https://mastodon.example/api/v1/conversations'",
    # OAuth libraries and authorization servers
    "oauthlib.oauth2.rfc6749.errors.InvalidGrantError: (invalid_grant) Bad Request",
    "oauthlib.oauth2.rfc6749.errors.InvalidClientError: (invalid_client) Unauthorized",
    "oauthlib.oauth2.rfc6749.errors.TokenExpiredError: (token_expired)",
    "google.auth.exceptions.RefreshError: ('invalid_grant: Token has been expired or revoked.', {})",
    "AADSTS50173: The provided grant has expired due to it being revoked",
    'WWW-Authenticate: Bearer realm="reddit", error="invalid_token"',
    '{"error": {"code": 401, "message": "Request had invalid authentication credentials."}}',
    '{"status": 401, "message": "no"}',
    "invalid_grant",
    "invalid_token",
    "token revoked",
    "The access token was revoked",
    "The access token expired",
    "The access token is invalid",
    "access_token expired",
    "token_expired",
    "token has expired",
    "The refresh token is expired.",
    "expired access token",
    "ExpiredTokenError: sign in again",
    "Invalid or expired token.",
    "The user has revoked access to the application",
    "Bad credentials",
    # statuses
    "HTTP 401",
    "HTTP 403: Forbidden",
    "HTTP/1.1 401 Unauthorized",
    '"GET /api/v1/me HTTP/1.1" 401 12',
    "HTTPError: 403",
    "401 Unauthorized",
    "status=403",
    "status code 403",
    "status_code: 401",
    "Request failed with status code 401",
    "Unexpected response: 403",
    "the API returned 401",
    "The server answered with 403.",
    "GET /api/me: 401",
    "a 401 from the provider",
    "Forbidden",
    "unauthorised",
]

OTHER_TROUBLE = [
    "",
    # numbers that are no statuses
    "conversation 403: timed out",
    "query took 401 ms",
    "short read, 403 of 512 bytes",
    "expected 512, received 403",
    "received 403 of 512 messages",
    "returned 401 rows",
    "read 401 messages, then the connection broke",
    "HTTP 200 after 401 ms",
    "HTTP 500: 403 rows affected",
    "page 401 of 403: timed out",
    "sent 401 HTTP requests",
    "403 error reports were written",
    "read 401 status updates",
    "401 authentication attempts",
    "403 errors",
    "status: 401 users, 2 errors",
    "HTTP: 403 requests, 401 responses",
    "401 identities, 403 entries",
    "Failed to fetch identity 401: timed out",
    "Failed to read message 403: KeyError('author')",
    "conversation 403 could not be read",
    "GET /r/401/about timed out",
    'File "/srv/core/ingest.py", line 401, in fetch',
    "json.decoder.JSONDecodeError: Expecting value: line 1 column 403 (char 402)",
    "4012 messages, 14013 bytes",
    "exit status 401",
    "job 401",
    "1403",
    "401",
    # other statuses
    "429 Too Many Requests",
    "received 429 HTTP response",
    "received 503 HTTP response",
    # a valid token that can't be refreshed at the moment
    "Failed to refresh token: timed out",
    "Failed to refresh token for identity 3: ReadTimeout",
    "Failed to refresh token: ConnectionError(MaxRetryError('…'))",
    "Failed to refresh token: 503 Service Unavailable",
    "Failed to refresh token: received 429 HTTP response",
    "Failed to refresh token: received 502 HTTP response",
    "Failed to refresh token: OSError(101, 'Network is unreachable')",
    "Failed to refresh token: json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
    # other tokens, and other credentials
    "sync token expired",
    "The page_token is invalid",
    "The cache expired",
    "xml.parsers.expat.ExpatError: not well-formed (invalid token): line 1, column 401",
    'FATAL:  password authentication failed for user "core"',
    "redis.exceptions.AuthenticationError: invalid username-password pair or user is disabled.",
    "(1045, \"Access denied for user 'core'@'localhost' (using password: YES)\")",
    "SSLCertVerificationError: certificate revoked",
    "cryptography.fernet.InvalidToken",
    "No credentials for identity 4",
    "forbidden character in name",
    "irrevocable",
    # errors of media servers
    "image 5: 403 Forbidden",
    "Attachment could not be had: 401",
    "Image 1401 could not be downloaded: 403 Forbidden",
    "403 Client Error: Forbidden for url: https://i.redd.it/abc.jpg",
    # revocations by Celery
    REVOKED,
    "TaskRevokedError: revoked",
    "ReadTimeout",
]


@pytest.mark.parametrize("error", REFUSALS)
def test_a_refusal_of_the_credential_is_recognized(error: str) -> None:
    assert rejects_credential(error)
    assert not is_rate_limit(error)


@pytest.mark.parametrize("error", OTHER_TROUBLE)
def test_other_trouble_is_no_refusal(error: str) -> None:
    assert not rejects_credential(error)


@pytest.mark.parametrize(
    "error",
    [
        "429 Too Many Requests",
        "Failed to fetch page 7: 429",
        "Failed to fetch page 7: 429 Too Many Requests (retry-after: 54)",
        "received 429 HTTP response",
        "prawcore.exceptions.TooManyRequests: received 429 HTTP response. Please wait at least 7.0 seconds before …",
        "429 Client Error: Too Many Requests for url: https://oauth.reddit.com/",
        "Client error '429 Too Many Requests' for url 'https://mastodon.example/'",
        "HTTP Error 429: Too Many Requests",
        "HTTP 429",
        "status code 429",
        "Rate limit exceeded",
        "You are being rate limited.",
        "RATELIMIT: \"Looks like you've been doing that a lot.\" on field 'ratelimit'",
    ],
)
def test_a_rate_limit_is_recognized(error: str) -> None:
    assert is_rate_limit(error)
    assert not rejects_credential(error)


@pytest.mark.parametrize(
    "error",
    [
        "",
        "429 items",
        "429 of 500",
        "sent 429 HTTP requests",
        "429 rates",
        "query took 429 ms",
        "conversation 429: timed out",
        "read 429 messages",
        "line 429",
        "Image 429 could not be downloaded",
        "x-ratelimit-remaining: 429",
        "401 Unauthorized",
        "received 503 HTTP response",
    ],
)
def test_other_trouble_is_no_rate_limit(error: str) -> None:
    assert not is_rate_limit(error)


@pytest.mark.parametrize("part", ["failed to fetch ", "token ", "401 ", "GET x", "access", "a/", "status ", " \t"])
def test_a_huge_error_is_read_in_bounded_time(part: str) -> None:
    assert not is_rate_limit(part * 1_000_000)
    assert not rejects_credential(part * 1_000_000)
