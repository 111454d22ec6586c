"""What `can` says of a failed job before anybody retries it."""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from identities.models import Identity, LastSync
from jobs.models import QUEUED, WorkerReport
from tests.api.cast import make_attempt
from tests.cast import NOW, make_credential, make_identity, make_job

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Identity:
    """An identity with a credential, and a worker for its jobs."""
    identity = make_identity("Alice")
    make_credential(identity)
    WorkerReport.objects.create(hostname="core@host", queues=["ingest"], seen_at=timezone.now())
    return identity


def can(api: APIClient, job_id: int) -> dict[str, Any]:
    """What a list and the job itself say, which is the same."""
    listed = {job["id"]: job["can"] for job in api.get("/ops/jobs").json()["jobs"]}[job_id]
    alone: dict[str, Any] = api.get(f"/ops/jobs/{job_id}").json()["can"]
    assert listed == alone
    return alone


def test_where_nothing_stands_in_the_way_nothing_is_said(api: APIClient, alice: Identity) -> None:
    job = make_job(payload={"identity_id": alice.pk})
    assert can(api, job.pk) == {"retry": True, "cancel": False, "terminate": False, "fail": False}


def test_an_identical_job_that_is_active_stands_in_the_way(api: APIClient, alice: Identity) -> None:
    active = make_job(status=QUEUED, payload={"identity_id": alice.pk})
    make_attempt(active.pk)
    job = make_job(payload={"identity_id": alice.pk})
    found = can(api, job.pk)
    assert (found["retry"], found["reason"]) == (False, f"An identical job is active already: job {active.pk}.")


def test_a_credential_that_was_refused_is_a_warning_until_it_is_renewed(api: APIClient, alice: Identity) -> None:
    job = make_job(payload={"identity_id": alice.pk})
    LastSync.objects.create(identity=alice, rejected_at=NOW, rejection="401")
    found = can(api, job.pk)
    assert found["retry"] is True
    assert found["warnings"] == [
        "The provider refuses the credential of Alice; connect the account again in the core first."
    ]
    LastSync.objects.update(rejected_at="2020-01-01T00:00:00Z")
    assert "warnings" not in can(api, job.pk)


def test_no_credential_is_a_warning_unless_it_has_synced_without_one(api: APIClient, alice: Identity) -> None:
    bob = make_identity("Bob")
    job = make_job(payload={"identity_id": bob.pk})
    assert can(api, job.pk)["warnings"][0].startswith("Bob has no credential, so its provider lets nothing in")
    LastSync.objects.create(identity=bob, success_at=NOW)
    assert "warnings" not in can(api, job.pk)


@pytest.mark.parametrize("seen_at", [None, NOW])
def test_a_queue_on_which_no_worker_listens_is_a_warning(api: APIClient, alice: Identity, seen_at: Any) -> None:
    if seen_at is None:
        WorkerReport.objects.all().delete()
    else:
        WorkerReport.objects.update(seen_at=seen_at)
    job = make_job(payload={"identity_id": alice.pk})
    (warning,) = can(api, job.pk)["warnings"]
    assert warning.startswith("No worker is known to listen on the queue ingest")


def test_a_job_of_nobody_warns_of_no_credential(api: APIClient, alice: Identity) -> None:
    job = make_job("opsconsole.housekeeping", queue_name="opsconsole", payload={})
    WorkerReport.objects.update(queues=["ingest", "opsconsole"])
    assert "warnings" not in can(api, job.pk)
