"""What tests of the checks need: a run's own tables in the test database, and a run to plant rows into."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from django.db import connection

from chaos import instruments
from chaos.checks import check_all
from chaos.checks.facts import Facts, Finding
from chaos.instruments import Connection, Since
from chaos.journal import Try, collect
from devserver.postgres import Postgres
from identities.models import Identity
from identities.operations import backfill_conversations
from jobs import attempts
from jobs.models import Dispatch
from jobs.operations import JobRequest, submit_run
from opsconsole.audit import Actor, Entity
from tests.cast import make_credential, make_identity

CALLER = Actor(name="chaos", via="api")


class PlantedRun:
    """A small run: what was asked and answered, and rows as the console leaves them."""

    def __init__(self, chaos: Connection, since: Since) -> None:
        self.chaos = chaos
        self.since = since
        self.tries: list[Try] = []
        self.facts: dict[str, Any] = {}

    def backfill(self, identity: Identity, **answer: Any) -> Try:
        """Ask for a backfill, which the console does; returns what was answered."""
        name = f"request {len(self.tries) + 1}"
        submitted = backfill_conversations(identity_ids=[identity.pk], actor=CALLER, reason=name)
        answered = {"job_id": str(submitted.run_id), "jobs": list(submitted.job_ids), **answer}
        return self.add(operation="backfill.trigger", name=name, status=202, answer=answered)

    def add(self, **values: Any) -> Try:
        one = Try(**{"request": len(self.tries) + 1, **values})
        self.tries.append(one)
        return one

    def work(self, name: str = "step", *, times: int = 1) -> Dispatch:
        """Submit an own job, claim it, leave its effect, and be done with it."""
        submitted = submit_run(
            operation="step.trigger",
            title="A step",
            requests=[JobRequest(job_type="chaos.step", payload={"name": name})],
            actor=Actor.system("task"),
            entity=Entity(type="job"),
        )
        dispatch = Dispatch.objects.get(job_id=submitted.job_ids[0])
        held = attempts.claim(
            job_id=dispatch.job_id,
            dispatch_id=dispatch.pk,
            task_id=str(dispatch.task_id),
            task=dispatch.task,
            worker="w",
        )
        assert held is not None
        for _ in range(times):
            self.leave_effect(dispatch)
        assert attempts.complete(held, {})
        return dispatch

    def leave_effect(self, dispatch: Dispatch) -> None:
        self.chaos.execute(
            "INSERT INTO chaos.effect (token, job_id, dispatch_id, name, finished_at)"
            " VALUES (gen_random_uuid(), %s, %s, 'step', now())",
            [dispatch.job_id, dispatch.pk],
        )

    def findings(self) -> dict[str, Finding]:
        """Return what is broken, by the first words of the invariant."""
        facts = Facts(self.chaos, self.since, collect(self.tries), **self.facts)
        return {finding.invariant: finding for finding in check_all(facts) if finding.broken}


@pytest.fixture
def planted(transactional_db: None, postgres: Postgres, settings: Any) -> Iterator[PlantedRun]:
    from chaos import own_types

    settings.JOB_TYPES = own_types.TYPES
    url = postgres.url(connection.settings_dict["NAME"])
    with closing(instruments.connect(url)) as chaos:
        yield PlantedRun(chaos, instruments.install(chaos))
        instruments.remove(chaos)


@pytest.fixture
def identity(transactional_db: None) -> Identity:
    identity = make_identity("Alice")
    make_credential(identity)
    return identity
