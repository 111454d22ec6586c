"""What holds for every page: nobody is shut out, nothing leaves the origin, nothing fails, it fits a small screen."""

import random

import pytest
from playwright.sync_api import Browser

from tests.api.cast import make_staff
from tests.browser.walking import DARK, LIGHT, walk
from tests.privacy.planting import plant
from tests.privacy.secrets import Vault

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]


@pytest.mark.long
@pytest.mark.parametrize("planted", [True, False], ids=["something in every table", "nothing in any"])
def test_every_page_meets_wcag_2_1_aa_fits_a_small_screen_and_neither_fails_nor_asks_elsewhere(
    planted: bool, browser: Browser, address: str
) -> None:
    if planted:
        plant(Vault(random.Random(0).choice))
    # Without rows, pages are parts of those with rows: one look is enough.
    found = walk(browser, address, make_staff("root", is_superuser=True), looks=(LIGHT, DARK) if planted else (DARK,))
    assert len(found.pages) > 30
    assert found.violations == {}
    assert {url: pixels for url, pixels in found.overhang.items() if pixels > 0} == {}
    assert found.complaints == {}
