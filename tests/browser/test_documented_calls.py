"""The calls that docs/api.md shows: each is made with curl, as it stands there, and granted."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from rest_framework.authtoken.models import Token

from jobs import counts
from jobs.models import FAILED, QUEUED
from tests.api import contract
from tests.api.cast import make_run, make_staff
from tests.api.test_job_fail import stuck_job
from tests.backups.cast import make_backup
from tests.browser.conftest import serve
from tests.cast import make_conversation, make_job
from tests.error_groups.rows import DOWN, failed_job, fold
from tests.matching.doing import connected
from tests.processes import PROJECT
from tests.schedules.cast import make_schedule

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.browser,
    pytest.mark.usefixtures("_what_they_name"),
]

DOCUMENT: Final = PROJECT / "docs" / "api.md"
RUN: Final = "b5a5c1c4-6e53-4c56-9d0f-1f5a4e6b7c{:02}"
METRICS_TOKEN: Final = "a-token-for-the-docs-only"
# Beside what the description tells.
OTHERS: Final = {"/ops/", "/ops/schema", "/ops/docs", "/healthz", "/readyz", "/metrics"}


@pytest.fixture
def _what_they_name(transactional_db: None) -> None:
    """The rows whose ids stand in the document."""
    alice = connected("Alice", pk=7)
    make_conversation(alice, "carol", pk=31)
    make_conversation(alice, "dave", pk=32)
    theirs: dict[str, Any] = {"identity_id": alice.pk}
    make_job(pk=1001, payload={**theirs, "n": 1})
    make_job(pk=1002, status=QUEUED, payload={**theirs, "n": 2})
    stuck_job(pk=1003, payload={**theirs, "n": 3})
    for pk in (1011, 1012, 1013):
        failed_job(DOWN, pk=pk, job_type="webhook.deliver", queue_name="webhooks", status=FAILED, payload={"n": pk})
    for pk in (1021, 1022):
        make_job("media.transcode", pk=pk, queue_name="media", status=QUEUED, payload={"n": pk})
    make_run(make_job(pk=1031, status=QUEUED, payload={**theirs, "n": 4}).pk, pk=UUID(RUN.format(1)))
    make_run(stuck_job(pk=1032, payload={**theirs, "n": 5}).pk, pk=UUID(RUN.format(2)))
    make_schedule("opsconsole.housekeeping", pk=900)
    make_backup(pk=501)
    fold()
    counts.refresh(max_age_seconds=0)


def test_each_operation_is_shown_with_a_call_that_is_granted(
    start_child: Callable[..., Any], static_root: Path, tmp_path: Path
) -> None:
    environment = {"OPS_BACKUP_DIR": str(tmp_path), "OPS_METRICS_TOKEN": METRICS_TOKEN}
    console = serve(start_child, OPS_STATIC_ROOT=str(static_root), **environment)
    token = Token.objects.create(user=make_staff("olivia", is_superuser=True)).key
    given = {"console": console, "auth": f"Authorization: Token {token}", "metrics_token": METRICS_TOKEN}
    for call in calls():
        ended = subprocess.run(
            ["sh", "-euc", call], env={**os.environ, **given}, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, f"{call}\n{ended.stdout}\n{ended.stderr}"
    made = [asked(call) for call in calls()]
    assert not [
        f"{method} {path}"
        for method, path, operation in contract.operations()
        if operation not in [contract.operation_of(*each) for each in made]
    ]
    assert {path for _, path in made} >= OTHERS


def calls() -> list[str]:
    """Return the shell commands of the document, one by one."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [call for block in blocks for call in re.split(r"\n(?=curl )", block.strip())]


def asked(call: str) -> tuple[str, str]:
    """Return the method and the path that a command asks for."""
    method = re.search(r"-X (\w+)", call)
    path = re.search(r'"\$console(/[^?"]*)', call)
    assert path, call
    return method[1] if method else "POST" if "--json" in call else "GET", path[1]
