"""Retrying all failed jobs that match a filter."""

from typing import Any

import pytest

from jobs.attempts import Claim
from jobs.filters import JobFilter
from jobs.ledger_task import Attempt
from jobs.matching import carrying_out
from jobs.matching.operations import retry_matching
from jobs.matching.preview import preview
from jobs.models import DONE, FAILED, QUEUED, Dispatch, Job
from opsconsole.audit import AuditLog
from tests.cast import OPERATOR, make_credential, make_identity, make_job

pytestmark = pytest.mark.django_db(transaction=True)


def connected(name: str = "") -> Any:
    identity = make_identity(name)
    make_credential(identity)
    return identity


def failed_jobs(number: int, identity: Any) -> list[int]:
    return [make_job(payload={"identity_id": identity.pk, "n": n}).pk for n in range(number)]


def retry(job_filter: JobFilter, *, canary: int = 0) -> dict[str, Any]:
    """Ask for it and have it done."""
    shown = preview("retry", job_filter)
    submitted = retry_matching(
        job_filter,
        up_to_id=shown.selection.up_to_id,
        expected=shown.matched,
        reason="the provider is back",
        actor=OPERATOR,
        canary=canary,
    )
    (job_id,) = submitted.job_ids
    return carry_out(job_id)


def carry_out(job_id: int) -> dict[str, Any]:
    dispatch = Dispatch.objects.filter(job_id=job_id).latest("pk")
    return carrying_out.carry_out(Attempt(Claim(job_id=job_id, dispatch_id=dispatch.pk)))


def test_all_failed_jobs_that_match_are_queued_again_each_audited() -> None:
    alice, bob = connected("Alice"), connected("Bob")
    alices, bobs = failed_jobs(5, alice), failed_jobs(2, bob)
    done = make_job(status=DONE, payload={"identity_id": alice.pk, "n": 99})

    result = retry(JobFilter(identity_id=alice.pk))

    assert result["retried"] == 5
    assert set(Job.objects.filter(pk__in=alices).values_list("status", "attempts", "last_error")) == {(QUEUED, 0, None)}
    assert set(Job.objects.filter(pk__in=bobs).values_list("status", flat=True)) == {FAILED}
    assert Job.objects.get(pk=done.pk).status == DONE
    entries = AuditLog.objects.filter(action_type="job.retry", result="ok")
    assert set(entries.values_list("entity_id", flat=True)) == set(alices)
    assert {entry.request_json["reason"] for entry in entries} == {"the provider is back"}
    assert Dispatch.objects.filter(job_id__in=alices, ended_at=None).count() == 5
