"""What holds whatever is done: no row of the core's changes that nobody named, and what has ended stays."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection

from identities.operations import backfill_conversations, backfill_messages, redownload_attachments
from jobs import losses, operations, sweeper
from jobs.models import ACTIVE_STATUSES, CANCELLED, DONE, FAILED, QUEUED, RETRYING, RUNNING, STATUSES, Dispatch, Job
from opsconsole.errors import OpsError
from opsconsole.schema.ddl import TABLES
from tests.cast import OPERATOR, make_conversation, make_credential, make_identity, make_job, make_message
from tests.worker.conftest import Leave
from tests.worker.faults import let_run_out, messages

pytestmark = pytest.mark.django_db(transaction=True)

Rows = dict[str, dict[str, str]]
SWEEPS: tuple[Callable[[], Any], ...] = (
    sweeper.expire_leases,
    sweeper.redispatch_due,
    sweeper.publish_due,
    losses.republish_unclaimed,
    sweeper.settle_ended,
    sweeper.keep_late_results,
    losses.let_go_of_ended,
    losses.free_places,
)


def sweep() -> None:
    let_run_out("lease_until", "next_attempt_at", "publication_lease_until", "check_at", "late_check_at")
    for step in SWEEPS:
        step()


def rows_of_the_core() -> Rows:
    """Return every row of the core's tables as text, by table and primary key."""
    found: Rows = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT t::text FROM public.{table} t")
            rows = [text for (text,) in cursor.fetchall()]
            found[table] = {row.split(",")[0]: row for row in rows}
    return found


def changed(before: Rows, after: Rows) -> set[str]:
    """Return which rows that were there are gone or altered, as `table(key`."""
    return {
        f"{table}{key}" for table, rows in before.items() for key, row in rows.items() if after[table].get(key) != row
    }


def test_no_operation_deletes_a_row_of_the_cores_or_alters_one_that_it_does_not_name(leave_result: Leave) -> None:
    alice = make_identity("Alice")
    make_credential(alice)
    conversation = make_conversation(alice)
    make_message(conversation, remote_visibility="send_failed")
    bystanders = [make_job(status=status) for status in STATUSES]
    failed, waiting = make_job(payload={"provider_id": "reddit"}), make_job(status=QUEUED)
    stuck = make_job(status=RUNNING)
    before = rows_of_the_core()

    backfill_conversations(actor=OPERATOR)
    backfill_messages(conversation_ids=[conversation.pk], actor=OPERATOR)
    redownload_attachments(actor=OPERATOR)
    operations.retry_job(failed.pk, actor=OPERATOR)
    operations.cancel_job(waiting.pk, actor=OPERATOR)
    operations.fail_job(stuck.pk, actor=OPERATOR, reason="nobody works on it")
    for refused in (operations.retry_job, operations.cancel_job):
        with pytest.raises(OpsError):
            refused(bystanders[STATUSES.index(DONE)].pk, actor=OPERATOR)
    for dispatch in Dispatch.objects.all():
        leave_result(dispatch, {"status": "error", "error": "down"})
    for _ in range(3):
        sweep()

    named = {f"jobs({job.pk}" for job in (failed, waiting, stuck)}
    assert changed(before, rows_of_the_core()) == named


@pytest.mark.parametrize("status", STATUSES)
def test_nothing_ends_otherwise_than_its_status_allows_and_only_what_failed_is_brought_back(status: str) -> None:
    job = make_job(status=status, updated_at=datetime.now(UTC))
    calls: dict[str, Callable[[], Any]] = {
        QUEUED: partial(operations.retry_job, job.pk, actor=OPERATOR),
        CANCELLED: partial(operations.cancel_job, job.pk, actor=OPERATOR),
        FAILED: partial(operations.fail_job, job.pk, actor=OPERATOR, reason="by hand"),
    }
    allowed = {QUEUED} if status == FAILED else {CANCELLED} if status in ACTIVE_STATUSES else set()
    for target, call in calls.items():
        if target in allowed:
            continue
        with pytest.raises(OpsError):
            call()
        job.refresh_from_db()
        assert job.status == status, target
    for target in allowed:
        calls[target]()
        job.refresh_from_db()
        assert job.status == target


@pytest.mark.parametrize("status", [QUEUED, RETRYING, RUNNING, FAILED])
def test_what_the_console_did_not_create_is_never_handed_over_by_a_sweeper(status: str) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=1)
    make_job(status=status, next_run_at=long_ago, updated_at=long_ago)
    before = rows_of_the_core()
    for _ in range(3):
        sweep()

    assert not Dispatch.objects.exists()
    assert messages("ingest") == []
    assert changed(before, rows_of_the_core()) == set()


def test_a_foreign_job_is_no_longer_the_consoles_once_it_has_ended(leave_result: Leave) -> None:
    job = make_job(payload={"provider_id": "reddit"})
    operations.retry_job(job.pk, actor=OPERATOR)
    leave_result(Dispatch.objects.get(), {"status": "success", "messages_synced": 1})
    sweep()
    assert Job.objects.get().status == DONE
    # The core queues it again, by itself.
    Job.objects.update(status=QUEUED)
    for _ in range(3):
        sweep()

    assert Dispatch.objects.count() == len(messages("ingest")) == 1
