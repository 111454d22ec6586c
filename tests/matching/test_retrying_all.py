"""Retrying all failed jobs that match a filter: which are retried, which not and why, and none of them twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from devserver.redis import Redis
from jobs import counts, handover, ledger, operations
from jobs.filters import JobFilter
from jobs.matching import batches, carrying_out
from jobs.models import CANCELLED, DONE, FAILED, QUEUED, BulkChange, Dispatch, Job
from opsconsole.audit import AuditLog
from opsconsole.errors import OpsError
from tests.api.cast import insert_job, make_attempt
from tests.cast import OPERATOR, make_identity, make_job
from tests.matching.doing import ask_to_retry, attempt_at, carry_out, connected, failed_jobs
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def statuses(job_ids: list[int]) -> list[str]:
    return list(Job.objects.filter(pk__in=job_ids).order_by("pk").values_list("status", flat=True))


def test_all_that_match_are_queued_again_from_the_start_and_handed_over() -> None:
    alice, bob = connected("Alice"), connected("Bob")
    alices, bobs = failed_jobs(5, alice), failed_jobs(2, bob)
    done = make_job(status=DONE, payload={"identity_id": alice.pk, "n": 99}).pk

    result = carry_out(ask_to_retry(JobFilter(identity_id=alice.pk)))

    assert (result["retried"], result["refused"], result["changed_meanwhile"]) == (5, 0, 0)
    assert set(Job.objects.filter(pk__in=alices).values_list("status", "attempts", "last_error")) == {(QUEUED, 0, None)}
    assert statuses([*bobs, done]) == [FAILED, FAILED, DONE]
    keys = {job.pk: ledger.dedupe_key(job.queue_name, job.job_type, job.payload_json) for job in Job.objects.all()}
    assert all(job.dedupe_key == keys[job.pk] for job in Job.objects.filter(pk__in=alices))
    dispatches = Dispatch.objects.filter(job_id__in=alices)
    assert {(one.task, one.queue, one.requested_by) for one in dispatches} == {
        ("ingest.sync_delta", "ingest", "olivia")
    }
    # One at a time for an identity; the others wait for it.
    assert dispatches.exclude(published_at=None).count() == 1


def test_each_of_them_is_in_the_audit_log_with_who_and_why() -> None:
    alices = failed_jobs(3)
    gone = make_job(payload={"identity_id": make_identity(is_active=False).pk}).pk
    job_id = ask_to_retry()
    carry_out(job_id)
    entries = {entry.entity_id: entry for entry in AuditLog.objects.filter(action_type="job.retry")}
    assert {pk: entry.result for pk, entry in entries.items()} == {**dict.fromkeys(alices, "ok"), gone: "error"}
    asked = entries[alices[0]].request_json
    assert (asked["by"], asked["via"], asked["reason"], asked["by_job"]) == (
        "olivia",
        "api",
        "the provider is back",
        job_id,
    )


def test_what_failed_after_the_look_is_not_swept_in() -> None:
    alice = connected()
    failed_jobs(10, alice)
    job_id = ask_to_retry()
    late = make_job(payload={"identity_id": alice.pk, "n": "late"}).pk
    assert carry_out(job_id)["retried"] == 10
    assert statuses([late]) == [FAILED]


def test_what_must_not_run_again_is_left_as_it_was_with_the_reason() -> None:
    alice, cut_off = connected("Alice"), make_identity("Cut Off")
    (good,) = failed_jobs(1, alice)
    twin = make_job(payload={"identity_id": alice.pk, "n": 0}).pk
    active = make_job(status=QUEUED, payload={"identity_id": alice.pk, "same": 1})
    make_attempt(active.pk)
    same = make_job(payload={"identity_id": alice.pk, "same": 1}).pk
    disconnected = make_job(payload={"identity_id": cut_off.pk}).pk
    unknown = make_job("custom.thing").pk
    once = make_job("message.send_manual", queue_name="messages", payload={"message_id": 10**9}).pk

    result = carry_out(ask_to_retry())

    left_out = {tuple(group["examples"]): group for group in result["left_out"]}
    assert (result["retried"], result["refused"]) == (1, 5)
    assert {examples[0]: group["code"] for examples, group in left_out.items()} == {
        twin: "identical_among_them",
        same: "identical_job_active",
        disconnected: "identity_disconnected",
        unknown: "unknown_job_type",
        once: "message_gone",
    }
    assert str(active.pk) in left_out[(same,)]["reason"]
    assert statuses([good]) == [QUEUED]
    assert set(statuses([twin, same, disconnected, unknown, once])) == {FAILED}


def test_a_job_that_acts_on_many_itself_is_not_started_again_among_them() -> None:
    failed_jobs(1)
    other = ask_to_retry()
    Job.objects.filter(pk=other).update(status=FAILED, dedupe_key=None)
    result = carry_out(ask_to_retry())
    assert [group["code"] for group in result["left_out"]] == ["acts_on_many"]
    assert statuses([other]) == [FAILED]


def test_what_somebody_changed_meanwhile_is_left_alone_and_counted_as_that() -> None:
    first, second, third = failed_jobs(3)
    job_id = ask_to_retry()
    attempt = attempt_at(job_id)
    before = attempt.progress

    def change_meanwhile(*args: Any) -> None:
        # After the ids were read, and before they are changed.
        Job.objects.filter(pk=first).update(status=CANCELLED)
        before(*args)

    attempt.progress = change_meanwhile  # type: ignore[method-assign,assignment]
    result = carrying_out.carry_out(attempt)
    assert (result["retried"], result["changed_meanwhile"], result["refused"]) == (2, 1, 0)
    assert statuses([first, second, third]) == [CANCELLED, QUEUED, QUEUED]


def test_a_row_that_somebody_holds_keeps_nobody_waiting() -> None:
    held, free = failed_jobs(2)
    job_id = ask_to_retry()
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        Job.objects.select_for_update().get(pk=held)
        result = pool.submit(_in_a_thread, lambda: carry_out(job_id)).result(timeout=PATIENCE)
    assert (result["retried"], result["changed_meanwhile"]) == (1, 1)
    assert statuses([held, free]) == [FAILED, QUEUED]


def _in_a_thread(work: Callable[[], Any]) -> Any:
    try:
        return work()
    finally:
        connection.close()


def test_an_attempt_that_goes_on_does_not_retry_what_has_failed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying_out, "BATCH_SIZE", 2)
    job_ids = failed_jobs(6)
    job_id = ask_to_retry()
    attempt = attempt_at(job_id)
    calls = iter(range(3))

    def die_at_the_third_batch(*args: Any) -> None:
        if next(calls) == 2:
            raise KeyboardInterrupt

    attempt.progress = die_at_the_third_batch  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        carrying_out.carry_out(attempt)
    retried = [pk for pk, status in zip(job_ids, statuses(job_ids), strict=True) if status == QUEUED]
    assert retried == job_ids[:2]
    Job.objects.filter(pk__in=retried).update(status=FAILED, dedupe_key=None)

    result = carry_out(job_id)

    assert result["retried"] == 6
    assert statuses(job_ids) == [FAILED, FAILED, *[QUEUED] * 4]
    assert all(Dispatch.objects.filter(job_id=pk).count() == 1 for pk in job_ids)


def test_two_that_do_the_same_at_once_retry_each_job_once(no_deadlock: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying_out, "BATCH_SIZE", 5)
    job_ids = failed_jobs(40)
    first = ask_to_retry()
    second = ask_to_retry(JobFilter(job_type="ingest.sync_delta"))
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda pk: _in_a_thread(lambda: carry_out(pk)), [first, second])
    assert one["retried"] + other["retried"] == 40
    assert set(statuses(job_ids)) == {QUEUED}
    assert Dispatch.objects.filter(job_id__in=job_ids).count() == 40


def test_single_retries_meanwhile_win_or_lose_but_never_double(
    no_deadlock: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrying_out, "BATCH_SIZE", 5)
    job_ids = failed_jobs(30)
    job_id = ask_to_retry()

    def retry_singly() -> int:
        won = 0
        for pk in reversed(job_ids):
            try:
                operations.retry_job(pk, actor=OPERATOR)
                won += 1
            except OpsError:
                continue
        return won

    with ThreadPoolExecutor(2) as pool:
        many = pool.submit(_in_a_thread, lambda: carry_out(job_id))
        singly = pool.submit(_in_a_thread, retry_singly)
        assert many.result(timeout=PATIENCE)["retried"] + singly.result(timeout=PATIENCE) == 30
    assert Dispatch.objects.filter(job_id__in=job_ids).count() == 30


def test_where_a_whole_batch_is_in_somebodys_way_they_are_retried_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    job_ids = failed_jobs(3)
    job_id = ask_to_retry()

    def collide(*args: Any) -> Any:
        raise IntegrityError("duplicate key")

    monkeypatch.setattr(batches, "_retry", collide)
    result = carry_out(job_id)
    assert result["retried"] == 3
    assert set(statuses(job_ids)) == {QUEUED}
    assert BulkChange.objects.get().position == job_ids[-1]


def test_the_counts_are_right_at_once() -> None:
    failed_jobs(7)
    counts.refresh(max_age_seconds=0)
    job_id = ask_to_retry()
    carry_out(job_id)
    known = counts.current()
    assert (known.of((FAILED,)), known.of((QUEUED,))) == (0, 8)


@pytest.mark.slow
def test_while_the_broker_is_down_they_are_queued_and_handed_over_later(redis_server: Redis) -> None:
    job_ids = [make_job("ingest.redownload_attachments", payload={"conversation_id": n}).pk for n in range(4)]
    job_id = ask_to_retry()
    redis_server.stop()
    try:
        assert carry_out(job_id)["retried"] == 4
    finally:
        redis_server.start()
    waiting = Dispatch.objects.filter(job_id__in=job_ids, published_at=None)
    assert waiting.count() == 4

    # When their leases have run out, as the sweeper finds them.
    def all_handed_over() -> bool:
        handover.hand_over(handover.lease_due())
        return not waiting.exists()

    wait_until(all_handed_over)


@pytest.mark.parametrize(
    "payload", ["null", "[1, 2]", '"text"', "{}", '{"n": 1e400}', '{"n": 12345678901234567890123}']
)
def test_odd_payloads_are_retried_or_refused_as_a_single_one_is(payload: str) -> None:
    single, many = insert_job(payload), insert_job(payload)
    try:
        operations.retry_job(single, actor=OPERATOR)
    except OpsError:
        alone = FAILED
    else:
        alone = QUEUED
        key = Job.objects.get(pk=single).dedupe_key
        Job.objects.filter(pk=single).update(status=DONE, dedupe_key=None)
    carry_out(ask_to_retry())
    assert statuses([many]) == [alone]
    if alone == QUEUED:
        assert Job.objects.get(pk=many).dedupe_key == key
