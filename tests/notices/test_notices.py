"""Others are told when the verdict changes: once, signed, and in the end whatever happens meanwhile."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from standardwebhooks import Webhook

from jobs import catalog, counts
from jobs.models import Job, WorkerReport
from notices import noticing, sending
from notices.models import Notice, Seen
from notices.sending import NoticeNotTaken
from opsconsole.verdict.facts import Reason, Verdict
from tests.notices.receiver import Receiver, receiver
from tests.waiting import PATIENCE
from tests.worker.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = f"whsec_{base64.b64encode(b'0123456789abcdef0123456789abcdef').decode()}"


@pytest.fixture
def told(settings: Any) -> Iterator[Receiver]:
    """Somebody is to be told, and takes whatever comes."""
    with receiver() as listening:
        settings.WEBHOOK_URL, settings.WEBHOOK_SECRET = listening.url, SECRET
        yield listening


def verdict(*critical: str, warnings: int = 0) -> Verdict:
    reasons = [Reason(code=code, part="queue", what=f"{code}.", severity="critical") for code in critical]
    reasons += [Reason(code="w", part="queue", what="W.", severity="warning") for _ in range(warnings)]
    status: Any = "critical" if critical else "warning" if warnings else "ok"
    return Verdict(status=status, reasons=tuple(reasons), parts={"queue": status}, as_of=timezone.now())


def seen_twice(what: Verdict) -> Any:
    """Have two looks see the same; returns the notice that came of it."""
    found = [noticing.note(what), noticing.note(what)]
    return next((notice_id for notice_id in found if notice_id), None)


def test_a_change_is_told_once_and_says_what_it_was_and_is(told: Receiver) -> None:
    assert seen_twice(verdict()) is None
    notice_id = seen_twice(verdict("broker_unreachable", warnings=1))
    assert seen_twice(verdict("broker_unreachable")) is None
    assert sending.send(notice_id) == 200
    assert sending.send(notice_id) == 0
    ((headers, body),) = told.got
    assert headers["content-type"] == "application/json"
    data = json.loads(body)
    assert data["type"] == "verdict.changed"
    assert data["timestamp"].endswith("Z")
    assert (data["data"]["previous_status"], data["data"]["status"]) == ("ok", "critical")
    assert [reason["code"] for reason in data["data"]["reasons"]] == ["broker_unreachable", "w"]


def test_the_receiver_knows_by_the_signature_who_has_sent_it(told: Receiver) -> None:
    sending.send(seen_twice(verdict("x")))
    ((headers, body),) = told.got
    assert Webhook(SECRET).verify(body, headers)["type"] == "verdict.changed"
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(SECRET).verify(body.replace(b"critical", b"all well"), headers)


def test_any_other_secret_is_taken_as_it_is(told: Receiver, settings: Any) -> None:
    settings.WEBHOOK_SECRET = "correct horse"
    sending.send(seen_twice(verdict("x")))
    ((headers, body),) = told.got
    assert Webhook(base64.b64encode(b"correct horse").decode()).verify(body, headers)


def test_what_flickers_is_not_told(told: Receiver) -> None:
    seen_twice(verdict())
    for _ in range(3):
        assert noticing.note(verdict("broker_unreachable")) is None
        assert noticing.note(verdict()) is None


def test_another_thing_that_turns_red_is_told_and_so_is_that_all_is_well_again(told: Receiver) -> None:
    seen_twice(verdict("a"))
    assert seen_twice(verdict("a", "b"))
    assert seen_twice(verdict())
    assert seen_twice(verdict(warnings=2))


def test_the_first_verdict_of_all_is_told_where_it_is_red(told: Receiver) -> None:
    assert seen_twice(verdict("a"))
    Seen.objects.all().delete()
    assert seen_twice(verdict(warnings=1)) is None


def test_without_a_webhook_nothing_is_looked_at(settings: Any, django_assert_num_queries: Any) -> None:
    settings.WEBHOOK_URL = ""
    with django_assert_num_queries(0):
        noticing.look()


def test_of_several_sweepers_one_looks_at_a_time(told: Receiver) -> None:
    assert sorted(at_once([noticing._may_look for _ in range(6)])) == [False] * 5 + [True]


def test_several_that_see_the_same_change_tell_it_once(told: Receiver) -> None:
    seen_twice(verdict())
    noticing.note(verdict("a"))
    found = at_once([lambda: noticing.note(verdict("a")) for _ in range(6)])
    assert len([notice_id for notice_id in found if notice_id]) == 1
    assert Notice.objects.count() == 1


@pytest.mark.parametrize("status", [302, 404, 500])
def test_one_that_is_not_taken_says_so_without_naming_the_address(told: Receiver, status: int) -> None:
    told.answers[:] = [status]
    notice_id = seen_twice(verdict("a"))
    with pytest.raises(NoticeNotTaken, match=str(status)) as refused:
        sending.send(notice_id)
    assert "t0ken" not in str(refused.value)
    assert len(told.got) == 1, "a redirect was followed"
    assert Notice.objects.get().sent_at is None


def test_one_that_cannot_be_reached_says_so_without_naming_the_address(settings: Any) -> None:
    settings.WEBHOOK_URL, settings.WEBHOOK_SECRET = "http://127.0.0.1:1/hooks/t0ken", "s"
    with pytest.raises(NoticeNotTaken) as refused:
        sending.send(seen_twice(verdict("a")))
    assert "t0ken" not in str(refused.value)
    assert "127.0.0.1" not in str(refused.value)


def test_what_was_not_sent_becomes_a_job_and_only_one(told: Receiver) -> None:
    notice_id = seen_twice(verdict("a"))
    Notice.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    for _ in range(3):
        noticing.look()
    (job,) = Job.objects.filter(job_type=catalog.TELL_VERDICT)
    assert job.payload_json == {"notice_id": str(notice_id)}
    assert Notice.objects.get(pk=notice_id).job_id == job.pk


def test_a_notice_that_is_gone_fails_its_job_with_a_sentence() -> None:
    with pytest.raises(Exception, match="no such notice"):
        sending.send(uuid4())


def test_what_was_told_long_ago_is_forgotten(told: Receiver) -> None:
    seen_twice(verdict("a"))
    Notice.objects.update(created_at=timezone.now() - timedelta(days=31))
    assert noticing.prune() == 1


@pytest.mark.processes
def test_a_sweeper_tells_of_a_real_change_and_a_worker_goes_on_where_that_failed(
    told: Receiver,
    settings: Any,
    sweeper: Callable[..., Any],
    console_worker: Callable[..., Any],
    wait_until: Callable[..., Any],
) -> None:
    told.answers[:] = [503, 200]
    counts.refresh(max_age_seconds=0)
    WorkerReport.objects.create(
        hostname="core@a", queues=["ingest"], tasks=["x"], seen_at=timezone.now() + timedelta(hours=1)
    )
    environment = {"OPS_WEBHOOK_URL": told.url, "OPS_WEBHOOK_SECRET": SECRET}
    Seen.objects.create(pk=1, told={"status": "ok", "critical": []}, seen={"status": "unknown", "critical": []})
    console_worker(**environment)
    running = sweeper("--tick", "0.2", **environment)
    wait_until(lambda: len(told.got) == 2, timeout=5 * PATIENCE)
    wait_until(lambda: Notice.objects.get().sent_at is not None)
    first, second = told.got
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert first[1] == second[1]
    wait_until(lambda: Job.objects.get(job_type=catalog.TELL_VERDICT).status == "done")
    assert "t0ken" not in running.output


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"OPS_WEBHOOK_URL": "ftp://example.org", "OPS_WEBHOOK_SECRET": "s"}, "must begin with https"),
        ({"OPS_WEBHOOK_URL": "https://example.org"}, "OPS_WEBHOOK_SECRET is not"),
        ({"OPS_WEBHOOK_URL": "https://example.org", "OPS_WEBHOOK_SECRET": "whsec_abc"}, "is no base64"),
        ({"OPS_METRICS_ALLOW": "10.0.0.0/8,banana"}, "'banana', which is no address"),
    ],
)
def test_a_setting_that_makes_no_sense_is_said_at_the_start(
    environment: dict[str, str], sentence: str, start_child: Callable[..., Any], wait_until: Callable[..., Any]
) -> None:
    child = start_child("check", "manage.py", "check", **environment)
    wait_until(lambda: not child.running)
    assert ImproperlyConfigured.__name__ in child.output
    assert sentence in child.output
