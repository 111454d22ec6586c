"""The Ops page in another application, copied as README.md tells: on Next.js 14 and React 18 (`script/web-compat`)."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from jobs import counts
from jobs.models import Job
from tests.cast import make_job
from tests.matching.doing import connected
from tests.web import compat, sizes
from tests.web.conftest import PASSWORD
from tests.web.relay import Relay
from tests.web.serving import serving
from tests.web.windows import SMALL, Windows, panel

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.browser,
    pytest.mark.long,
]


@pytest.fixture(scope="session")
def served(relay: Relay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the application on Next.js 14, put together anew."""
    with compat.alone():
        compat.make()
        with serving(relay.address, tmp_path_factory.mktemp("next14") / "next.log", compat.FOLDER) as address:
            yield address


# One test, so that it is built once.
def test_the_page_can_be_copied_and_used_there(
    windows: Windows, olivia: str, core_worker: Callable[..., Any], sweeper: Callable[..., Any]
) -> None:
    alice = connected("Alice", is_default=True)
    failed = make_job(payload={"identity_id": alice.pk}, last_error="TimeoutError: no answer")
    make_job(payload={"identity_id": alice.pk, "n": 1}, status="done")
    core_worker(DEMO_PAGES_PER_SECOND="200")
    sweeper("--tick", "0.2")
    counts.refresh(max_age_seconds=0)

    page = windows.open()
    page.goto("/ops")
    page.wait_for_url("**/login?**")
    page.get_by_label("Username").fill(olivia)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/ops")

    jobs = panel(page, "Jobs")
    rows = jobs.get_by_role("row")
    expect(rows).to_have_count(3)
    jobs.get_by_role("link", name=re.compile("^Failed")).click()
    page.wait_for_url("**status=failed**")
    expect(rows).to_have_count(2)
    rows.filter(has_text=f"#{failed.pk}").get_by_role("link", name=re.compile("ingest.sync_delta")).click()
    page.wait_for_url(f"**job={failed.pk}**")
    sheet = page.get_by_role("dialog")
    expect(sheet).to_contain_text("TimeoutError: no answer")
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)

    sync = panel(page, "Sync")
    sync.get_by_label("Identity").select_option(str(alice.pk))
    sync.get_by_role("button", name="Sync identity").click()
    card = sync.get_by_role("list", name="Started here").locator("> li").first
    expect(card).to_contain_text("Done")
    assert Job.objects.get(pk=failed.pk).status == "failed"
    assert Job.objects.filter(status="done").count() == 2

    # A new window, with an empty cache.
    session = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "session")
    small = windows.open(session, viewport=SMALL)
    assert sizes.added_bytes(small, "/ops") <= sizes.MOST_BYTES
    expect(panel(small, "Jobs").get_by_text("TimeoutError: no answer").first).to_be_visible()
    assert small.evaluate("document.documentElement.scrollWidth <= innerWidth")
