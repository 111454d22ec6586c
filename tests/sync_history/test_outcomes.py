"""What the ends of attempts make of an identity's history and of its last sync."""

from itertools import permutations
from typing import Any

import pytest

from identities import sync_history
from identities.models import LastSync, SyncAttempt
from jobs import ended
from jobs.models import Dispatch
from opsconsole.formatting import first_line
from tests.cast import make_conversation, make_identity
from tests.sync_history.rows import attempt, facts, history, last, minutes

pytestmark = pytest.mark.django_db

RESULT = {"status": "success", "messages_synced": 7, "new_messages": 3, "new_conversations": 1, "errors": []}


@pytest.mark.parametrize("outcome", ["done", "partial"])
def test_a_success_is_the_last_sync(outcome: str) -> None:
    alice = make_identity("Alice")
    one = attempt(alice, outcome, result=RESULT, error="image 5 could not be had" if outcome == "partial" else None)
    assert ended.tell() == 1

    (kept,) = sync_history.attempts_of(alice.pk)
    assert (kept.source, kept.outcome, kept.job_type, kept.job_id) == (
        f"dispatch:{one.pk}",
        outcome,
        "ingest.sync_delta",
        one.job_id,
    )
    assert (kept.started_at, kept.ended_at, kept.requested_by, kept.via) == (
        one.started_at,
        one.ended_at,
        "olivia",
        "api",
    )
    assert (kept.messages_synced, kept.new_messages, kept.new_conversations) == (7, 3, 1)
    known = last(alice)
    assert (known.success_at, known.success_source, known.success_job_id) == (one.ended_at, "dispatch", one.job_id)
    assert (known.success_job_type, known.success_messages, known.success_error) == (
        "ingest.sync_delta",
        7,
        one.error,
    )
    assert (known.attempt_at, known.attempt_outcome, known.attempt_error) == (one.ended_at, outcome, one.error)
    assert (known.failures, known.failing_since, known.rejection) == (0, None, None)


@pytest.mark.parametrize("outcome", ["failed", "retrying", "unknown"])
def test_a_failure_counts_since_the_last_success(outcome: str) -> None:
    alice = make_identity("Alice")
    attempt(alice, "failed", at=minutes(0))
    attempt(alice, "done", at=minutes(1))
    attempt(alice, "failed", at=minutes(2), error="down")
    attempt(alice, outcome, at=minutes(3), error="still down")
    ended.tell()

    known = last(alice)
    assert (known.success_at, known.attempt_at, known.attempt_outcome) == (minutes(1), minutes(3), outcome)
    assert (known.failures, known.failing_since, known.attempt_error) == (2, minutes(2), "still down")


@pytest.mark.parametrize("outcome", ["skipped", "cancelled", "superseded"])
def test_what_did_not_try_is_neither_a_sync_nor_a_failure(outcome: str) -> None:
    alice = make_identity("Alice")
    attempt(alice, outcome, error="nothing to do")
    ended.tell()

    known = last(alice)
    assert (known.success_at, known.failures, known.failing_since) == (None, 0, None)
    assert (known.attempt_at, known.attempt_outcome) == (minutes(0), outcome)


@pytest.mark.parametrize("outcome", ["skipped", "cancelled", "superseded"])
@pytest.mark.parametrize("error", [None, "Somebody was tired of waiting."])
def test_what_failed_is_still_known_when_the_next_one_did_not_even_try(outcome: str, error: str | None) -> None:
    alice = make_identity("Alice")
    attempt(alice, "failed", at=minutes(1), error="429 Too Many Requests")
    attempt(alice, outcome, at=minutes(2), error=error)
    ended.tell()

    known = last(alice)
    assert (known.failures, known.attempt_outcome) == (1, outcome)
    assert known.attempt_error == "429 Too Many Requests"


def test_a_success_clears_failures_and_the_refusal() -> None:
    alice = make_identity("Alice")
    attempt(alice, "failed", at=minutes(0), error="401 Unauthorized")
    ended.tell()
    assert last(alice).rejection == "401 Unauthorized"

    attempt(alice, "done", at=minutes(1))
    ended.tell()
    known = last(alice)
    assert (known.failures, known.failing_since, known.rejection, known.rejected_at) == (0, None, None, None)


def test_the_newest_refusal_since_the_last_success_is_kept_beside_later_failures() -> None:
    alice = make_identity("Alice")
    attempt(alice, "done", at=minutes(0))
    attempt(alice, "failed", at=minutes(1), error="token was revoked")
    attempt(alice, "failed", at=minutes(2), error="invalid_grant")
    attempt(alice, "failed", at=minutes(3), error="ReadTimeout")
    ended.tell()
    assert (last(alice).rejection, last(alice).rejected_at) == ("invalid_grant", minutes(2))


@pytest.mark.parametrize(
    ("outcome", "result", "error", "expected"),
    [
        ("cancelled", RESULT, None, "done"),
        ("failed", RESULT, "Set failed by olivia: stuck", "done"),
        ("unknown", {**RESULT, "errors": ["image 5 could not be had"]}, None, "partial"),
        ("superseded", RESULT, None, "done"),
        ("cancelled", {"status": "error", "error": "down"}, None, "failed"),
        ("cancelled", {"status": "skipped", "reason": "nothing to do"}, None, "skipped"),
        ("cancelled", None, "KeyError: author", "failed"),
        # Nothing but that it was revoked is known of it.
        ("cancelled", None, None, "cancelled"),
        ("failed", {"note": "The result is larger than 65,536 bytes and was not kept."}, None, "failed"),
    ],
)
def test_a_late_result_says_what_the_attempt_truly_was(
    outcome: str, result: Any, error: str | None, expected: str
) -> None:
    alice = make_identity("Alice")
    one = attempt(alice, outcome, at=minutes(0))
    ended.tell()
    assert [kept for _, kept in history(alice)] == [outcome]

    Dispatch.objects.filter(pk=one.pk).update(returned_at=minutes(2), result=result, error=error, told=False)
    ended.tell()
    assert history(alice) == [(f"dispatch:{one.pk}", expected)]
    assert (last(alice).success_at == minutes(2)) == (expected in {"done", "partial"})


def test_a_late_result_of_an_older_attempt_leaves_newer_facts_alone() -> None:
    alice = make_identity("Alice")
    older = attempt(alice, "cancelled", at=minutes(0))
    attempt(alice, "done", at=minutes(5))
    attempt(alice, "failed", at=minutes(6), error="down")
    ended.tell()
    before = facts(alice)

    Dispatch.objects.filter(pk=older.pk).update(returned_at=minutes(2), result=RESULT, told=False)
    ended.tell()
    assert facts(alice) == before


def test_in_which_order_attempts_are_told_makes_no_difference() -> None:
    alice = make_identity("Alice")
    attempts = [
        attempt(alice, "failed", at=minutes(0), error="403 Forbidden"),
        attempt(alice, "partial", at=minutes(1), error="image 5 could not be had", result=RESULT),
        attempt(alice, "retrying", at=minutes(2), error="invalid_grant"),
        attempt(alice, "cancelled", at=minutes(3)),
    ]
    seen = []
    for order in permutations(attempts):
        SyncAttempt.objects.all().delete()
        LastSync.objects.all().delete()
        Dispatch.objects.update(told=True)
        for one in order:
            Dispatch.objects.filter(pk=one.pk).update(told=False)
            assert ended.tell() == 1
        seen.append(facts(alice))
    assert all(known == seen[0] for known in seen)
    assert (seen[0]["failures"], seen[0]["rejection"], seen[0]["attempt_outcome"]) == (1, "invalid_grant", "cancelled")


@pytest.mark.parametrize("number", [-1, 2**63, 1.5, 7.0, "7", True, None, [7], {}])
def test_what_is_no_number_of_rows_is_left_out(number: Any) -> None:
    alice = make_identity("Alice")
    attempt(alice, result={**RESULT, "messages_synced": number, "new_messages": 2**63 - 1, "new_conversations": 0})
    ended.tell()
    (kept,) = sync_history.attempts_of(alice.pk)
    assert (kept.messages_synced, kept.new_messages, kept.new_conversations) == (None, 2**63 - 1, 0)


@pytest.mark.parametrize("result", [None, [], "done", 7, {"status": "success"}])
def test_a_result_that_is_no_object_has_no_numbers(result: Any) -> None:
    alice = make_identity("Alice")
    attempt(alice, result=result)
    ended.tell()
    assert sync_history.attempts_of(alice.pk)[0].messages_synced is None


@pytest.mark.parametrize("identity_id", [-1, 0, 2**63, 2**70, 1.0, 1.5, "1.0", "-1", "9" * 40, True, None, [], {}])
def test_a_payload_that_names_no_row_is_nobodys_sync(identity_id: Any) -> None:
    make_identity("Alice", id=1)
    one = attempt({"provider_id": "reddit", "identity_id": identity_id})
    assert ended.tell() == 1
    assert not SyncAttempt.objects.exists()
    one.refresh_from_db()
    assert one.told


@pytest.mark.parametrize("payload", [None, [], "identity_id", 7, {}, {"identity_id": 404}])
def test_a_sync_of_nobody_who_exists_is_not_kept(payload: Any) -> None:
    make_identity("Alice")
    attempt(payload)
    assert ended.tell() == 1
    assert not SyncAttempt.objects.exists()


def test_an_id_that_is_a_text_names_the_identity() -> None:
    alice = make_identity("Alice")
    attempt({"identity_id": str(alice.pk)})
    ended.tell()
    assert len(history(alice)) == 1


def test_a_backfill_that_names_a_conversation_is_its_identitys() -> None:
    alice = make_identity("Alice")
    attempt({"conversation_id": make_conversation(alice).pk}, job_type="ingest.backfill_messages")
    ended.tell()
    assert last(alice).success_job_type == "ingest.backfill_messages"


@pytest.mark.parametrize("job_type", ["ingest.redownload_attachments", "message.send_manual", "core.unheard_of"])
def test_other_work_for_an_identity_is_no_sync(job_type: str) -> None:
    alice = make_identity("Alice")
    attempt(alice, job_type=job_type)
    assert ended.tell() == 1
    assert not LastSync.objects.exists()


def test_a_type_that_an_installation_adds_can_be_a_sync(settings: Any) -> None:
    settings.JOB_TYPES = {"feed.poll": {"task": "feed.poll", "queue": "feed", "syncs_identity": True}}
    alice = make_identity("Alice")
    attempt(alice, job_type="feed.poll")
    ended.tell()
    assert last(alice).success_job_type == "feed.poll"


def test_an_attempt_whose_job_is_gone_is_still_kept() -> None:
    alice = make_identity("Alice")
    one = attempt(alice, kwargs_json=f'{{"provider_id": "reddit", "identity_id": {alice.pk}}}')
    one.job.delete()
    assert ended.tell() == 1
    assert (last(alice).success_job_type, last(alice).success_job_id) == ("ingest.sync_delta", one.job_id)


def test_of_a_long_traceback_the_exception_is_kept() -> None:
    alice = make_identity()
    frames = '  File "/srv/core/ingest.py", line 7, in fetch\n    return page\n' * 40
    attempt(alice, "failed", error=f"Traceback (most recent call last):\n{frames}TimeoutError: the provider is away")
    ended.tell()
    kept = SyncAttempt.objects.get()
    assert kept.error is not None
    assert len(kept.error) <= 1_000
    assert first_line(kept.error) == "TimeoutError: the provider is away"


def test_an_error_is_redacted_and_cut() -> None:
    alice = make_identity("Alice")
    attempt(alice, "failed", error="access_token=abcDEF123secret " + "x y " * 1_000)
    ended.tell()
    (kept,) = sync_history.attempts_of(alice.pk)
    assert kept.error is not None
    assert 900 < len(kept.error) <= 1_000
    assert "abcDEF123secret" not in kept.error


def test_each_identity_has_its_own_history_newest_first() -> None:
    alice, bob = make_identity("Alice"), make_identity("Bob")
    for minute in range(5):
        attempt(alice if minute % 2 else bob, at=minutes(minute))
    ended.tell()
    assert [one.ended_at for one in sync_history.attempts_of(bob.pk, limit=2)] == [minutes(4), minutes(2)]
    assert [one.ended_at for one in sync_history.attempts_of(alice.pk)] == [minutes(3), minutes(1)]


@pytest.mark.parametrize("identity_id", [0, -1, 2**63, 404])
def test_who_does_not_exist_has_no_history(identity_id: int) -> None:
    assert sync_history.attempts_of(identity_id) == []
