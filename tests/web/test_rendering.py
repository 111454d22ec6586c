"""The page as it arrives: its data in the first answer, nothing that moves, and nothing too wide."""

import re

import pytest
from playwright.sync_api import Page, expect

from jobs import counts
from tests.backups.cast import make_backup, make_restore_test
from tests.cast import make_conversation, make_job, make_message
from tests.matching.doing import connected
from tests.web.windows import SMALL, Windows, panel, shifts, visit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]

_OVERHANG = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
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


def test_the_first_answer_has_the_data_and_nothing_moves_when_scripts_take_over(
    as_operator: Page, rows: list[int]
) -> None:
    page = as_operator
    answer = visit(page, "/ops")
    # Scripts have the data once more, and React separates texts by comments.
    text = re.sub(r"<script.*?</script>|<!--.*?-->", "", answer.text(), flags=re.DOTALL)
    for words in (f"#{rows[-1]}", "TimeoutError: no", "Alice", RIGHT_TO_LEFT, "no space left"):
        assert words in text, words
    assert "<b>bold" not in text
    page.wait_for_load_state("networkidle")
    assert shifts(page) == []


def test_the_clock_of_the_browser_and_its_zone_change_no_age(windows: Windows, rows: list[int], session: str) -> None:
    page = windows.open(session, timezone_id="Asia/Kathmandu", locale="de-DE")
    page.clock.install(time="2031-03-01T12:00:00Z")
    make_backup()
    visit(page, "/ops")
    expect(panel(page, "Backups").get_by_role("region", name="Database backup")).to_contain_text(re.compile("1 h ago"))


def test_on_a_phone_nothing_is_wider_than_the_screen(windows: Windows, rows: list[int], session: str) -> None:
    page = windows.open(session, viewport=SMALL, color_scheme="dark", has_touch=True, is_mobile=True)
    visit(page, "/ops")
    assert page.evaluate(_OVERHANG) == 0
    panel(page, "Jobs").get_by_role("row").filter(has_text=f"#{rows[-1]}").get_by_role("link").first.click()
    sheet = page.get_by_role("dialog")
    expect(sheet).to_contain_text("Payload")
    assert page.evaluate(_OVERHANG) == 0
    assert sheet.evaluate("(sheet) => sheet.scrollWidth - sheet.clientWidth") == 0
