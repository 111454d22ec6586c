"""POST /ops/backfill/messages: one job covers several conversations, because its task fetches the whole identity."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from identities import operations
from identities.models import Conversation, Identity
from jobs import catalog
from jobs.models import Dispatch, Job, Run, RunJob
from jobs.schedules.starting import submit_job
from opsconsole.audit import AuditLog
from opsconsole.permissions import OPERATORS
from tests.admin.conftest import browser_of
from tests.admin.reading import text
from tests.api.cast import accepted, make_attempt, make_staff, with_token
from tests.cast import NOW, OPERATOR, make_conversation, make_identity, make_job, make_user

MESSAGES = "/ops/backfill/messages"
TYPE = catalog.BACKFILL_MESSAGES


@pytest.fixture
def alice(db: None) -> Identity:
    """An identity that can sync."""
    return make_identity("Alice")


def payload_of(conversation: Conversation) -> dict[str, Any]:
    """Return the payload of a job that was made for this conversation."""
    return {
        "provider_id": conversation.provider_id,
        "conversation_id": conversation.pk,
        "identity_id": conversation.identity_id,
    }


def backfill(api: APIClient, *conversations: Conversation) -> dict[str, Any]:
    """Request a backfill of these conversations, and return the answer."""
    return accepted(api.post(MESSAGES, {"conversation_ids": [one.pk for one in conversations]}))


def covered(body: dict[str, Any]) -> dict[int, int]:
    """Return which job covers which conversation."""
    return {one["conversation_id"]: one["covered_by"] for one in body["conversations"]}


def whose(job_id: int) -> int:
    """Return the id of the identity that a job is for."""
    return int(Job.objects.get(pk=job_id).payload_json["identity_id"])


# --- in one run ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "numbers",
    [[1], [2], [100], [1, 1], [2, 1], [3, 4], [50, 50], [1, 2, 3], [10, 1, 1, 10], [1] * 10, [25, 25, 25, 25]],
)
def test_one_job_of_each_identity_covers_its_conversations(api: APIClient, numbers: list[int]) -> None:
    chosen = [make_conversation(identity) for n in numbers for identity in [make_identity()] for _ in range(n)]
    body = backfill(api, *chosen)
    assert len(body["jobs"]) == Job.objects.count() == Dispatch.objects.count() == len(numbers)
    found = covered(body)
    assert set(found) == {one.pk for one in chosen}
    assert all(whose(found[one.pk]) == one.identity_id for one in chosen)
    assert set(body["jobs"]) == set(found.values())
    assert ("whole identity" in body["message"]) == (len(chosen) > len(numbers))


def test_run_page_and_audit_row_say_which_job_covers_which(api: APIClient, alice: Identity, uncollected: None) -> None:
    chosen = [make_conversation(alice) for _ in range(3)]
    body = backfill(api, *chosen)
    assert body["message"] == "1 job queued. The job fetches its whole identity, which covers 3 conversations."
    assert api.get(f"/ops/runs/{body['job_id']}").json()["conversations"] == body["conversations"]
    response = AuditLog.objects.get().response_json
    assert response is not None
    assert response["conversations"] == body["conversations"]
    assert Run.objects.get().title.endswith(" and 2 more")
    assert api.get("/ops/runs").json()["runs"][0]["job_count"] == 1


def test_the_same_choice_again_joins_the_job(api: APIClient, alice: Identity) -> None:
    chosen = [make_conversation(alice) for _ in range(2)]
    first, second = backfill(api, *chosen), backfill(api, *reversed(chosen))
    assert second["jobs"] == second["already_active"] == first["jobs"]
    assert second["conversations"] == first["conversations"]


# --- against an active job ----------------------------------------------------------------------------------------


def queued(job: Job, **values: Any) -> None:
    make_attempt(job.pk, **{"task": TYPE, "serial_key": f"ingest:{whose(job.pk)}", **values})


def waits(job: Job) -> None:
    queued(job, published_at=None)


def is_handed_over(job: Job) -> None:
    queued(job)


def waits_for_its_next_attempt(job: Job) -> None:
    queued(job, ended_at=NOW, outcome="retrying", next_attempt_at=NOW)


def is_due_again(job: Job) -> None:
    queued(job, ended_at=NOW, outcome="retrying")
    queued(job, published_at=None)


def has_started(job: Job) -> None:
    queued(job, started_at=NOW)


def has_no_attempt(job: Job) -> None:
    """Another application wrote it."""


def has_ended_attempts_only(job: Job) -> None:
    queued(job, ended_at=NOW, outcome="superseded")


ACTIVE: list[tuple[str, Callable[[Job], None], bool]] = [
    ("queued", waits, True),
    ("queued", is_handed_over, True),
    ("queued", is_due_again, True),
    ("retrying", is_due_again, True),
    ("retrying", is_handed_over, True),
    # A job that runs already doesn't go back to conversations that it has passed.
    ("running", has_started, False),
    ("queued", has_started, False),
    ("retrying", waits_for_its_next_attempt, False),
    # The console doesn't run these.
    ("queued", has_no_attempt, False),
    ("running", has_no_attempt, False),
    ("queued", has_ended_attempts_only, False),
    ("done", has_started, False),
    ("failed", has_ended_attempts_only, False),
]


@pytest.mark.parametrize(("status", "attempt", "joins"), ACTIVE)
def test_a_job_of_the_identity_that_has_not_started_covers_another_conversation(
    api: APIClient, alice: Identity, status: str, attempt: Callable[[Job], None], joins: bool
) -> None:
    before, chosen = make_conversation(alice), [make_conversation(alice) for _ in range(2)]
    job = make_job(TYPE, status=status, payload=payload_of(before))
    attempt(job)
    body = backfill(api, *chosen)
    (job_id,) = body["jobs"]
    assert (job_id == job.pk) == joins
    assert body["already_active"] == ([job.pk] if joins else [])
    assert covered(body) == dict.fromkeys((one.pk for one in chosen), job_id)
    assert RunJob.objects.get(run_id=body["job_id"]).joined == joins


@pytest.mark.parametrize("job_type", [catalog.BACKFILL_CONVERSATIONS, catalog.SYNC, catalog.REDOWNLOAD_ATTACHMENTS])
def test_a_job_of_another_type_covers_nothing(api: APIClient, alice: Identity, job_type: str) -> None:
    queued(make_job(job_type, status="queued", payload={"provider_id": "reddit", "identity_id": alice.pk}))
    assert backfill(api, make_conversation(alice))["already_active"] == []


def test_a_job_of_another_identity_covers_nothing(api: APIClient, alice: Identity) -> None:
    first = backfill(api, make_conversation(make_identity()))
    second = backfill(api, make_conversation(alice))
    assert second["already_active"] == []
    assert second["jobs"] != first["jobs"]


def test_a_conversation_whose_own_job_runs_is_covered_by_a_new_one_beside_another(
    api: APIClient, alice: Identity
) -> None:
    chosen = [make_conversation(alice) for _ in range(2)]
    running = make_job(TYPE, status="running", payload=payload_of(chosen[0]))
    queued(running, started_at=NOW)
    body = backfill(api, *chosen)
    assert running.pk not in body["jobs"]
    assert covered(body) == dict.fromkeys((one.pk for one in chosen), body["jobs"][0])
    # Alone it is the same work as what runs.
    Job.objects.exclude(pk=running.pk).update(status="done", dedupe_key=None)
    Dispatch.objects.exclude(job_id=running.pk).update(ended_at=NOW)
    assert backfill(api, chosen[0])["already_active"] == [running.pk]


def test_a_foreign_row_of_one_conversation_does_not_block_the_others(api: APIClient, alice: Identity) -> None:
    chosen = [make_conversation(alice) for _ in range(2)]
    foreign = make_job(TYPE, status="queued", payload=payload_of(chosen[0]))
    body = backfill(api, *chosen)
    assert (foreign.pk in body["jobs"], body["left_out"]) == (False, [])


def test_what_is_left_out_is_covered_by_nothing(api: APIClient, alice: Identity) -> None:
    blocked, other = make_conversation(alice), make_conversation(make_identity())
    foreign = make_job(TYPE, status="queued", payload=payload_of(blocked))
    body = backfill(api, blocked, other)
    assert covered(body) == {blocked.pk: None, other.pk: body["jobs"][0]}
    (left_out,) = body["left_out"]
    assert (left_out["identity_id"], left_out["code"], left_out["job_id"]) == (
        alice.pk,
        "blocked_by_foreign_job",
        foreign.pk,
    )


def test_a_schedule_joins_the_job_that_covers_it(api: APIClient, alice: Identity) -> None:
    body = backfill(api, make_conversation(alice))
    submitted = submit_job(job_type=TYPE, payload=payload_of(make_conversation(alice)), actor=OPERATOR)
    assert list(submitted.already_active) == body["jobs"]


@pytest.mark.django_db(transaction=True)
def test_many_who_ask_at_once_for_different_conversations_get_one_job() -> None:
    alice = make_identity("Alice")
    chosen = [make_conversation(alice).pk for _ in range(8)]
    barrier = Barrier(8)

    def ask(pk: int) -> tuple[int, ...]:
        barrier.wait()
        try:
            return operations.backfill_messages(conversation_ids=[pk], actor=OPERATOR).job_ids
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, chosen))) == 1
    assert Job.objects.count() == Dispatch.objects.count() == 1


# --- an installation whose task fetches only the conversation -------------------------------------------------------


def test_a_setting_says_that_the_task_fetches_only_the_conversation(
    api: APIClient, alice: Identity, settings: Any
) -> None:
    settings.JOB_TYPES = {TYPE: {"covers": ""}}
    chosen = [make_conversation(alice) for _ in range(3)]
    body = backfill(api, *chosen)
    assert len(body["jobs"]) == 3
    assert body["message"] == "3 jobs queued."
    found = covered(body)
    assert {Job.objects.get(pk=found[one.pk]).payload_json["conversation_id"] for one in chosen} == set(found)
    assert backfill(api, make_conversation(alice))["already_active"] == []


@pytest.mark.parametrize("covers", ["conversation", "all", "Identity", 1, None, True, [], "identity "])
def test_a_setting_that_makes_no_sense_is_refused_with_what_is_allowed(settings: Any, covers: Any) -> None:
    settings.JOB_TYPES = {TYPE: {"covers": covers}}
    with pytest.raises(ImproperlyConfigured, match="must be 'identity' or empty"):
        catalog.find(TYPE)


def test_without_places_one_run_still_has_one_job_of_each_identity(
    api: APIClient, alice: Identity, settings: Any
) -> None:
    settings.JOB_TYPES = {TYPE: {"serial_group": ""}}
    assert len(backfill(api, *(make_conversation(alice) for _ in range(3)))["jobs"]) == 1


# --- the pages ----------------------------------------------------------------------------------------------------


def test_who_may_not_see_conversations_sees_their_numbers(api: APIClient, alice: Identity, uncollected: None) -> None:
    chosen = [make_conversation(alice) for _ in range(2)]
    body = backfill(api, *chosen)
    url = f"/admin/jobs/run/{body['job_id']}/change/"
    words = f"Job #{body['jobs'][0]} covers #{chosen[0].pk} , #{chosen[1].pk}"
    for permissions in (["jobs.view_run"], ["jobs.view_run", "identities.view_conversation"]):
        page: Client = browser_of(make_user(f"user{len(permissions)}", *permissions))
        response = page.get(url)
        assert words.replace(" ,", ",") in text(response).replace(" ,", ",")
        link = f'href="/admin/identities/conversation/{chosen[0].pk}/change/"'
        assert (link in response.content.decode()) == (len(permissions) == 2)


def test_the_form_says_what_one_job_covers(alice: Identity, uncollected: None, settings: Any) -> None:
    page = browser_of(make_staff("olive", OPERATORS))
    url = f"/admin/identities/conversation/backfill/?conversation={make_conversation(alice).pk}"
    assert "One job for each identity" in text(page.get(url))
    settings.JOB_TYPES = {TYPE: {"covers": ""}}
    assert "One job for each conversation" in text(page.get(url))


def test_the_number_of_queries_does_not_grow_with_the_conversations(alice: Identity) -> None:
    api = with_token(make_staff("olive", OPERATORS))
    numbers = []
    for n in (2, 40):
        identity = make_identity()
        chosen = [make_conversation(identity) for _ in range(n)]
        with CaptureQueriesContext(connection) as queries:
            backfill(api, *chosen)
        numbers.append(len(queries))
    assert numbers[0] == numbers[1]
