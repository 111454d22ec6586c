"""What becomes of a message to an entry task that beat or somebody else has sent."""

import io
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.models import Job, Run
from jobs.schedules import entry_tasks
from opsconsole.audit import AuditLog
from tests.cast import make_identity
from tests.privacy.test_pages import logged
from tests.schedules.cast import audited

pytestmark = pytest.mark.django_db


def message(task: str, **headers: Any) -> Any:
    """What Celery tells a task of its message."""
    return SimpleNamespace(task=task, **headers)


def begin(task: str, *args: Any, schedule: str = "Nightly", **kwargs: Any) -> str:
    """Do what a message asks for, and return what is logged."""
    with logged() as written:
        entry_tasks.begin(message(task, periodic_task_name=schedule), args, kwargs)
    assert isinstance(written, io.StringIO)
    return written.getvalue()


def test_what_beat_starts_is_asked_for_by_beat() -> None:
    begin("opsconsole.submit_job", job_type="ingest.sync_inbox_fast")
    assert (Job.objects.get().job_type, Job.objects.get().payload_json) == ("ingest.sync_inbox_fast", {})
    assert Run.objects.get().via == "beat"


def test_what_somebody_sends_by_hand_is_asked_for_by_a_task() -> None:
    alice = make_identity("Alice")
    entry_tasks.begin(message("opsconsole.backfill_conversations"), [alice.pk], {})
    assert Run.objects.get().via == "task"


@pytest.mark.parametrize(
    ("task", "args", "kwargs", "code"),
    [
        ("opsconsole.submit_job", [], {"job": "x"}, "bad_arguments"),
        ("opsconsole.submit_job", [1, 2, 3], {}, "bad_arguments"),
        ("opsconsole.submit_job", [], {"job_type": "nobody.knows"}, "unknown_job_type"),
        ("opsconsole.submit_job", [], {"job_type": "send_manual"}, "at_most_once"),
        ("opsconsole.submit_job", ["ingest.sync_delta", []], {}, "bad_arguments"),
        ("opsconsole.backfill_conversations", [], {"identity": 1}, "bad_arguments"),
        ("opsconsole.backfill_conversations", [{}], {}, "bad_arguments"),
        ("opsconsole.backfill_conversations", [77], {}, "identity_not_found"),
        ("opsconsole.sync_identities", [], {"identity_id": float("inf")}, "bad_arguments"),
        ("opsconsole.sync_identities", ["\ud800"], {}, "bad_arguments"),
        ("opsconsole.sync_identities", [], {"\ud800": "\x00"}, "bad_arguments"),
        ("opsconsole.sync_identities", [], {"identity_id": 10**40}, "invalid_arguments"),
        ("opsconsole.submit_job", ["ingest.sync_delta", {"identity_id": 77}], {}, "identity_not_found"),
    ],
)
def test_a_refusal_is_logged_and_written_down_and_nothing_is_raised(
    task: str, args: list[Any], kwargs: Any, code: str
) -> None:
    log = begin(task, *args, **kwargs)
    assert "schedule.refused" in log
    assert code in log
    (entry,) = AuditLog.objects.filter(result="error")
    assert entry.response_json == {"code": code}
    assert (entry.actor, (entry.request_json or {})["via"]) == ("system", "beat")
    assert not Job.objects.exists()


def test_the_audit_log_names_the_schedule_whose_arguments_are_wrong() -> None:
    begin("opsconsole.submit_job", job="x", schedule="Every minute")
    (entry,) = audited("schedule.run", result="error")
    assert entry["request"]["schedule"] == "Every minute"
    assert entry["request"]["kwargs"] == {"job": "x"}
