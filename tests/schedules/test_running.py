"""Running now what stands behind a periodic task."""

from typing import Any

import pytest

from jobs.models import Job, Run
from jobs.schedules import operations
from jobs.schedules.operations import run_now
from opsconsole.audit import AuditLog
from opsconsole.errors import NotFound, OpsError, Refused
from tests.cast import OPERATOR, make_identity
from tests.schedules.cast import audited, make_schedule

pytestmark = pytest.mark.django_db


def the_job() -> Job:
    return Job.objects.get()


def test_an_entry_task_runs_its_operation_in_the_persons_name() -> None:
    alice = make_identity("Alice")
    task = make_schedule("opsconsole.backfill_conversations", {"identity_id": alice.pk}, name="Backfill Alice")

    submitted = run_now(task.pk, actor=OPERATOR, reason="To see.")

    assert submitted.job_ids == (the_job().pk,)
    assert (the_job().job_type, the_job().payload_json["identity_id"]) == ("ingest.backfill_conversations", alice.pk)
    run = Run.objects.get()
    assert (run.requested_by, run.via, run.operation) == ("olivia", "api", "backfill.trigger")
    (entry,) = audited("schedule.run")
    assert entry["request"]["schedule"] == "Backfill Alice"
    assert entry["request"]["reason"] == "To see."
    assert entry["response"] == {"run_id": str(run.pk), "jobs": [the_job().pk]}
    assert len(audited("backfill.trigger")) == 1


def test_positional_arguments_are_taken_by_the_entry_tasks_parameters() -> None:
    alice = make_identity("Alice")
    task = make_schedule("opsconsole.backfill_conversations", args=f"[{alice.pk}]")
    run_now(task.pk, actor=OPERATOR)
    assert the_job().payload_json["identity_id"] == alice.pk


def test_a_task_of_the_console_becomes_a_job_of_its_type() -> None:
    run_now(make_schedule("opsconsole.housekeeping").pk, actor=OPERATOR)
    assert the_job().job_type == "opsconsole.housekeeping"
    assert Run.objects.get().title == "Housekeeping"


def test_a_task_of_the_core_becomes_a_job_of_its_type_with_the_arguments_as_payload() -> None:
    alice = make_identity()
    task = make_schedule("ingest.sync_delta", {"identity_id": alice.pk}, args='["reddit"]')
    run_now(task.pk, actor=OPERATOR)
    assert (the_job().job_type, the_job().payload_json) == (
        "ingest.sync_delta",
        {"provider_id": "reddit", "identity_id": alice.pk},
    )


@pytest.mark.parametrize("submits", [True, False])
def test_a_job_is_made_of_no_identity_that_is_inactive_or_gone(submits: bool) -> None:
    carol = make_identity("Carol", is_active=False)
    for identity_id, sentence in ((carol.pk, "The identity Carol is inactive"), (999_999, "There is no identity")):
        payload = {"provider_id": "reddit", "identity_id": identity_id}
        name, arguments = "ingest.sync_delta", payload
        if submits:
            name, arguments = "opsconsole.submit_job", {"job_type": name, "payload": payload}
        with pytest.raises(NotFound, match=sentence):
            run_now(make_schedule(name, arguments).pk, actor=OPERATOR)
    assert not Job.objects.exists()
    assert len(audited("schedule.run", result="error")) == 2


def test_a_job_of_any_type_of_the_catalog_is_submitted() -> None:
    task = make_schedule("opsconsole.submit_job", {"job_type": "maintenance.restore_test_local", "payload": {}})
    run_now(task.pk, actor=OPERATOR)
    assert (the_job().job_type, the_job().queue_name) == ("maintenance.restore_test_local", "maintenance")


@pytest.mark.parametrize("state", ["off", "paused"])
def test_what_is_off_or_paused_runs_too_and_stays_so(state: str) -> None:
    task = make_schedule(enabled=state != "off")
    if state == "paused":
        operations.pause_all(actor=OPERATOR)
    run_now(task.pk, actor=OPERATOR)
    task.refresh_from_db()
    assert not task.enabled
    assert Job.objects.count() == 1


def test_what_is_active_already_is_joined() -> None:
    task = make_schedule()
    first = run_now(task.pk, actor=OPERATOR)
    second = run_now(task.pk, actor=OPERATOR)
    assert second.job_ids == second.already_active == first.job_ids


@pytest.mark.parametrize(
    ("task", "kwargs", "args", "says"),
    [
        ("celery.backend_cleanup", {}, "[]", "can't be started as a job"),
        ("nobody.knows", {}, "[]", "opsconsole.submit_job"),
        ("opsconsole.housekeeping", "{broken", "[]", "no valid JSON"),
        ("opsconsole.housekeeping", "[]", "[]", "no valid JSON"),
        ("opsconsole.housekeeping", {}, "{}", "no valid JSON"),
        ("opsconsole.housekeeping", {"days": 1}, "[]", "“days” is not an argument of it; it takes none"),
        ("opsconsole.housekeeping", {}, "[1]", "1 arguments by position"),
        ("opsconsole.backfill_conversations", {"identity": 1}, "[]", "it takes identity_id"),
        ("opsconsole.backfill_conversations", {"identity_id": 1}, "[1]", "given twice"),
        ("opsconsole.backfill_conversations", {"identity_id": "alice"}, "[]", "must be the id of an identity"),
        ("opsconsole.backfill_conversations", {"identity_id": [1]}, "[]", "must be the id of an identity"),
        ("ingest.sync_delta", '{"identity_id": NaN}', "[]", "can't be stored"),
        ("ingest.sync_delta", '{"provider_id": "a\\u0000"}', "[]", "NUL"),
        ("ingest.sync_delta", '{"provider_id": "\\ud800"}', "[]", "can't be stored"),
        ("message.send_manual", {"payload": {"message_id": 1}}, "[]", "at most once"),
        ("opsconsole.submit_job", {"job_type": "message.send_manual"}, "[]", "at most once"),
        ("opsconsole.submit_job", {"job_type": "nobody.knows"}, "[]", "not a job type of the catalog"),
        ("opsconsole.submit_job", {"job_type": ["x"]}, "[]", "not a job type of the catalog"),
        ("opsconsole.submit_job", {"job_type": "ingest.sync_delta", "payload": 5}, "[]", "must be a JSON object"),
    ],
)
def test_what_cannot_be_a_job_is_refused_and_the_refusal_is_written_down(
    task: str, kwargs: Any, args: str, says: str
) -> None:
    row = make_schedule(task, kwargs, args=args)
    with pytest.raises(Refused) as refused:
        run_now(row.pk, actor=OPERATOR)
    assert says in refused.value.message
    assert Job.objects.count() == 0
    (entry,) = audited("schedule.run", result="error")
    assert says in entry["error"]
    assert AuditLog.objects.get(result="error").entity_id == row.pk


def test_what_the_operation_behind_it_refuses_is_refused_and_written_down() -> None:
    task = make_schedule("opsconsole.backfill_conversations", {"identity_id": 12})
    with pytest.raises(NotFound, match="There is no identity 12"):
        run_now(task.pk, actor=OPERATOR)
    assert len(audited("schedule.run", result="error")) == 1
    assert Run.objects.count() == 0


@pytest.mark.parametrize("unknown", [0, 99_999_999, 2**40, 2**80])
def test_an_unknown_schedule_is_not_found(unknown: int) -> None:
    with pytest.raises(OpsError) as refused:
        run_now(unknown, actor=OPERATOR)
    assert refused.value.code == "schedule_not_found"
