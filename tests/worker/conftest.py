"""What tests of settling need: to say what the core's worker has left in its result back end."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection

from devserver.postgres import Postgres
from jobs import operations
from jobs.models import Dispatch
from opsconsole.audit import Entity
from tests.cast import OPERATOR
from tests.conftest import children_key
from tests.services import services_key
from tests.worker import file_tasks, own_tasks
from tests.worker.file_tasks import Traces
from tests.worker.world import World

Leave = Callable[..., None]


@pytest.fixture
def leave_result(transactional_db: None) -> Iterator[Leave]:
    """Leave what a task has returned, as Celery's Redis back end does: `leave_result(dispatch, result, state=…)`."""
    with closing(redis.Redis.from_url(settings.CORE_RESULT_BACKEND)) as client:

        def leave(dispatch: Dispatch, result: Any, *, state: str = "SUCCESS", traceback: str | None = None) -> None:
            meta = {
                "status": state,
                "result": result,
                "traceback": traceback,
                "children": [],
                "date_done": datetime.now(UTC).isoformat(),
                "task_id": str(dispatch.task_id),
            }
            client.set(f"celery-task-meta-{dispatch.task_id}", json.dumps(meta), ex=3_600)

        yield leave


Submit = Callable[..., int]


@pytest.fixture
def own_types(settings: Any) -> dict[str, str]:
    """The types of `tests.worker.own_tasks` in the catalog; returns the environment that gives them to a process."""
    settings.JOB_TYPES = own_tasks.TYPES
    return {"OPS_JOB_TYPES": json.dumps(own_tasks.TYPES), "OPS_TASK_MODULES": "tests.worker.own_tasks"}


@pytest.fixture
def own_worker(console_worker: Callable[..., Any], own_types: dict[str, str]) -> Callable[..., Any]:
    """Start a console worker that knows those tasks: `own_worker(**environment)`."""
    return lambda **environment: console_worker(**{**own_types, **environment})


@pytest.fixture
def own_sweeper(sweeper: Callable[..., Any], own_types: dict[str, str]) -> Callable[..., Any]:
    """Start a sweeper whose catalog has those types: `own_sweeper(*options, **environment)`."""
    return lambda *options, **environment: sweeper(*options, **{**own_types, **environment})


@pytest.fixture
def submit(own_types: dict[str, str]) -> Submit:
    """Submit a job of those types: `submit(job_type, **payload)` returns its id."""

    def submit(job_type: str, **payload: Any) -> int:
        submitted = operations.submit_run(
            operation="tests.trigger",
            title="A test",
            requests=[operations.JobRequest(job_type=job_type, payload=payload)],
            actor=OPERATOR,
            entity=Entity(type="job"),
        )
        return submitted.job_ids[0]

    return submit


@pytest.fixture
def no_deadlock(postgres: Postgres) -> Iterator[None]:
    """Fail a test in which two transactions waited for each other."""
    before = postgres.log.stat().st_size
    yield
    log = postgres.log.read_bytes()[before:].decode(errors="replace")
    assert "deadlock detected" not in log, log[log.index("deadlock detected") :][:3_000]


@pytest.fixture(scope="module")
def _installation(
    request: pytest.FixtureRequest, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The processes that the tests of a module share."""
    url = request.config.stash[services_key].postgres.url(connection.settings_dict["NAME"])
    world = World(url, tmp_path_factory.mktemp("world"))
    yield world
    world.kill()


@pytest.fixture
def world(
    request: pytest.FixtureRequest, _installation: World, transactional_db: None, settings: Any
) -> Iterator[World]:
    """Processes on the tests' database, and the types of `tests.worker.file_tasks` in the catalog.

    Workers are kept for the next test unless they still have something to do.
    """
    settings.JOB_TYPES = file_tasks.TYPES
    request.node.stash[children_key] = _installation.children
    yield _installation
    connection.close()
    begun = Dispatch.objects.exclude(started_at=None)
    busy = begun.filter(ended_at=None).exists() or begun.filter(holds_place=True).exists()
    _installation.kill(all_of_them=busy)


@pytest.fixture
def traces(tmp_path: Path) -> Traces:
    """What the tasks of `tests.worker.file_tasks` leave behind."""
    return Traces(tmp_path)


Order = Callable[..., int]


@pytest.fixture
def order(world: World, traces: Traces) -> Order:
    """Submit a job of `tests.worker.file_tasks`: `order(job_type, name)` returns its id."""

    def order(job_type: str, name: str) -> int:
        submitted = operations.submit_run(
            operation="tests.trigger",
            title="A test",
            requests=[operations.JobRequest(job_type=job_type, payload={"folder": str(traces.folder), "name": name})],
            actor=OPERATOR,
            entity=Entity(type="job"),
        )
        return submitted.job_ids[0]

    return order
