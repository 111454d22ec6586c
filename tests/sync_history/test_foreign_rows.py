"""Syncs from rows of the ledger that the console never dispatched, and what is kept of a long history."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from identities import sync_history, sync_ledger
from identities.models import LastSync, SyncAttempt
from identities.operations import sync_identities
from identities.sync_ledger import SyncsOfOthers
from jobs import counts, ended, recent
from jobs.models import CANCELLED, DONE, FAILED, QUEUED, RETRYING, RUNNING, Dispatch, Job
from tests.cast import OPERATOR, make_conversation, make_identity
from tests.sync_history.rows import attempt, ended_job, facts, history, last, minutes
from tests.worker.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_others_have_done_and_failed_is_history() -> None:
    alice = make_identity("Alice")
    good = ended_job({"identity_id": alice.pk}, at=minutes(0))
    error = "401 Unauthorized, access_token=abcDEF123secret"
    bad = ended_job({"identity_id": alice.pk}, FAILED, at=minutes(1), last_error=error)
    backfill = {"conversation_id": make_conversation(alice).pk}
    older = ended_job(backfill, job_type="ingest.backfill_messages", at=minutes(-1), last_error="stale")

    assert SyncsOfOthers().look() == 3
    assert history(alice) == [(f"job:{bad.pk}", "failed"), (f"job:{good.pk}", "done"), (f"job:{older.pk}", "done")]
    known = last(alice)
    assert (known.success_at, known.success_source, known.success_job_id) == (minutes(0), "job", good.pk)
    assert (known.failures, known.rejected_at) == (1, minutes(1))
    assert known.rejection == "401 Unauthorized, access_token=[redacted]"
    assert [one.error for one in sync_history.attempts_of(alice.pk)][1:] == [None, None]


@pytest.mark.parametrize("status", [QUEUED, RUNNING, RETRYING, CANCELLED])
def test_a_row_that_has_not_been_tried_to_its_end_is_none(status: str) -> None:
    ended_job({"identity_id": make_identity("Alice").pk}, status)
    assert SyncsOfOthers().look() == 0


def test_a_row_that_ends_later_is_seen_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "tally", iter(range(1, 9)).__next__)
    alice = make_identity("Alice")
    job = ended_job({"identity_id": alice.pk}, RUNNING)
    others = SyncsOfOthers()
    assert others.look() == 0
    Job.objects.filter(pk=job.pk).update(status=FAILED, updated_at=timezone.now())
    assert [others.look(), others.look()] == [1, 0]
    Job.objects.filter(pk=job.pk).update(status=DONE, updated_at=timezone.now())
    assert [others.look(), others.look()] == [1, 0]
    assert history(alice) == [(f"job:{job.pk}", "done")]


def test_a_row_with_an_attempt_of_ours_is_told_by_that() -> None:
    alice = make_identity("Alice")
    one = attempt(alice, "done")
    sync_identities(identity_ids=[alice.pk], actor=OPERATOR)
    Job.objects.update(status=DONE)
    assert SyncsOfOthers().look() == 0
    ended.tell()
    assert history(alice) == [(f"dispatch:{one.pk}", "done")]


def test_a_failure_of_others_that_an_operator_retries_stays_history() -> None:
    alice = make_identity("Alice")
    first = ended_job({"identity_id": alice.pk}, FAILED, at=minutes(0))
    SyncsOfOthers().look()
    again = attempt(alice, "done", at=minutes(2))
    Dispatch.objects.update(job_id=first.pk)
    again.job.delete()
    ended.tell()
    SyncsOfOthers().look()
    assert history(alice) == [(f"dispatch:{again.pk}", "done"), (f"job:{first.pk}", "failed")]
    assert last(alice).failures == 0


def test_rows_of_nobody_who_exists_or_of_other_types_are_none() -> None:
    alice = make_identity("Alice")
    payloads: list[Any] = [{"identity_id": found} for found in (404, float(alice.pk), 2**70, -1)]
    for payload in (*payloads, [], "x", {}):
        ended_job(payload)
    ended_job({"identity_id": alice.pk}, job_type="message.send_manual")
    assert SyncsOfOthers().look() == 0
    assert not LastSync.objects.exists()


def test_of_a_long_ledger_the_newest_of_each_identity_are_kept_and_its_last_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sync_ledger, "KEPT_PER_IDENTITY", 3)
    alice, bob = make_identity("Alice"), make_identity("Bob")
    for n in range(6):
        ended_job({"identity_id": bob.pk}, DONE, at=minutes(n))
    success = ended_job({"identity_id": alice.pk}, DONE, at=minutes(0))
    failed = [ended_job({"identity_id": alice.pk}, FAILED, at=minutes(n)).pk for n in range(1, 6)]
    SyncsOfOthers().look()
    assert [source for source, _ in history(alice)] == [*(f"job:{pk}" for pk in failed[:1:-1]), f"job:{success.pk}"]
    assert len(history(bob)) == 3
    assert last(alice).success_at == minutes(0)


def test_only_the_newest_ids_are_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "LOOKED_THROUGH", 2)
    alice = make_identity("Alice")
    for n in range(4):
        ended_job({"identity_id": alice.pk}, at=minutes(n))
    assert SyncsOfOthers().look() == 2


def test_a_row_whose_writers_clock_is_ahead_has_not_ended_in_the_future() -> None:
    alice = make_identity("Alice")
    ended_job({"identity_id": alice.pk}, at=timezone.now() + timedelta(hours=3))
    SyncsOfOthers().look()
    before = facts(alice)
    assert before["success_at"] <= timezone.now()
    assert SyncsOfOthers().look() == 0
    assert facts(alice) == before


def test_two_sweepers_that_look_at_once_keep_each_row_once() -> None:
    alice = make_identity("Alice")
    for n in range(20):
        ended_job({"identity_id": alice.pk}, at=minutes(n))
    kept = at_once([SyncsOfOthers().look for _ in range(3)])
    assert not [one for one in kept if isinstance(one, Exception)], kept
    assert SyncAttempt.objects.count() == 20


def test_while_nobody_writes_to_the_ledger_one_query_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    ended_job({"identity_id": make_identity("Alice").pk})
    others = SyncsOfOthers()
    with connection.cursor() as cursor:
        # Or the tally would move on by itself when this session is idle.
        cursor.execute("SELECT pg_stat_force_next_flush()")
    others.look()
    with CaptureQueriesContext(connection) as queries:
        assert others.look() == 0
    assert len(queries) == 1


# --- keeping it small ---------------------------------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_history, "KEPT_PER_IDENTITY", 3)


def test_the_newest_attempts_of_each_identity_are_kept(few: None) -> None:
    alice, bob = make_identity("Alice"), make_identity("Bob")
    ids = [attempt(alice, at=minutes(n)).pk for n in range(5)]
    attempt(bob)
    ended.tell()
    before = facts(alice)
    assert [sync_history.prune(), sync_history.prune()] == [2, 0]
    assert [source for source, _ in history(alice)] == [f"dispatch:{pk}" for pk in ids[:1:-1]]
    assert len(history(bob)) == 1
    sync_history.fold([alice.pk])
    assert facts(alice) == before


def test_what_the_last_sync_rests_on_outlives_its_time(few: None) -> None:
    alice = make_identity("Alice")
    attempt(alice, "done", at=minutes(0))
    attempt(alice, "failed", at=minutes(1), error="ReadTimeout")
    attempt(alice, "failed", at=minutes(2), error="ReadTimeout")
    attempt(alice, "failed", at=minutes(3), error="invalid_grant")
    for n in range(4, 9):
        attempt(alice, "failed", at=minutes(n), error="ReadTimeout")
    ended.tell()
    assert sync_history.prune() == 3
    sync_history.fold([alice.pk])
    known = last(alice)
    assert (known.success_at, known.failing_since, known.rejected_at) == (minutes(0), minutes(1), minutes(3))
    assert known.rejection == "invalid_grant"


def test_the_history_of_an_identity_that_is_gone_goes_too(few: None) -> None:
    alice = make_identity("Alice")
    attempt(alice)
    ended.tell()
    alice.delete()
    assert sync_history.prune() == 1
    assert not LastSync.objects.exists()
    assert not SyncAttempt.objects.exists()
