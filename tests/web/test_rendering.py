"""The page as it arrives: its data in the first answer, nothing that moves, nothing too wide, and few bytes of scripts."""

import re

import pytest
from playwright.sync_api import Page, Response, expect

from jobs import counts
from tests.backups.cast import make_backup, make_restore_test
from tests.cast import make_conversation, make_job, make_message
from tests.matching.doing import connected
from tests.web.windows import SMALL, Windows, panel, shifts

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]

# Beyond an empty page of the same application, as they come over the network.
MOST_BYTES = 70 * 1024
_OVERHANG = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_IS_HYDRATED = """() => !document.querySelector("button[aria-label='Pause live updates']")?.disabled"""
LONG_NAME = "<b>bold" + "x" * 121
RIGHT_TO_LEFT = "שלום עולם"


@pytest.fixture
def rows(front_end: str) -> list[int]:
    """Something of everything, with names and errors of every odd kind; returns the ids of the jobs."""
    made = []
    for name in (LONG_NAME, RIGHT_TO_LEFT, "Alice"):
        identity = connected(name, external_username=name[:100])
        make_message(make_conversation(identity, name))
        made += [
            make_job(payload={"identity_id": identity.pk, "n": n}, last_error="E" * 5_000 if n else "TimeoutError: no")
            for n in range(8)
        ]
    make_restore_test(make_backup())
    make_backup(status="failed", error="OSError: " + "no space left " * 30)
    counts.refresh(max_age_seconds=0)
    return [job.pk for job in made]


def script_bytes(page: Page, address: str) -> int:
    """Open a page and return how many bytes of scripts it has loaded once it is idle."""
    loaded: list[Response] = []

    def note(response: Response) -> None:
        if response.request.resource_type == "script":
            loaded.append(response)

    page.on("response", note)
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.remove_listener("response", note)
    return sum(response.request.sizes()["responseBodySize"] for response in loaded)


def test_the_first_answer_has_the_data_and_nothing_moves_when_scripts_take_over(
    as_operator: Page, rows: list[int]
) -> None:
    page = as_operator
    answer = page.goto("/ops")
    assert answer is not None
    text = re.sub(r"<script.*?</script>", "", answer.text(), flags=re.DOTALL)
    for words in (f"#{rows[-1]}", "TimeoutError: no", "Alice", RIGHT_TO_LEFT, "no space left"):
        assert words in text, words
    assert "<b>bold" not in text
    page.wait_for_function(_IS_HYDRATED)
    page.wait_for_load_state("networkidle")
    assert shifts(page) == []


def test_the_clock_of_the_browser_and_its_zone_change_no_age(windows: Windows, rows: list[int], session: str) -> None:
    page = windows.open(session, timezone_id="Asia/Kathmandu", locale="de-DE")
    page.clock.install(time="2031-03-01T12:00:00Z")
    make_backup()
    page.goto("/ops")
    page.wait_for_function(_IS_HYDRATED)
    expect(panel(page, "Backups").get_by_role("region", name="Database backup")).to_contain_text(re.compile("1 h ago"))


def test_on_a_phone_nothing_is_wider_than_the_screen(windows: Windows, rows: list[int], session: str) -> None:
    page = windows.open(session, viewport=SMALL, color_scheme="dark", has_touch=True, is_mobile=True)
    page.goto("/ops")
    page.wait_for_function(_IS_HYDRATED)
    assert page.evaluate(_OVERHANG) == 0
    panel(page, "Jobs").get_by_role("row").filter(has_text=f"#{rows[-1]}").get_by_role("link").first.click()
    sheet = page.get_by_role("dialog")
    expect(sheet).to_contain_text("Payload")
    assert page.evaluate(_OVERHANG) == 0
    assert sheet.evaluate("(sheet) => sheet.scrollWidth - sheet.clientWidth") == 0


def test_the_page_costs_few_bytes_of_scripts_beyond_an_empty_one(windows: Windows, session: str) -> None:
    empty = script_bytes(windows.open(session), "/")
    full = script_bytes(windows.open(session), "/ops")
    print(f"Scripts: {empty:,} bytes of an empty page, {full - empty:,} more of the Ops page.")
    assert 0 < full - empty <= MOST_BYTES, (empty, full)
