"""The page as Lighthouse and the scales see it; what script/web-report measures beyond that is no gate."""

import pytest

from jobs import counts
from tests.api.test_core_session import make_core_session, make_core_user
from tests.backups.cast import make_backup
from tests.cast import make_job
from tests.matching.doing import connected
from tests.web import lighthouse, sizes
from tests.web.windows import Windows

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.browser,
    pytest.mark.long,
]


@pytest.fixture
def session(front_end: str) -> str:
    """An operator's session; there is something of everything to see."""
    for name in ("Alice", "Bob"):
        identity = connected(name)
        make_job(payload={"identity_id": identity.pk}, last_error="TimeoutError: no answer")
        make_job(payload={"identity_id": identity.pk, "n": 1}, status="done")
        make_job(payload={"identity_id": identity.pk, "n": 2}, status="queued")
    make_backup()
    counts.refresh(max_age_seconds=0)
    return make_core_session(make_core_user("olivia"))


def test_lighthouse_finds_nothing_to_better_in_accessibility_and_best_practices(front_end: str, session: str) -> None:
    (verdict,) = lighthouse.run(f"{front_end}/ops", session)
    assert verdict.address == f"{front_end}/ops"
    assert verdict.scores["accessibility"] == verdict.scores["best-practices"] == 100, verdict.failed


def test_the_page_brings_little_javascript(windows: Windows, session: str) -> None:
    page = windows.open(session)
    assert sizes.added_bytes(page, "/ops") <= sizes.MOST_BYTES
