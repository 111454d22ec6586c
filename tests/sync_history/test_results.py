"""Syncs from Celery results in the console's database that carry name and arguments."""

import json
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_results.backends import DatabaseBackend
from django_celery_results.models import TaskResult

from identities import sync_history
from identities.models import LastSync, SyncAttempt
from identities.operations import sync_identities
from identities.sync_results import SyncResults, Unreadable, arguments_of, payload_of
from jobs import catalog
from jobs.models import Dispatch
from tests.cast import OPERATOR, make_conversation, make_identity
from tests.sync_history.rows import history, last, minutes, task_result
from tests.worker.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)

SYNC = catalog.find(catalog.SYNC)
assert SYNC is not None


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        (None, None),
        ("", None),
        ("null", None),
        ("None", None),
        ("()", ()),
        ('"()"', ()),
        ("[]", []),
        ("{}", {}),
        ('{"identity_id": 4}', {"identity_id": 4}),
        ("{'identity_id': 4}", {"identity_id": 4}),
        ("\"{'identity_id': 4}\"", {"identity_id": 4}),
        ('"{\\"identity_id\\": 4}"', {"identity_id": 4}),
        ("\"('reddit', 4)\"", ("reddit", 4)),
        ('["reddit", 4]', ["reddit", 4]),
        ("{'since': None, 'identity_id': 4}", {"since": None, "identity_id": 4}),
    ],
)
def test_arguments_are_read_as_the_back_end_writes_them(text: str | None, meaning: Any) -> None:
    assert arguments_of(text) == meaning


@pytest.mark.parametrize(
    "text",
    [
        "{'identity_id': 4, 'since': datetime.datetime(2026, 1, 1)}",
        "{'identity_id': ...",
        "__import__('os').system('true')",
        "[x for x in (1, 2)]",
        "{**{}}",
        "(" * 1_500,
        "[" * 1_500,
        "-" * 1_500 + "1",
        "1+" * 900 + "1",
        "{" * 1_500,
        "9" * 1_999 + "j(",
        "'" + "x" * 3_000 + "'",
        "'a text'",
        json.dumps(json.dumps(json.dumps(json.dumps({"identity_id": 4})))),
        "\\x00",
        "\ud800",
        "{[]: 4}",
        "1 is 1",
        "'\\d' 4",
    ],
)
def test_hostile_arguments_are_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        arguments_of(text)


@pytest.mark.parametrize(
    ("args", "kwargs", "payload"),
    [
        ("('reddit', 4)", "{}", {"provider_id": "reddit", "identity_id": 4}),
        (None, "{'provider_id': 'reddit', 'identity_id': 4}", {"provider_id": "reddit", "identity_id": 4}),
        ("('reddit',)", "{'identity_id': 4}", {"provider_id": "reddit", "identity_id": 4}),
        ("('reddit', 4, 5, 6)", None, {"provider_id": "reddit", "identity_id": 4}),
        (None, None, {}),
    ],
)
def test_positional_arguments_get_their_names(args: str | None, kwargs: str | None, payload: Any) -> None:
    assert SYNC is not None
    assert payload_of(args, kwargs, SYNC) == payload


@pytest.mark.parametrize(("args", "kwargs"), [("{'a': 1}", None), (None, "[1]"), ("7", None), (None, "7")])
def test_arguments_of_another_kind_are_refused(args: str | None, kwargs: str | None) -> None:
    assert SYNC is not None
    with pytest.raises(Unreadable):
        payload_of(args, kwargs, SYNC)


def test_a_result_as_the_back_end_writes_it_is_a_sync() -> None:
    alice = make_identity("Alice")
    app = Celery("tests", set_as_current=False)
    app.conf.result_extended = True
    request = type(
        "Request",
        (),
        {
            "task": "ingest.sync_delta",
            "argsrepr": f"('reddit', {alice.pk})",
            "kwargsrepr": "{}",
            "hostname": "core@host",
            "periodic_task_name": "Sync Alice",
            "children": [],
        },
    )()
    good = {"status": "success", "messages_synced": 3, "new_messages": 2, "errors": ["image 5 could not be had"]}
    DatabaseBackend(app=app).store_result("result-1", good, "SUCCESS", request=request)

    assert SyncResults().look() == 1
    (kept,) = sync_history.attempts_of(alice.pk)
    assert (kept.source, kept.outcome, kept.error) == ("result:result-1", "partial", "image 5 could not be had")
    assert (kept.messages_synced, kept.new_messages, kept.new_conversations) == (3, 2, None)
    assert (kept.requested_by, kept.via) == ("Sync Alice", "beat")
    assert last(alice).success_source == "result"


@pytest.mark.parametrize(
    ("status", "result", "outcome"),
    [
        ("SUCCESS", '{"status": "success", "messages_synced": 0, "errors": []}', "done"),
        ("SUCCESS", '{"status": "success", "messages_synced": 0, "errors": ["Failed to fetch: 401"]}', "failed"),
        ("SUCCESS", '{"status": "error", "error": "down"}', "failed"),
        ("SUCCESS", '{"status": "skipped", "reason": "busy"}', "skipped"),
        ("FAILURE", '{"exc_type": "KeyError", "exc_message": ["author"], "exc_module": "builtins"}', "failed"),
        ("REVOKED", "null", "failed"),
    ],
)
def test_a_result_is_judged_by_what_it_says(status: str, result: str, outcome: str) -> None:
    alice = make_identity("Alice")
    task_result("one", task_kwargs=f"{{'identity_id': {alice.pk}}}", status=status, result=result)
    SyncResults().look()
    assert history(alice) == [("result:one", outcome)]


@pytest.mark.parametrize("status", ["PENDING", "STARTED", "RETRY", "PROGRESS"])
def test_a_result_that_ends_later_is_seen_then(status: str) -> None:
    alice = make_identity("Alice")
    results = SyncResults()
    row = task_result("one", task_kwargs=f"{{'identity_id': {alice.pk}}}", status=status, at=timezone.now())
    assert [results.look(), results.look()] == [0, 0]

    row.status = "SUCCESS"
    row.save()
    assert [results.look(), results.look()] == [1, 0]
    assert [outcome for _, outcome in history(alice)] == ["done"]


def test_a_result_that_is_saved_again_counts_as_it_is_now() -> None:
    alice = make_identity("Alice")
    results = SyncResults()
    row = task_result("one", task_kwargs=f"{{'identity_id': {alice.pk}}}", at=timezone.now())
    results.look()
    row.status, row.result = "FAILURE", '{"exc_type": "KeyError", "exc_message": ["author"]}'
    row.save()
    results.look()
    assert history(alice) == [("result:one", "failed")]
    assert (last(alice).success_at, last(alice).failures) == (None, 1)


def test_a_result_of_an_attempt_of_ours_is_not_kept_twice() -> None:
    alice = make_identity("Alice")
    sync_identities(identity_ids=[alice.pk], actor=OPERATOR)
    task_result(str(Dispatch.objects.get().task_id), task_kwargs=f"{{'identity_id': {alice.pk}}}")
    assert SyncResults().look() == 0
    assert history(alice) == []


def test_bad_results_do_not_hold_up_the_others() -> None:
    alice = make_identity("Alice")
    named = f"{{'identity_id': {alice.pk}}}"
    task_result("bad-arguments", task_kwargs="{'identity_id': object()}")
    task_result("bad-kind", task_kwargs=named, content_type="application/x-python-serialize", result="gASVAAAA")
    task_result("gone", task_kwargs="{'identity_id': 404}")
    task_result("huge", task_kwargs=f"{{'identity_id': {2**70}}}")
    task_result("negative", task_kwargs="{'identity_id': -1}")
    task_result("real", task_kwargs=f"{{'identity_id': {alice.pk}.0}}")
    task_result("nobody", task_kwargs="{}")
    task_result("other", task_name="message.send_manual", task_kwargs=named)
    task_result("nameless", task_name=None, task_kwargs=named)
    task_result("x" * 255, task_kwargs=named)
    results = SyncResults()
    assert [results.look(), results.look()] == [1, 0]
    assert history(alice) == [("result:" + "x" * 255, "done")]


def test_a_conversation_in_a_result_stands_for_its_identity() -> None:
    alice = make_identity("Alice")
    conversation = make_conversation(alice)
    task_result("one", task_name="ingest.backfill_messages", task_args=f"\"('reddit', {conversation.pk})\"")
    assert SyncResults().look() == 1
    assert last(alice).success_job_type == "ingest.backfill_messages"


def test_what_a_worker_with_a_fast_clock_saves_has_not_ended_in_the_future() -> None:
    alice = make_identity("Alice")
    task_result("one", task_kwargs=f"{{'identity_id': {alice.pk}}}", at=timezone.now() + timedelta(hours=1))
    SyncResults().look()
    success_at = last(alice).success_at
    assert success_at is not None
    assert success_at <= timezone.now()


def test_what_is_private_in_a_result_is_not_kept() -> None:
    alice = make_identity("Alice")
    error = json.dumps({"status": "error", "error": "access_token=abcDEF123secret"})
    task_result("one", task_kwargs=f"{{'identity_id': {alice.pk}}}", result=error)
    SyncResults().look()
    assert sync_history.attempts_of(alice.pk)[0].error == "access_token=[redacted]"


def test_two_sweepers_that_look_at_once_keep_each_result_once() -> None:
    alice = make_identity("Alice")
    for n in range(30):
        task_result(f"{n}", task_kwargs=f"{{'identity_id': {alice.pk}}}", at=minutes(n))
    processes = [SyncResults() for _ in range(3)]
    kept = at_once([one.look for one in processes])
    assert not [one for one in kept if isinstance(one, Exception)], kept
    assert max(kept) == 30
    assert SyncAttempt.objects.count() == 30
    assert last(alice).success_at == minutes(29)


def test_while_no_result_is_new_one_query_is_made_over_an_index() -> None:
    alice = make_identity("Alice")
    task_result("one", task_kwargs=f"{{'identity_id': {alice.pk}}}", at=timezone.now())
    rows = [
        TaskResult(task_id=f"t{n}", task_name="ingest.sync_delta", task_kwargs="{}", status="SUCCESS")
        for n in range(3_000)
    ]
    TaskResult.objects.bulk_create(rows)
    TaskResult.objects.filter(task_id__startswith="t").update(date_done=minutes(0))
    results = SyncResults()
    results.look()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE django_celery_results_taskresult")
    with CaptureQueriesContext(connection) as queries:
        assert results.look() == 0
    (query,) = queries.captured_queries
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {query['sql'].replace('%', '%%')}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan" not in plan, plan
    assert not LastSync.objects.exclude(identity_id=alice.pk).exists()
