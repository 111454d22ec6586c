"""Syncs and backfills of all identities skip those that can't sync, however they are started."""

from collections.abc import Callable
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from identities.models import Identity, LastSync, Provider, ProviderCredential
from jobs.models import Job, Run
from jobs.schedules import entry_tasks
from opsconsole.audit import AuditLog
from tests.admin.syncs import counted, synced
from tests.api.cast import accepted, ledger_state, refusal
from tests.cast import NOW, make_conversation, make_credential, make_identity, make_job, make_message, make_provider
from tests.schedules.cast import make_schedule

DOORS = ["/ops/backfill/conversations", "/conversations/sync", "/conversations/sync?identity_id="]
OFF, MISSING = "provider_switched_off", "credential_missing"


def without_application(provider_id: str = "reddit") -> None:
    """Delete the credential of a provider's application."""
    ProviderCredential.objects.filter(provider_id=provider_id, identity=None).delete()


def bare(name: str = "Bob", provider_id: str = "mastodon", **values: Any) -> Identity:
    """Insert an identity without any credential."""
    identity = make_identity(name, provider_id=provider_id, **values)
    without_application(provider_id)
    return identity


def switch_off(provider_id: str = "mastodon") -> None:
    """Switch a provider off."""
    Provider.objects.filter(pk=make_provider(provider_id).pk).update(enabled=False)


def with_own() -> Identity:
    bob = bare()
    make_credential(bob)
    return bob


def with_application() -> Identity:
    return make_identity("Bob", provider_id="mastodon")


def has_synced() -> Identity:
    synced(bob := bare())
    return bob


def has_synced_in_part() -> Identity:
    synced(bob := bare(), attempt_outcome="partial", success_error="one image")
    return bob


def has_messages() -> Identity:
    counted(bob := bare(), newest_message_at=NOW, messages=1)
    return bob


def is_not_counted_yet() -> Identity:
    make_message(make_conversation(bob := bare()))
    return bob


def was_refused() -> Identity:
    synced(bob := with_own(), success_at=None, attempt_outcome="failed", rejection="401", rejected_at=NOW)
    return bob


def is_new() -> Identity:
    return bare()


def has_only_failed() -> Identity:
    LastSync.objects.create(identity=(bob := bare()), attempt_at=NOW, attempt_outcome="failed", failures=3)
    return bob


def has_nothing_counted() -> Identity:
    make_conversation(bob := bare())
    counted(bob, conversations=1)
    return bob


def anothers_credential() -> Identity:
    bob = bare()
    make_credential(make_identity("Carol", provider_id="mastodon"))
    return bob


def another_providers_application() -> Identity:
    make_provider("slack")
    return bare()


def is_off_with_credential() -> Identity:
    bob = with_own()
    switch_off()
    return bob


def is_off_and_has_synced() -> Identity:
    synced(bob := bare())
    switch_off()
    return bob


def is_off_and_new() -> Identity:
    bob = bare()
    switch_off()
    return bob


def is_off_with_application() -> Identity:
    bob = with_application()
    switch_off()
    return bob


CASES: list[tuple[Callable[[], Identity], str | None]] = [
    (with_own, None),
    (with_application, None),
    (has_synced, None),
    (has_synced_in_part, None),
    (has_messages, None),
    (is_not_counted_yet, None),
    (was_refused, None),
    (is_new, MISSING),
    (has_only_failed, MISSING),
    (has_nothing_counted, MISSING),
    (anothers_credential, MISSING),
    (another_providers_application, MISSING),
    (is_off_with_credential, OFF),
    (is_off_and_has_synced, OFF),
    (is_off_and_new, OFF),
    (is_off_with_application, OFF),
]


@pytest.mark.parametrize(("make", "code"), CASES, ids=[make.__name__ for make, _ in CASES])
def test_of_all_those_are_left_out_that_can_not_work(
    api: APIClient, make: Callable[[], Identity], code: str | None
) -> None:
    alice, bob = make_identity("Alice"), make()
    body = accepted(api.post(DOORS[0]))
    started = {job.payload_json["identity_id"] for job in Job.objects.all()}
    left_out = {one["identity_id"]: one for one in body["left_out"]}
    assert alice.pk in started
    assert (bob.pk in started, left_out.get(bob.pk, {}).get("code")) == (code is None, code)
    if code is None:
        return
    reason = left_out[bob.pk]["reason"]
    assert reason.startswith("Bob ")
    assert ("switched off" in reason) == (code == OFF)
    assert f"Skipped: {reason}" in body["message"]


@pytest.mark.parametrize(("make", "code"), CASES, ids=[make.__name__ for make, _ in CASES])
def test_whoever_is_asked_for_by_id_is_always_queued(
    api: APIClient, make: Callable[[], Identity], code: str | None
) -> None:
    bob = make()
    body = accepted(api.post(DOORS[0], {"identity_id": bob.pk}))
    assert (len(body["jobs"]), body["left_out"]) == (1, [])


@pytest.mark.parametrize("url", DOORS)
def test_answer_run_page_and_audit_row_say_who_was_left_out(api: APIClient, url: str) -> None:
    make_identity("Alice")
    bob = bare()
    body = accepted(api.post(url))
    (left_out,) = body["left_out"]
    assert left_out == {"identity_id": bob.pk, "code": MISSING, "reason": left_out["reason"], "job_id": None}
    assert api.get(f"/ops/runs/{body['job_id']}").json()["left_out"] == [left_out]
    response = AuditLog.objects.get().response_json
    assert response is not None
    assert response["left_out"] == [left_out]
    assert Run.objects.get().title.endswith("Alice")


@pytest.mark.parametrize("url", DOORS)
def test_where_nobody_is_left_it_is_a_conflict_with_the_reasons(api: APIClient, url: str) -> None:
    bob = bare()
    carol = make_identity("Carol")
    switch_off("reddit")
    before = ledger_state()
    response = api.post(url)
    sentence = refusal(response, 409, "no_identity_can_sync")
    assert "Bob has no credential" in sentence
    assert "Carol can't sync: its provider reddit is switched off" in sentence
    assert {one["identity_id"]: one["code"] for one in response.json()["left_out"]} == {bob.pk: MISSING, carol.pk: OFF}
    assert ledger_state() == before
    assert (AuditLog.objects.get().result, AuditLog.objects.get().error_detail) == ("error", sentence)


def test_of_many_that_were_left_out_the_message_names_a_few(api: APIClient) -> None:
    make_identity("Alice")
    for name in ("Bob", "Carol", "Dave", "Eve", "Frank"):
        bare(name)
    body = accepted(api.post(DOORS[0]))
    assert len(body["left_out"]) == 5
    assert body["message"].startswith("1 job queued. Skipped: Bob has no credential")
    assert body["message"].endswith(" And 2 more.")
    assert "Eve" not in body["message"]


@pytest.mark.parametrize(("number", "kept"), [(100, 100), (101, 101), (130, 101)])
def test_of_very_many_that_were_left_out_a_run_keeps_a_hundred_and_how_many_more(
    api: APIClient, uncollected: None, number: int, kept: int
) -> None:
    make_identity("Alice")
    make_provider("mastodon")
    for n in range(number):
        make_identity(f"Bob {n}", provider_id="mastodon")
    switch_off()
    body = accepted(api.post(DOORS[0]))
    assert len(body["left_out"]) == number
    found = api.get(f"/ops/runs/{body['job_id']}").json()["left_out"]
    assert (len(found), found[:100]) == (kept, body["left_out"][:100])
    if number > 100:
        more = {"identity_id": None, "code": "more", "reason": f"And {number - 100} more.", "job_id": None}
        assert found[-1] == more
    response = AuditLog.objects.get().response_json
    assert response is not None
    assert response["left_out"] == found


# --- the other doors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["backfill_conversations", "sync_identities"])
@pytest.mark.django_db
def test_a_command_for_all_says_who_was_left_out(command: str) -> None:
    make_identity("Alice")
    bob = bare()
    out = StringIO()
    call_command(command, stdout=out)
    assert "1 job queued. Skipped: Bob has no credential" in out.getvalue()
    call_command(command, bob.pk, stdout=out)
    assert Job.objects.count() == 2


@pytest.mark.parametrize("command", ["backfill_conversations", "sync_identities"])
@pytest.mark.django_db
def test_a_command_for_nobody_who_can_work_fails_with_the_reason(command: str) -> None:
    bare()
    with pytest.raises(CommandError, match="Bob has no credential"):
        call_command(command)


ENTRIES: list[tuple[str, dict[str, Any]]] = [
    ("opsconsole.sync_identities", {}),
    ("opsconsole.sync_identities", {"provider_id": "reddit"}),
    ("opsconsole.sync_identities", {"default": True}),
    ("opsconsole.sync_identities", {"provider_id": "reddit", "default": True}),
    ("opsconsole.backfill_conversations", {}),
    ("opsconsole.backfill_conversations", {"identity_id": None}),
]


def begin(task: str, arguments: dict[str, Any]) -> None:
    """Do what beat's message asks for."""
    entry_tasks.begin(SimpleNamespace(task=task, periodic_task_name="Nightly"), (), arguments)


@pytest.mark.parametrize(("task", "arguments"), ENTRIES)
@pytest.mark.django_db
def test_what_beat_starts_for_all_leaves_out_who_can_not_work(task: str, arguments: dict[str, Any]) -> None:
    alice = make_identity("Alice", is_default=True)
    bob = make_identity("Bob", is_default=True)
    without_application()
    make_credential(alice)
    begin(task, arguments)
    assert Job.objects.get().payload_json["identity_id"] == alice.pk
    left_out = Run.objects.get().left_out
    assert [one["identity_id"] for one in left_out or []] == [bob.pk]


@pytest.mark.parametrize(("task", "arguments"), ENTRIES)
@pytest.mark.django_db
def test_what_beat_can_start_for_nobody_is_written_down_with_the_reason(task: str, arguments: dict[str, Any]) -> None:
    make_identity("Bob", is_default=True)
    without_application()
    begin(task, arguments)
    assert not Job.objects.exists()
    entry = AuditLog.objects.get()
    assert (entry.result, entry.response_json) == ("error", {"code": "no_identity_can_sync"})
    assert "Bob has no credential" in str(entry.error_detail)


@pytest.mark.django_db
def test_a_schedule_for_one_identity_starts_it_all_the_same() -> None:
    bob = bare()
    begin("opsconsole.sync_identities", {"identity_id": bob.pk})
    assert Job.objects.get().payload_json["identity_id"] == bob.pk


def test_run_now_says_who_was_left_out(api: APIClient) -> None:
    make_identity("Alice")
    bob = bare()
    task = make_schedule("opsconsole.sync_identities", {})
    body = accepted(api.post(f"/ops/schedules/{task.pk}/run"))
    assert [one["identity_id"] for one in body["left_out"]] == [bob.pk]


def test_several_that_are_named_are_all_queued(api: APIClient) -> None:
    conversations = [make_conversation(bare(name)).pk for name in ("Bob", "Carol")]
    switch_off()
    body = accepted(api.post("/ops/backfill/messages", {"conversation_ids": conversations}))
    assert (len(body["jobs"]), body["left_out"]) == (2, [])


def test_a_bulk_retry_leaves_out_the_jobs_of_a_provider_that_is_switched_off(api: APIClient) -> None:
    bob = with_own()
    job = make_job(payload={"identity_id": bob.pk})
    switch_off()
    can = api.get(f"/ops/jobs/{job.pk}").json()["can"]
    assert can["retry"] is True
    assert can["warnings"][0] == "Bob can't sync: its provider mastodon is switched off."
    found = api.post("/ops/jobs/retry", {"filter": {}, "dry_run": True}).json()
    assert [(one["code"], one["n"]) for one in found["left_out"]] == [("identity_disconnected", 1)]
