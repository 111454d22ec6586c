"""Which periodic tasks sync which identities."""

import json
from typing import Any

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from identities import operations
from identities.sync_schedules import Coverage, SyncSchedules
from jobs.models import Job
from jobs.schedules.queries import entries
from opsconsole.audit import Actor, AuditLog
from opsconsole.errors import Refused
from tests.cast import make_identity

pytestmark = pytest.mark.django_db

BEAT = Actor.system("beat")


def schedule(name: str, task: str = "opsconsole.sync_identities", minutes: int = 10, **values: Any) -> PeriodicTask:
    every, _ = IntervalSchedule.objects.get_or_create(every=minutes, period=IntervalSchedule.MINUTES)
    arguments = values.pop("arguments", {})
    given = {"interval": every, "kwargs": arguments if isinstance(arguments, str) else json.dumps(arguments)}
    return PeriodicTask.objects.create(name=name, task=task, **{**given, **values})


def coverage_of(identity: Any) -> Coverage:
    return SyncSchedules(entries()).coverage(identity)


def names(coverage: Coverage) -> list[str]:
    return [entry.name for entry in coverage.entries]


def test_the_schedule_that_names_an_identity_goes_before_the_general_ones() -> None:
    alice, bob = make_identity(), make_identity()
    schedule("general")
    schedule("own", arguments={"identity_id": alice.pk})
    assert (names(coverage_of(alice)), coverage_of(alice).own) == (["own"], True)
    assert (names(coverage_of(bob)), coverage_of(bob).own) == (["general"], False)


@pytest.mark.parametrize(
    ("task", "arguments", "covers"),
    [
        ("opsconsole.sync_identities", {}, True),
        ("opsconsole.sync_identities", {"provider_id": "reddit"}, True),
        ("opsconsole.sync_identities", {"provider_id": "mastodon"}, False),
        ("opsconsole.sync_identities", {"default": True}, False),
        ("opsconsole.sync_identities", {"identity_id": "0"}, False),
        ("opsconsole.sync_identities", {"identity_id": "nobody"}, False),
        ("opsconsole.sync_identities", {"identity_id": 10**30}, False),
        ("opsconsole.sync_identities", {"provider_id": 7}, False),
        ("opsconsole.sync_identities", "{broken", False),
        ("opsconsole.sync_identities", "[1]", False),
        ("opsconsole.backfill_conversations", {}, False),
        # The core's own task, without an identity, is about the default one.
        ("ingest.sync_delta", {}, False),
    ],
)
def test_the_arguments_say_whom_a_schedule_is_about(task: str, arguments: Any, covers: bool) -> None:
    alice = make_identity()
    schedule("it", task=task, arguments=arguments)
    assert bool(coverage_of(alice).entries) is covers


@pytest.mark.parametrize("arguments", [{"identity_id": None}, {"provider_id": "reddit"}, {}])
def test_the_cores_task_is_about_the_default_identity_where_it_names_none(arguments: Any) -> None:
    default, other = make_identity(is_default=True), make_identity()
    schedule("it", task="ingest.sync_delta", arguments=arguments)
    assert names(coverage_of(default)) == ["it"]
    assert not coverage_of(other).entries


def test_positional_arguments_count_too() -> None:
    alice, bob = make_identity(), make_identity()
    schedule("of the core", task="ingest.sync_delta", args=json.dumps(["reddit", alice.pk]))
    schedule("of the console", args=json.dumps([None, bob.pk]))
    schedule("too many", args=json.dumps([None, None, False, 4]))
    assert (names(coverage_of(alice)), names(coverage_of(bob))) == (["of the core"], ["of the console"])


def test_a_job_that_a_schedule_submits_counts_too() -> None:
    alice = make_identity()
    arguments = {"job_type": "ingest.sync_delta", "payload": {"provider_id": "reddit", "identity_id": alice.pk}}
    schedule("submits", task="opsconsole.submit_job", arguments=arguments)
    schedule("another", task="opsconsole.submit_job", arguments={"job_type": "ingest.backfill_messages"})
    assert names(coverage_of(alice)) == ["submits"]


def test_two_identities_of_one_name_at_two_providers_are_told_apart() -> None:
    one = make_identity("Twin", external_username="twin", provider_id="reddit")
    other = make_identity("Twin", external_username="twin", provider_id="mastodon")
    schedule("reddit", arguments={"provider_id": "reddit"})
    assert names(coverage_of(one)) == ["reddit"]
    assert coverage_of(other).scheduled == "missing"


def test_without_any_schedule_that_is_on_nothing_is_said_of_the_next_sync() -> None:
    alice = make_identity()
    assert coverage_of(alice).scheduled == "elsewhere"
    schedule("shipped", enabled=False)
    assert (coverage_of(alice).scheduled, coverage_of(alice).next_at) == ("elsewhere", None)


def test_once_one_is_on_the_others_without_one_are_missing_it() -> None:
    alice, bob = make_identity(), make_identity(provider_id="mastodon")
    schedule("general", arguments={"provider_id": "reddit"})
    schedule("off", arguments={"provider_id": "mastodon"}, enabled=False)
    assert coverage_of(alice).scheduled == "on"
    assert coverage_of(bob).scheduled == "off"


def test_the_earliest_of_several_is_the_next() -> None:
    alice = make_identity()
    schedule("hourly", minutes=60)
    soon = schedule("soon", minutes=5)
    shown = coverage_of(alice).shown
    assert shown is not None
    assert shown.id == soon.pk
    assert coverage_of(alice).next_at == shown.forecast.next_at


def test_a_general_schedule_leaves_out_who_has_an_own_one_and_who_is_inactive() -> None:
    alice, bob, carol = make_identity(), make_identity(), make_identity(is_active=False)
    schedule("own, off", arguments={"identity_id": alice.pk}, enabled=False)
    submitted = operations.sync_on_schedule(provider_id="reddit", actor=BEAT)
    assert submitted is not None
    assert [job.payload_json["identity_id"] for job in Job.objects.all()] == [bob.pk]
    assert carol.pk not in {job.payload_json["identity_id"] for job in Job.objects.all()}


def test_a_schedule_for_the_default_ones_syncs_only_those() -> None:
    default = make_identity(is_default=True)
    make_identity()
    operations.sync_on_schedule(default=True, actor=BEAT)
    assert [job.payload_json["identity_id"] for job in Job.objects.all()] == [default.pk]


@pytest.mark.parametrize("arguments", [{"identity_id": 999_999}, {"provider_id": "nobody"}, {"default": True}])
def test_a_schedule_for_nobody_starts_nothing_and_fills_no_log(arguments: Any) -> None:
    make_identity()
    assert operations.sync_on_schedule(**arguments, actor=BEAT) is None
    assert not Job.objects.exists()
    assert not AuditLog.objects.exists()


@pytest.mark.parametrize("arguments", [{"identity_id": "nobody"}, {"identity_id": [1]}, {"provider_id": 7}])
def test_arguments_that_name_nobody_are_refused_and_written_down(arguments: Any) -> None:
    make_identity()
    with pytest.raises(Refused, match="must be"):
        operations.sync_on_schedule(**arguments, actor=BEAT)
    assert AuditLog.objects.get().result == "error"
