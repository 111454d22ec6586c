"""POST /conversations/sync, GET /conversations/sync/{id} and POST /ops/identities/{id}/sync."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from jobs.models import Dispatch, Job, Run
from opsconsole.audit import AuditLog
from tests.api.cast import accepted, ledger_state, refusal
from tests.cast import make_identity

SYNC = "/conversations/sync"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("url", ["/conversations/sync?identity_id={}", "/ops/identities/{}/sync"])
def test_a_sync_of_one_identity_is_a_run_with_one_job(api: APIClient, url: str) -> None:
    alice = make_identity("Alice")
    make_identity()
    body = accepted(api.post(url.format(alice.pk)))
    job = Job.objects.get()
    assert (job.job_type, job.queue_name, job.status) == ("ingest.sync_delta", "ingest", "queued")
    assert job.payload_json == {"provider_id": "reddit", "identity_id": alice.pk}
    assert Dispatch.objects.get().task == "ingest.sync_delta"
    assert Run.objects.get().title == "Sync Alice"
    entry = AuditLog.objects.get()
    assert (entry.action_type, entry.result, entry.identity_id) == ("sync.trigger", "ok", alice.pk)
    polled = api.get(f"{SYNC}/{body['job_id']}")
    assert (polled.status_code, polled.json()["status"]) == (200, "pending")
    assert polled.json() == api.get(f"/ops/backfill/{body['job_id']}").json()


@pytest.mark.parametrize("url", [SYNC, f"{SYNC}/", f"{SYNC}?identity_id="])
def test_a_sync_without_an_identity_is_of_every_active_one(api: APIClient, url: str) -> None:
    active = {make_identity().pk, make_identity(provider_id="mastodon").pk}
    make_identity(is_active=False)
    assert accepted(api.post(url))["message"] == "2 jobs queued."
    assert {job.payload_json["identity_id"] for job in Job.objects.all()} == active


def test_a_sync_that_is_under_way_is_joined_and_a_backfill_beside_it_waits(api: APIClient) -> None:
    alice = make_identity()
    first = accepted(api.post(SYNC, {"identity_id": alice.pk}))
    second = accepted(api.post(SYNC, {"identity_id": alice.pk}))
    assert second["already_active"] == second["jobs"] == first["jobs"]
    accepted(api.post(f"/ops/identities/{alice.pk}/backfill"))
    assert Dispatch.objects.count() == 2
    assert len(set(Dispatch.objects.values_list("serial_key", flat=True))) == 1


@pytest.mark.parametrize(
    ("url", "body", "status", "code"),
    [
        ("?identity_id=999999", None, 404, "identity_not_found"),
        ("?identity_id=abc", None, 400, "invalid"),
        ("?identity_id=-1", None, 400, "invalid"),
        ("?identity_id=1.5", None, 400, "invalid"),
        (f"?identity_id={10**40}", None, 404, "identity_not_found"),
        ("", {"identity_id": "abc"}, 400, "invalid"),
        ("?identity_id=1", {"identity_id": 2}, 400, "invalid"),
        ("", {"identity": 2}, 400, "invalid"),
        ("", None, 409, "no_active_identity"),
    ],
)
def test_a_sync_of_nobody_says_why(api: APIClient, url: str, body: Any, status: int, code: str) -> None:
    before = ledger_state()
    refusal(api.post(f"{SYNC}{url}", body), status, code)
    assert ledger_state() == before


def test_more_identities_than_a_run_has_jobs_are_refused(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("identities.choosing.MAX_IDENTITIES", 2)
    for _ in range(3):
        make_identity()
    assert "3 active identities" in refusal(api.post(SYNC), 409, "too_many_identities")
    assert not Job.objects.exists()


def test_a_sync_of_an_inactive_identity_is_a_404(api: APIClient) -> None:
    carol = make_identity("Carol", is_active=False)
    for url in (f"{SYNC}?identity_id={carol.pk}", f"/ops/identities/{carol.pk}/sync"):
        assert "Carol is inactive" in refusal(api.post(url), 404, "identity_inactive")


def test_whoever_may_only_look_can_not_sync(viewing_api: APIClient) -> None:
    alice = make_identity()
    for url in (SYNC, f"/ops/identities/{alice.pk}/sync"):
        assert viewing_api.post(url).status_code == 403
    assert not Job.objects.exists()


def test_the_same_key_starts_one_sync(api: APIClient) -> None:
    make_identity()
    answers = [api.post(SYNC, headers={"Idempotency-Key": "one"}).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert Run.objects.count() == 1
