"""Own tasks for a run, loaded by the console's worker with OPS_TASK_MODULES, as an installation's are.

Each claim leaves a row behind, at once, as sending a message would; then it takes its time and says how far it is.
"""

import os
import time
import uuid
from typing import Any, Final

import psycopg
from celery import current_task, shared_task

from chaos.own_types import ONCE, STEP
from jobs.ledger_task import Attempt, LedgerTask

# How long the database may be away while a task has something to write down.
_PATIENCE_SECONDS: Final = 120.0


class MeantToFail(Exception):
    """Raised where the payload asks for it."""


@shared_task(base=LedgerTask, name=STEP)
def step(attempt: Attempt, name: str, seconds: float, failures: int = 0) -> dict[str, Any]:
    """Leave an effect and take some seconds; the first claims of the job fail, as many as `failures` says."""
    return _work(attempt, name, seconds, failures)


@shared_task(base=LedgerTask, name=ONCE)
def once(attempt: Attempt, name: str, seconds: float, failures: int = 0) -> dict[str, Any]:
    """Do the same, as something that must not happen twice."""
    return _work(attempt, name, seconds, failures)


def _work(attempt: Attempt, name: str, seconds: float, failures: int) -> dict[str, Any]:
    # A token of its own for each time that it runs: a second run shows, a second try to write it down doesn't.
    token = uuid.uuid4()
    _write(
        "INSERT INTO chaos.effect (token, job_id, dispatch_id, name) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (token) DO NOTHING",
        [token, attempt.job_id, vars(current_task.request)["dispatch_id"], name],
    )
    steps = max(1, round(seconds * 4))
    for number in range(1, steps + 1):
        time.sleep(seconds / steps)
        attempt.progress(number, steps, "steps")
    claims = _write(
        "WITH mine AS (UPDATE chaos.effect SET finished_at = clock_timestamp() WHERE token = %s)"
        " SELECT count(*) FROM chaos.effect WHERE job_id = %s",
        [token, attempt.job_id],
    )
    if claims <= failures:
        raise MeantToFail(f"Claim {claims} of {failures} that are meant to fail.")
    return {"claims": claims}


def _write(statement: str, values: list[Any]) -> int:
    """Run a statement, again and again while the database is away; return the number that it selects, or 0."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, connect_timeout=3) as connection:
                cursor = connection.execute(statement, values)
                row = cursor.fetchone() if cursor.description else None
                return int(row[0]) if row else 0
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
