"""An identity's history as it comes about: the core's worker works, the sweeper settles and tells."""

from collections.abc import Callable
from typing import Any

import pytest

from identities import sync_history
from identities.models import Identity
from identities.operations import backfill_conversations, sync_identities
from jobs import operations
from jobs.models import CANCELLED, Dispatch, Job
from tests.cast import OPERATOR, make_credential, make_identity
from tests.sync_history.rows import last
from tests.worker.faults import core_held_up, let_run_out, put_off

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

Start = Callable[..., Any]
Wait = Callable[..., Any]


def make_connected(name: str, username: str) -> Identity:
    """An identity of the demo's cast, with a credential."""
    identity = make_identity(name, external_username=username)
    make_credential(identity)
    return identity


def outcomes(identity: Identity) -> list[str]:
    return [one.outcome for one in sync_history.attempts_of(identity.pk)]


def test_what_becomes_of_syncs_is_each_identitys_history(core_worker: Start, sweeper: Start, wait_until: Wait) -> None:
    healthy = make_connected("Quiet Harbor", "quietharbor_")
    expired = make_connected("Old Town Ledger", "oldtownledger")
    stale = make_connected("Kestrel over Fen", "kestrel_over_fen")
    broken = make_connected("Third Shelf Books", "thirdshelfbooks")
    images = make_connected("Moss & Timber", "mossandtimber")
    stranger = make_identity("Stranger")
    make_credential(stranger)
    core_worker()
    sweeper("--tick", "0.1")

    sync_identities(identity_ids=[one.pk for one in (healthy, expired, stale, broken)], actor=OPERATOR)
    backfill_conversations(identity_ids=[images.pk], actor=OPERATOR)
    # Not before this test says so, however long the others take.
    wait_until(lambda: outcomes(broken) == ["retrying"])
    put_off("next_attempt_at")
    wait_until(lambda: outcomes(healthy) == ["done"])
    wait_until(lambda: outcomes(images) == ["partial"])
    # The fetch failed, and Celery calls it a success.
    wait_until(lambda: outcomes(expired) == ["failed"])
    wait_until(lambda: outcomes(stale) == ["failed"])

    (kept,) = sync_history.attempts_of(healthy.pk)
    assert kept.messages_synced == kept.new_messages
    assert kept.new_messages
    assert (kept.requested_by, kept.via) == (OPERATOR.name, OPERATOR.via)
    assert last(healthy).success_at == kept.ended_at
    assert last(healthy).failures == 0

    known = last(images)
    assert known.success_at is not None
    assert "mage" in (known.success_error or "")
    assert (known.failures, known.rejection) == (0, None)

    for one in (expired, stale):
        known = last(one)
        assert (known.success_at, known.failures, known.attempt_outcome) == (None, 1, "failed")
        assert known.rejected_at == known.failing_since == known.attempt_at
        assert "401" in (known.rejection or "")

    known = last(broken)
    assert (known.failures, known.rejection) == (1, None)
    assert "502" in (known.attempt_error or "")
    assert outcomes(stranger) == []

    # Somebody retries what failed, and the next attempt's time has come.
    operations.retry_job(Job.objects.get(dispatches__serial_key=f"ingest:{stale.pk}").pk, actor=OPERATOR)
    let_run_out("next_attempt_at")
    wait_until(lambda: outcomes(stale) == ["done", "failed"])
    known = last(stale)
    assert (known.failures, known.failing_since, known.rejection) == (0, None, None)
    wait_until(lambda: outcomes(broken) == ["done", "retrying"])
    assert (last(broken).failures, last(broken).attempt_outcome) == (0, "done")


def test_a_sync_that_was_cancelled_and_succeeded_all_the_same_is_one(
    core_worker: Start, sweeper: Start, wait_until: Wait
) -> None:
    healthy = make_connected("Quiet Harbor", "quietharbor_")
    core_worker()
    sweeper("--tick", "0.1")
    with core_held_up():
        backfill_conversations(identity_ids=[healthy.pk], actor=OPERATOR)
        wait_until(lambda: Dispatch.objects.get().started_at)

        operations.cancel_job(Job.objects.get().pk, actor=OPERATOR)
        wait_until(lambda: outcomes(healthy) == ["cancelled"])
        known = last(healthy)
        assert (known.success_at, known.failures, known.attempt_outcome) == (None, 0, "cancelled")

    wait_until(lambda: outcomes(healthy) == ["done"])
    known = last(healthy)
    assert known.success_at == Dispatch.objects.get().returned_at
    assert (known.success_messages, known.attempt_outcome) == (1600, "done")
    assert Job.objects.get().status == CANCELLED
