"""What holds for every page: nobody is shut out, nothing leaves the origin, nothing fails, it fits a small screen."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Browser

from devserver.postgres import Postgres
from tests import database
from tests.api.cast import make_staff
from tests.browser.conftest import serve
from tests.browser.walking import Walk, walk
from tests.privacy.planting import plant
from tests.privacy.secrets import Vault
from tests.processes import Child

# The mark has a database made; what the pages show is planted by the walk itself.
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.browser,
    pytest.mark.any_variant,
]


@pytest.fixture(scope="module", params=["something in every table", "nothing in any"])
def walked(
    request: pytest.FixtureRequest,
    browser: Browser,
    static_root: Path,
    tmp_path_factory: pytest.TempPathFactory,
    postgres: Postgres,
    django_db_setup: None,
    django_db_blocker: Any,
) -> Iterator[Walk]:
    """All pages, each visited once."""
    children: list[Child] = []

    def start(name: str, *argv: str, **environment: str) -> Child:
        url = postgres.url(connection.settings_dict["NAME"])
        log = tmp_path_factory.mktemp("walk") / f"{name}.log"
        children.append(Child(name, argv, {"DATABASE_URL": url, **environment}, log))
        return children[-1]

    with django_db_blocker.unblock():
        try:
            if request.param.startswith("something"):
                plant(Vault(random.Random(0).choice))
            address = serve(start, OPS_STATIC_ROOT=str(static_root))
            yield walk(browser, address, make_staff("root", is_superuser=True))
        finally:
            for child in children:
                child.stop()
            database.restore()


def test_every_page_meets_wcag_2_1_aa(walked: Walk) -> None:
    assert len(walked.pages) > 30
    assert walked.violations == {}


def test_no_page_is_wider_than_a_small_screen(walked: Walk) -> None:
    assert {url: pixels for url, pixels in walked.overhang.items() if pixels > 0} == {}


def test_no_page_fails_complains_or_asks_elsewhere(walked: Walk) -> None:
    assert walked.complaints == {}
