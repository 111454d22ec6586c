"""No address fails, whatever times the core's rows have, and whatever a query contains."""

import random
from typing import Any, Final

import pytest
from django.db import connection

from tests.far_times import NEARLY_FAR, set_all_times
from tests.privacy.planting import plant
from tests.privacy.secrets import Vault
from tests.privacy.test_pages import FILTERED, Visitors, body_of
from tests.privacy.walking import routes

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

PARAMETERS: Final = ("q", "status", "identity_id", "created_after", "after", "cursor", "offset", "p")
VALUES: Final = ("0001-01-01T00:00:00+23:59", "9" * 30, "(", "\x00", "-infinity", "\\")


@pytest.fixture(autouse=True)
def _as_in_production(settings: Any) -> None:
    """Serve static files under their own names, and metrics without a token."""
    settings.METRICS_ALLOW = ["127.0.0.1"]
    storage = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": storage}


@pytest.mark.parametrize(
    "moment", ["infinity", "-infinity", *(pytest.param(moment, marks=pytest.mark.soak) for moment in NEARLY_FAR)]
)
def test_no_address_fails_of_a_far_time(moment: str) -> None:
    visitors = Visitors()
    plant(Vault(random.Random(0).choice))
    with connection.cursor() as cursor:
        # The planted rows must not be deleted or removed, so these times stay null.
        assert set_all_times(moment) > 20
        cursor.execute("UPDATE conversations SET deleted_at = NULL")
    for route in routes():
        for urls in route.urls():
            for url in urls:
                (client,) = visitors.of(url, everybody=False).values()
                response = client.get(url)
                assert response.status_code < 500, url
                body_of(response)
                if response.status_code != 200:
                    # Where there is no such row, there is none with a higher number either.
                    break


def test_no_address_fails_of_what_stands_in_its_query() -> None:
    visitors = Visitors()
    plant(Vault(random.Random(0).choice))
    for number, route in enumerate(routes()):
        if not route.pattern.startswith(FILTERED) or "<" in route.pattern or "(?P" in route.pattern:
            continue
        url = route.urls()[0][0]
        (client,) = visitors.of(url, everybody=False).values()
        for place, name in enumerate(PARAMETERS):
            value = VALUES[(number + place) % len(VALUES)]
            assert client.get(url, {name: value}).status_code < 500, (url, name, value)
