"""Nothing private that stands in any table comes out: on no page, in no answer, in no line of the log, in no audit row.

Every address that the URL resolver knows is visited, with something private in every text of every table. An address
that shows nothing for any of the planted rows has to be named here, with the reason.
"""

import io
import json
import logging
import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from typing import Any, Final

import pytest
import redis
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from jobs.models import Job
from opsconsole import logs
from opsconsole.audit import AuditLog
from opsconsole.permissions import VIEWERS
from tests.admin.conftest import browser_of
from tests.api.cast import make_staff, with_token
from tests.privacy.planting import NOT_PLANTED, plant
from tests.privacy.secrets import Vault
from tests.privacy.walking import ROW_IDS, Route, routes

# Addresses that show nothing to anybody who may see everything, and why. (Redirects need not be named.)
SHOWS_NOTHING: Final = {
    "admin/logout/": "is posted to",
    "admin/autocomplete/": "no list of the console has one",
    "admin/r/<path:content_type_id>/<path:object_id>/": "nothing has an address of its own",
    "admin/(?P<url>.*)$": "is for all that isn't there",
}
# Forms of Django's own, which are tested by themselves; posting to them here would lock the visitor out.
NOT_POSTED: Final = ("admin/auth", "admin/login", "admin/logout", "admin/password", "admin/django_celery_beat")
PARAMETERS: Final = ("q", "status", "job_type", "queue_name", "identity_id", "cursor", "action", "created_after", "via")
FILTERED: Final = ("ops/", "admin/jobs", "admin/identities", "admin/opsconsole", "admin/django_celery_results")


pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _uncollected(settings: Any) -> None:
    """Static files under their own names: nothing was collected."""
    storage = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": storage}


@pytest.fixture(autouse=True)
def log() -> Iterator[io.StringIO]:
    """All that is logged meanwhile, in both formats."""
    with logged() as written:
        yield written


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """Collect what is logged, of whatever level."""
    written = io.StringIO()
    handlers = []
    root = logging.getLogger()
    level = root.level
    for style in logs.FORMATS:
        handler = logs.LineHandler(written)
        handler.setFormatter(logs.formatter(style=style))
        handlers.append(handler)
        root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield written
    finally:
        root.setLevel(level)
        for handler in handlers:
            root.removeHandler(handler)


class Visitors:
    """People who look at everything, each through a door of their own."""

    def __init__(self) -> None:
        """Let in somebody who may do everything, and somebody who may only look and gets other pages, without forms."""
        self.root = make_staff("root", is_superuser=True, pk=1)
        self.viewer = make_staff("victor", VIEWERS, pk=2)
        self.api = with_token(self.root)
        self._pages = {"root": browser_of(self.root), "viewer": browser_of(self.viewer)}
        self._answers = {
            "root by token": self.api,
            "root in a browser": browser_of(self.root, headers={"accept": "text/html"}),
        }

    def of(self, url: str, *, everybody: bool = True) -> dict[str, Client]:
        """Return who visits an address: all of them, or only the one who sees most."""
        found: dict[str, Any] = self._answers if url.startswith("/ops") else self._pages
        return found if everybody else dict(list(found.items())[:1])

    @cached_property
    def own_secrets(self) -> list[str]:
        """What of the visitors' own accounts must not be seen."""
        users = [User.objects.get(pk=user.pk) for user in (self.root, self.viewer)]
        return [*(user.password for user in users), *Token.objects.values_list("key", flat=True)]


def body_of(response: Any) -> str:
    """Return what a response says, with the headers."""
    content = b"".join(response) if response.streaming else response.content
    return f"{response.headers}\n{content.decode()}"


@pytest.mark.django_db
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (1, 2))])
def test_no_address_shows_what_is_planted(seed: int, log: io.StringIO, settings: Any) -> None:
    settings.METRICS_ALLOW = ["127.0.0.1"]
    vault, visitors = Vault(random.Random(seed).choice), Visitors()
    plant(vault)
    leaks: dict[str, set[str]] = {}
    unseen: dict[str, set[int]] = {}
    for route in routes():
        codes: set[int] = set()
        for urls in route.urls():
            for url in urls:
                here: set[int] = set()
                for who, client in visitors.of(url, everybody=seed == 0).items():
                    response = client.get(url)
                    here.add(response.status_code)
                    body = body_of(response)
                    for where in vault.found_in(body):
                        leaks.setdefault(f"{where} at {route.pattern}", set()).add(who)
                    assert not [secret for secret in visitors.own_secrets if secret in body], url
                codes |= here
                if 200 not in here:
                    # Where there is no such row, there is none with a higher number either.
                    break
        assert max(codes) < 500, route
        if not codes & {200, 302, 405}:
            unseen[route.pattern] = codes
    assert leaks == {}
    assert unseen.keys() == SHOWS_NOTHING.keys() - {"admin/logout/"}
    assert vault.found_in(log.getvalue()) == []


@pytest.mark.django_db(transaction=True)
def test_whatever_is_posted_is_neither_logged_nor_published_nor_written_to_the_audit_log(log: io.StringIO) -> None:
    vault, given, visitors = Vault(random.Random(5).choice), Vault(random.Random(6).choice), Visitors()
    plant(vault)
    # Types that can be retried, without asking the workers whether they know them.
    Job.objects.update(job_type="ingest.sync_delta", queue_name="ingest")
    before = AuditLog.objects.count()
    for route in routes():
        if not route.pattern.startswith(("ops/", "admin/")) or route.pattern.startswith(NOT_POSTED):
            continue
        for url in [url for urls in route.urls() for url in urls[:2]]:
            for values in bodies(given):
                body = body_of(post(visitors, url, values))
                assert vault.found_in(body) == [], url
        assert post(visitors, route.urls()[0][0], {}).status_code < 500, route
    assert AuditLog.objects.count() > before + 5
    with connection.cursor() as cursor:
        # As they are in the table: what reads them redacts once more.
        cursor.execute("SELECT (a.*)::text FROM audit_log a WHERE id > %s", [1])
        written = "\n".join(row for (row,) in cursor.fetchall())
    for text in (log.getvalue(), written, str(list(LogEntry.objects.values())), "\n".join(published())):
        assert vault.found_in(text) == []
        assert given.found_in(text) == []


def post(visitors: Visitors, url: str, values: dict[str, Any]) -> Any:
    """Post as somebody who may do everything."""
    if url.startswith("/ops"):
        return visitors.api.post(url, values)
    return visitors.of(url)["root"].post(url, values)


def bodies(given: Vault) -> Iterator[dict[str, Any]]:
    """Return bodies of all kinds: one that is taken wherever somebody asks for a reason, and one that never is."""
    yield {"reason": given.text("a reason", length=900), "confirm": "yes", "identity_id": 1, "identity": 1, "limit": 5}
    yield {"reason": given.text("a reason", length=900), "confirm": True, "conversation_id": 1, "conversation": 1}
    yield {
        name: given.text(f"the field {name}")
        for name in (
            "reason",
            "confirm",
            "identity_id",
            "conversation_id",
            "identity",
            "conversation",
            "limit",
            "index",
        )
    }


def published() -> Iterator[str]:
    """Return what is written about the arguments of the messages in the broker, for whoever looks at them."""
    with closing(redis.Redis.from_url(settings.CELERY_BROKER_URL)) as client:
        for key in client.scan_iter():
            if client.type(key) == b"list":
                for message in client.lrange(key, 0, -1):
                    headers = json.loads(message)["headers"]
                    yield f"{headers['argsrepr']} {headers['kwargsrepr']} {headers.get('request_id')}"


@pytest.mark.django_db
def test_what_is_asked_for_in_a_query_is_not_logged(log: io.StringIO) -> None:
    given, visitors = Vault(random.Random(7).choice), Visitors()
    for route in routes():
        if not route.pattern.startswith(FILTERED):
            continue
        url = route.urls()[0][0]
        for client in visitors.of(url).values():
            # Each alone where it is refused first, and one among the many.
            for names in (PARAMETERS, *((name,) for name in random.Random(url).sample(PARAMETERS, 2))):
                client.get(url, {name: given.text(f"the parameter {name}", length=60) for name in names})
    assert "request.answered" in log.getvalue()
    assert given.found_in(log.getvalue()) == []


@pytest.mark.django_db
def test_every_table_is_planted_or_named(django_assert_num_queries: Any) -> None:
    plant(Vault(random.Random(0).choice))
    tables = set(connection.introspection.table_names())
    assert not NOT_PLANTED - tables, "what is no table any more"
    with connection.cursor() as cursor:
        for table in sorted(tables - NOT_PLANTED):
            cursor.execute(f'SELECT EXISTS (SELECT 1 FROM "{table}")')
            assert cursor.fetchone() == (True,), table
    shown = {model._meta.db_table for model in admin.site._registry}
    assert shown - NOT_PLANTED
    assert not shown - tables


def test_the_walk_finds_the_addresses_that_are_known_to_exist() -> None:
    urls = {url for route in routes() for alike in route.urls() for url in alike}
    assert {"/ops/jobs/1", "/ops/jobs/counts", "/ops", "/admin/jobs/job/1/change/", "/admin/jobs/", "/healthz"} <= urls
    assert [urls[0] for urls in Route("x/<int:pk>/(?P<kind>a|b)/?$", "").urls()][:: len(ROW_IDS)] == [
        "/x/1/a",
        "/x/1/b",
    ]


@pytest.mark.django_db
def test_the_vault_finds_what_is_shown() -> None:
    vault = Vault(random.Random(0).choice)
    plant(vault)
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_error FROM jobs WHERE id = 1")
        assert vault.found_in(cursor.fetchone()[0]) == ["jobs.last_error"]
    assert isinstance(APIClient(), Client)
