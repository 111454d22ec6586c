"""A front end's server on the console, with Node.js's `fetch` and the core's session: alone, behind a path split."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devserver import loopback, node
from identities.models import Identity
from jobs.models import Job
from tests.api.test_core_session import make_core_session, make_core_user
from tests.browser import tools
from tests.browser.conftest import serve
from tests.cast import make_job
from tests.matching.doing import connected

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.browser]

SCRIPTS = tools.FOLDER / "front_end"
TIMEOUT_SECONDS = 900


@pytest.fixture
def console(start_child: Callable[..., Any]) -> str:
    """The console's address."""
    return serve(start_child)


@pytest.fixture
def split(console: str) -> Iterator[str]:
    """The address behind which the console and the core stand."""
    command = [str(node.node()), str(SCRIPTS / "path_split.mjs")]
    environment = {**os.environ, "CONSOLE": console}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://{loopback.HOST}:{process.stdout.readline().strip()}"
        process.terminate()


@pytest.fixture
def alice() -> Identity:
    """Somebody with a failed job."""
    identity: Identity = connected("Alice")
    make_job(payload={"identity_id": identity.pk, "n": 1})
    return identity


def called(base: str, identity: Identity, **environment: str) -> dict[str, Any]:
    """Have a front end's server sync, backfill and retry, and return what came of each.

    Args:
        base: its base address.
        identity: for whom; its one failed job is retried.
        environment: what else the script takes.
    """
    given = {
        "BASE": base,
        "SESSION": make_core_session(make_core_user()),
        "IDENTITY": str(identity.pk),
        "JOB": str(Job.objects.get(status="failed").pk),
    }
    ended = subprocess.run(
        [str(node.node()), str(SCRIPTS / "server.mjs")],
        env={**os.environ, **given, **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    answers: dict[str, Any] = json.loads(ended.stdout)
    return answers


def test_behind_a_path_split_a_front_ends_server_syncs_backfills_and_retries(
    split: str, alice: Identity, core_worker: Callable[..., Any], sweeper: Callable[..., Any]
) -> None:
    core_worker()
    sweeper("--tick", "0.2")
    came = called(split, alice)
    for name in ("sync", "backfill"):
        assert came[name]["status"] == 202, came[name]
        assert came[name]["ended"]["status"] == "success", came[name]
        assert came[name]["ended"]["result"]["errors"] == []
    assert came["retry"]["answer"]["status"] == "queued"
    assert came["retry"]["ended"]["status"] == "done", came["retry"]
    assert came["elsewhere"] == {"status": 404, "answer": {"core": "/conversations/1"}}
    assert came["jobs"]["answer"]["jobs"]


def test_the_same_calls_with_the_origin_of_another_site_are_refused(console: str, alice: Identity) -> None:
    came = called(console, alice, ORIGIN="https://elsewhere.example")
    for name in ("sync", "backfill", "retry"):
        assert came[name]["status"] == 403, came[name]
        assert came[name]["answer"]["code"] == "cross_site"
    assert list(Job.objects.values_list("status", flat=True)) == ["failed"]
    assert came["jobs"]["status"] == 200
