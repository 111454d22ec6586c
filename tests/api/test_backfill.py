"""POST /ops/backfill/conversations, /ops/backfill/messages and /ops/identities/{id}/backfill."""

from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from jobs.models import Dispatch, Job, Run, RunJob
from opsconsole.audit import AuditLog
from tests.api.cast import accepted, ledger_state, refusal
from tests.cast import NOW, make_conversation, make_identity, make_job

CONVERSATIONS = "/ops/backfill/conversations"
MESSAGES = "/ops/backfill/messages"


def refused(api: APIClient, url: str, body: dict[str, Any], status: int, code: str, *, audited: bool = True) -> str:
    """Check that a backfill is refused, starts nothing, and is written down unless the input itself was wrong."""
    before = ledger_state()
    sentence = refusal(api.post(url, body), status, code)
    assert ledger_state() == before
    entries = list(AuditLog.objects.values_list("action_type", "result", "error_detail"))
    assert entries == ([("backfill.trigger", "error", sentence)] if audited else [])
    return sentence


@pytest.mark.django_db(transaction=True)
def test_a_backfill_of_one_identity_is_a_run_with_one_job(api: APIClient) -> None:
    identity = make_identity("Alice")
    make_identity()
    body = accepted(api.post(CONVERSATIONS, {"identity_id": identity.pk, "reason": "New account."}))
    assert (body["message"], body["already_active"], body["handed_over"]) == ("1 job queued.", [], True)

    job = Job.objects.get()
    assert body["jobs"] == [job.pk]
    assert (job.job_type, job.queue_name, job.status) == ("ingest.backfill_conversations", "ingest", "queued")
    assert job.payload_json == {"provider_id": "reddit", "identity_id": identity.pk}
    assert (job.attempts, job.max_attempts) == (0, 3)
    run = Run.objects.get()
    assert (str(run.pk), run.title, run.requested_by, run.via) == (body["job_id"], "Backfill Alice", "olivia", "api")
    assert Dispatch.objects.get().task == "ingest.backfill_conversations"
    entry = AuditLog.objects.get()
    assert (entry.action_type, entry.result, entry.identity_id) == ("backfill.trigger", "ok", identity.pk)
    assert entry.request_json["by"] == "olivia"
    assert entry.request_json["via"] == "api"
    assert entry.request_json["reason"] == "New account."


@pytest.mark.parametrize("body", [None, {}, {"identity_id": None}, {"reason": ""}])
def test_a_backfill_without_an_identity_is_of_every_active_one(api: APIClient, body: Any) -> None:
    active = [make_identity(), make_identity(provider_id="slack")]
    make_identity(is_active=False)
    answer = accepted(api.post(CONVERSATIONS, body))
    assert answer["message"] == "2 jobs queued."
    payloads = {job.payload_json["identity_id"]: job.payload_json["provider_id"] for job in Job.objects.all()}
    assert payloads == {identity.pk: identity.provider_id for identity in active}


def test_a_backfill_that_is_under_way_is_joined(api: APIClient) -> None:
    identity = make_identity()
    first = accepted(api.post(CONVERSATIONS, {"identity_id": identity.pk}))
    second = accepted(api.post(CONVERSATIONS, {"identity_id": identity.pk}))
    assert second["jobs"] == second["already_active"] == first["jobs"]
    assert second["job_id"] != first["job_id"]
    assert "joined" in second["message"]
    assert (Job.objects.count(), Run.objects.count(), RunJob.objects.filter(joined=True).count()) == (1, 2, 1)


def test_a_backfill_after_one_that_has_ended_is_new(api: APIClient) -> None:
    identity = make_identity()
    payload = {"provider_id": "reddit", "identity_id": identity.pk}
    make_job("ingest.backfill_conversations", status="done", payload=payload)
    assert accepted(api.post(CONVERSATIONS, {"identity_id": identity.pk}))["already_active"] == []


@pytest.mark.parametrize("identity_id", [999_999, 2**63 - 1, 2**63, 2**70, str(2**70)])
def test_an_unknown_identity_is_a_404(api: APIClient, identity_id: Any) -> None:
    make_identity()
    refused(api, CONVERSATIONS, {"identity_id": identity_id}, 404, "identity_not_found")


def test_an_inactive_identity_is_a_404(api: APIClient) -> None:
    identity = make_identity("Alice", is_active=False)
    assert "Alice is inactive" in refused(api, CONVERSATIONS, {"identity_id": identity.pk}, 404, "identity_inactive")


def test_no_active_identity_at_all_is_a_conflict(api: APIClient) -> None:
    make_identity(is_active=False)
    refused(api, CONVERSATIONS, {}, 409, "no_active_identity")


def test_what_can_be_no_id_is_a_400(api: APIClient) -> None:
    for _ in range(11):
        make_identity()
    for identity_id in (0, -1, "alice", "", 1.5, 1.0, True, [1], {"id": 1}, "1_0", " "):
        refused(api, CONVERSATIONS, {"identity_id": identity_id}, 400, "invalid", audited=False)


def test_an_id_may_be_written_as_text(api: APIClient) -> None:
    identity = make_identity()
    accepted(api.post(CONVERSATIONS, {"identity_id": str(identity.pk)}))


# --- the button of one identity -----------------------------------------------------------------------------------


def test_the_button_of_an_identity_backfills_it(api: APIClient) -> None:
    identity = make_identity()
    make_identity()
    body = accepted(api.post(f"/ops/identities/{identity.pk}/backfill", {"reason": "Why not."}))
    assert Job.objects.get(pk=body["jobs"][0]).payload_json["identity_id"] == identity.pk
    assert AuditLog.objects.get().request_json["reason"] == "Why not."


@pytest.mark.parametrize("pk", ["999999", "0", "-1", "alice", str(2**63), str(2**70)])
def test_the_button_of_an_unknown_identity_is_a_404(api: APIClient, pk: str) -> None:
    make_identity()
    before = ledger_state()
    refusal(api.post(f"/ops/identities/{pk}/backfill"), 404, "identity_not_found")
    assert ledger_state() == before


def test_the_button_of_an_inactive_identity_is_a_404(api: APIClient) -> None:
    identity = make_identity(is_active=False)
    refused(api, f"/ops/identities/{identity.pk}/backfill", {}, 404, "identity_inactive")


# --- messages -----------------------------------------------------------------------------------------------------


def test_the_messages_of_a_conversation_are_backfilled(api: APIClient) -> None:
    conversation = make_conversation(make_identity(), "carol")
    body = accepted(api.post(MESSAGES, {"conversation_id": conversation.pk}))
    job = Job.objects.get(pk=body["jobs"][0])
    assert (job.job_type, job.queue_name) == ("ingest.backfill_messages", "ingest")
    assert job.payload_json == {
        "provider_id": "reddit",
        "conversation_id": conversation.pk,
        "identity_id": conversation.identity_id,
    }
    assert Run.objects.get().title == "Backfill messages of carol"


def test_up_to_a_hundred_conversations_are_backfilled_at_once_each_one_time(api: APIClient) -> None:
    pks = [make_conversation(make_identity()).pk for _ in range(3)]
    body = accepted(api.post(MESSAGES, {"conversation_ids": [*pks, pks[0]]}))
    assert len(body["jobs"]) == 3
    assert [one["conversation_id"] for one in body["conversations"]] == pks


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"conversation_id": None},
        {"conversation_ids": []},
        {"conversation_ids": None},
        {"conversation_ids": "1"},
        {"conversation_ids": {"0": 1}},
        {"conversation_ids": [1, "x"]},
        {"conversation_ids": [1, None]},
        {"conversation_ids": [[1]]},
        {"conversation_ids": list(range(1, 102))},
        {"conversation_id": 1, "conversation_ids": [2]},
        {"conversation_id": 0},
        {"conversation_id": "x"},
    ],
)
def test_a_choice_of_conversations_that_makes_no_sense_is_a_400(api: APIClient, body: dict[str, Any]) -> None:
    refused(api, MESSAGES, body, 400, "invalid", audited=False)


def test_an_unknown_conversation_is_a_404_and_nothing_is_started(api: APIClient) -> None:
    known = make_conversation(make_identity()).pk
    for body in ({"conversation_id": 999_999}, {"conversation_id": 2**70}, {"conversation_ids": [known, 2**63 - 1]}):
        AuditLog.objects.all().delete()
        refused(api, MESSAGES, body, 404, "conversation_not_found")


def test_a_deleted_conversation_is_a_404(api: APIClient) -> None:
    conversation = make_conversation(make_identity(), deleted_at=NOW)
    refused(api, MESSAGES, {"conversation_id": conversation.pk}, 404, "conversation_not_found")


def test_a_conversation_of_an_inactive_identity_is_a_404(api: APIClient) -> None:
    conversation = make_conversation(make_identity(is_active=False))
    refused(api, MESSAGES, {"conversation_id": conversation.pk}, 404, "identity_inactive")


def test_a_conversation_whose_identity_is_gone_is_a_404(api: APIClient) -> None:
    conversation = make_conversation(make_identity())
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE conversations DROP CONSTRAINT fk_conversations_identity_id_identities")
        cursor.execute("UPDATE conversations SET identity_id = 999999")
    refused(api, MESSAGES, {"conversation_id": conversation.pk}, 404, "identity_not_found")


# --- attachments --------------------------------------------------------------------------------------------------


def redownloads(api: APIClient, body: dict[str, Any]) -> Job:
    return Job.objects.get(pk=accepted(api.post("/ops/redownload/attachments", body))["jobs"][0])


def test_attachments_of_all_conversations_are_fetched_again_a_hundred_at_the_most(api: APIClient) -> None:
    job = redownloads(api, {})
    assert (job.job_type, job.queue_name) == ("ingest.redownload_attachments", "ingest")
    assert job.payload_json == {"limit": 100}
    assert AuditLog.objects.get().action_type == "redownload_attachments.trigger"


def test_attachments_of_one_conversation_are_fetched_again(api: APIClient) -> None:
    conversation = make_conversation(make_identity())
    job = redownloads(api, {"conversation_id": conversation.pk, "limit": 1_000})
    assert job.payload_json == {"conversation_id": conversation.pk, "limit": 1_000}
    assert redownloads(api, {"conversation_id": None, "limit": "7"}).payload_json == {"limit": 7}


def test_a_limit_outside_of_1_to_1000_is_a_400(api: APIClient) -> None:
    before = ledger_state()
    for limit in (0, -1, 1_001, 10**9, 2**70, "ten", "", None, 1.5, True, [1], "9" * 5_000):
        response = api.post("/ops/redownload/attachments", {"limit": limit})
        sentence = refusal(response, 400, "invalid")
        assert limit is None or "1 to 1000" in sentence
        assert set(response.json()["errors"]) == {"limit"}
    assert ledger_state() == before


def test_attachments_of_an_unknown_conversation_are_a_404(api: APIClient) -> None:
    before = ledger_state()
    refusal(api.post("/ops/redownload/attachments", {"conversation_id": 999_999}), 404, "conversation_not_found")
    assert ledger_state() == before


@pytest.mark.parametrize("body", [{"identity": 3}, {"identity_ids": [1]}, {"identity_id": None, "identitty_id": 1}])
def test_a_misspelt_key_is_refused_instead_of_backfilling_everybody(api: APIClient, body: dict[str, Any]) -> None:
    make_identity("Alice")
    response = api.post("/ops/backfill/conversations", body)
    assert response.status_code == 400
    assert "it takes identity_id, reason" in response.json()["detail"]
    assert not Job.objects.exists()
