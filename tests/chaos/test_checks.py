"""The checks at the end of a run notice what was lost and what was doubled, on rows planted for them."""

import time
from typing import Any

import pytest

from chaos import report
from chaos.checks.facts import Finding, Kind
from chaos.witness import Ran
from identities.models import Identity
from jobs import operations
from jobs.models import Dispatch, Job
from opsconsole.audit import Entity, record
from tests.cast import make_identity
from tests.chaos.conftest import CALLER, PlantedRun

pytestmark = pytest.mark.django_db(transaction=True)


def end_all(run: PlantedRun) -> None:
    """Cancel what is still active, as an operator would."""
    for job in Job.objects.filter(status__in=("queued", "running", "retrying")):
        operations.cancel_job(job.pk, actor=CALLER)


def only(run: PlantedRun) -> Finding:
    (finding,) = run.findings().values()
    return finding


def test_a_run_in_which_all_went_well_breaks_nothing(planted: PlantedRun, identity: Identity) -> None:
    planted.backfill(identity)
    planted.work()
    end_all(planted)
    assert planted.findings() == {}


def test_a_job_that_has_not_ended_is_lost(planted: PlantedRun, identity: Identity) -> None:
    (job_id,) = planted.backfill(identity).answer["jobs"]
    finding = only(planted)
    assert (finding.kind, finding.broken) == (Kind.LOST, [f"job {job_id} (ingest.backfill_conversations) is queued"])


def test_a_job_that_an_operator_sees_as_stuck_is_not_lost(planted: PlantedRun, identity: Identity) -> None:
    planted.facts["stuck"] = frozenset(planted.backfill(identity).answer["jobs"])
    assert planted.findings() == {}


def test_a_promised_job_that_does_not_exist_is_lost(planted: PlantedRun, identity: Identity) -> None:
    planted.backfill(identity, jobs=[999_999])
    end_all(planted)
    finding = only(planted)
    assert finding.kind == Kind.LOST
    assert "jobs [999999]" in finding.broken[0]


def test_an_accepted_change_that_was_not_made_is_lost(planted: PlantedRun) -> None:
    planted.add(operation="job.retry", name="request 1", target="5", status=200)
    finding = only(planted)
    assert finding.broken == ["request 1 (job.retry of 5) was accepted and is not in the audit log"]
    assert finding.kind == Kind.LOST


def test_a_request_that_was_done_twice_is_doubled(planted: PlantedRun, identity: Identity) -> None:
    name = planted.backfill(identity).name
    record(actor=CALLER, action="backfill.trigger", entity=Entity(type="identity"), reason=name)
    end_all(planted)
    finding = only(planted)
    assert finding.broken == ["request 1 (backfill.trigger) was done 2 times"]
    assert finding.kind == Kind.DOUBLED


def test_two_answers_to_one_key_are_doubled(planted: PlantedRun, identity: Identity) -> None:
    first = planted.backfill(identity)
    other = planted.backfill(make_identity("Bob"))
    planted.add(request=1, operation="backfill.trigger", name=first.name, status=202, answer=other.answer)
    end_all(planted)
    assert only(planted).invariant == "the same key got the same answer"


def test_what_was_refused_must_not_have_been_done(planted: PlantedRun, identity: Identity) -> None:
    record(actor=CALLER, action="backfill.trigger", entity=Entity(type="identity"), reason="request 1")
    planted.add(operation="backfill.trigger", name="request 1", status=409, answer={"code": "conflict"})
    assert only(planted).invariant == "no refused request was done"


def test_a_request_in_doubt_may_have_been_done_once_or_not_at_all(planted: PlantedRun, identity: Identity) -> None:
    record(actor=CALLER, action="job.retry", entity=Entity(type="identity"), reason="request 1")
    for name in ("request 1", "request 2"):
        planted.add(operation="job.retry", name=name, status=503)
    assert planted.findings() == {}


def test_a_claim_that_took_effect_twice_is_doubled(planted: PlantedRun) -> None:
    dispatch = planted.work(times=2)
    found = planted.findings()
    finding = found.pop("each claim took effect once at the most")
    assert finding.broken == [f"attempt {dispatch.pk} of job {dispatch.job_id} took effect 2 times"]
    assert finding.kind == Kind.DOUBLED


def test_a_message_that_became_two_jobs_is_doubled(planted: PlantedRun) -> None:
    for name in ("step 1", "step 2", "step 2"):
        planted.work(name)
    finding = only(planted)
    assert (finding.checked, finding.broken, finding.kind) == (2, ["step 2 became 2 jobs"], Kind.DOUBLED)


def test_a_job_that_is_done_without_its_effect_is_lost(planted: PlantedRun) -> None:
    dispatch = planted.work(times=0)
    finding = only(planted)
    assert finding.broken == [f"job {dispatch.job_id} is done, and its attempt {dispatch.pk} finished 0 times"]
    assert finding.kind == Kind.LOST


def test_an_effect_without_a_claim_is_doubled(planted: PlantedRun, identity: Identity) -> None:
    planted.backfill(identity)
    end_all(planted)
    planted.leave_effect(Dispatch.objects.get())
    assert only(planted).invariant == "nothing took effect without a claim"


@pytest.mark.parametrize(
    ("change", "invariant"),
    [
        ({"status": "running"}, "each job has ended, or is shown as stuck (0)"),
        ({"status": "queued"}, "each job has ended, or is shown as stuck (0)"),
        ({"dedupe_key": "kept"}, "no ended job holds its dedupe key"),
        ({"attempts": 9}, "no job was tried more often than allowed"),
    ],
)
def test_a_row_that_is_not_as_it_must_be_is_noticed(
    planted: PlantedRun, identity: Identity, change: dict[str, Any], invariant: str
) -> None:
    planted.backfill(identity)
    end_all(planted)
    Job.objects.update(**change)
    assert invariant in planted.findings()


def test_a_status_that_comes_back_from_its_end_is_noticed(planted: PlantedRun) -> None:
    dispatch = planted.work()
    for status in ("running", "done"):
        Job.objects.filter(pk=dispatch.job_id).update(status=status)
    finding = only(planted)
    assert finding.broken == [f"job {dispatch.job_id} went from 'done' to 'running'"]


def test_a_retry_that_nobody_asked_for_is_doubled(planted: PlantedRun) -> None:
    dispatch = planted.work()
    for status in ("failed", "queued", "failed"):
        Job.objects.filter(pk=dispatch.job_id).update(status=status)
    assert "each retry queued its job once, and nothing else did" in planted.findings()


def test_an_attempt_that_nobody_asked_for_is_doubled(planted: PlantedRun) -> None:
    dispatch = planted.work()
    Dispatch.objects.filter(pk=dispatch.pk).update(via="api")
    dispatch.pk, dispatch.task_id = None, "00000000-0000-4000-8000-000000000001"
    dispatch.ended_at = dispatch.requested_at
    dispatch.save(force_insert=True)
    assert only(planted).invariant == "each attempt was asked for once"


def test_two_core_tasks_of_one_identity_at_a_time_are_doubled(planted: PlantedRun, identity: Identity) -> None:
    for _ in range(2):
        planted.backfill(identity)
        end_all(planted)
    first, second = Dispatch.objects.order_by("pk")
    now = time.time()
    planted.facts["ran"] = [
        Ran(str(first.task_id), first.task, 1, now, now + 2),
        Ran(str(second.task_id), second.task, 2, now + 1, now + 3),
    ]
    finding = only(planted)
    assert finding.broken == [f"ingest:{identity.pk}: jobs {first.job_id} and {second.job_id} for 1.00 s"]
    planted.facts["ran"][1] = Ran(str(second.task_id), second.task, 2, now + 2, now + 3)
    assert planted.findings() == {}


def test_a_core_job_that_is_done_and_never_ran_is_lost(planted: PlantedRun, identity: Identity) -> None:
    planted.backfill(identity)
    end_all(planted)
    Dispatch.objects.update(outcome="done")
    assert only(planted).kind == Kind.LOST


def test_the_last_line_has_the_numbers(planted: PlantedRun, identity: Identity) -> None:
    planted.backfill(identity)
    planted.add(operation="backfill.trigger", name="request 2", status=409, answer={"code": "conflict"})
    findings = [
        Finding("a", 5, ["x", "y"], Kind.LOST),
        Finding("b", 5, ["z"], Kind.DOUBLED),
        Finding("c", 5),
    ]
    from chaos.journal import collect

    verdict = report.verdict(collect(planted.tries), 3, findings)
    assert str(verdict) == "accepted 4, 2 lost, 1 doubled"
    assert not verdict.good
    assert report.verdict([], 0, findings[2:]).good
    assert not report.verdict([], 0, [Finding("d", 1, ["w"])]).good
