"""GET /ops/errors and GET /ops/errors/{fingerprint}."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from jobs.error_groups import reading
from jobs.error_groups.fingerprint import fingerprint
from jobs.filters import JobFilter
from jobs.models import ErrorGroup, Job
from tests.api.cast import make_staff, refusal, with_token
from tests.cast import make_identity
from tests.error_groups.rows import DOWN, failed_attempt, failed_job, fold

pytestmark = pytest.mark.django_db

GROUP_KEYS = {
    "fingerprint",
    "job_type",
    "message",
    "first_seen",
    "last_seen",
    "failures",
    "failures_1h",
    "failures_24h",
    "failures_7d",
    "failed_now",
    "failed_now_is",
}
# The token with its user, and the permissions.
CALLER = 2


def listed(api: APIClient, query: str = "") -> list[str]:
    """What the listed groups say."""
    return [group["message"] for group in api.get(f"/ops/errors{query}").json()["groups"]]


def test_groups_are_listed_with_what_is_known_of_them(api: APIClient) -> None:
    for minutes in (5, 60 * 5, 60 * 24 * 3, 60 * 24 * 20):
        failed_job(minutes_ago=minutes)
    fold()
    body = api.get("/ops/errors").json()
    assert body.keys() == {"groups", "total", "next", "previous"}
    (group,) = body["groups"]
    assert group.keys() == GROUP_KEYS
    assert group["fingerprint"] == fingerprint("ingest.sync_delta", DOWN)
    assert (group["job_type"], group["message"]) == ("ingest.sync_delta", DOWN)
    counts = [group[name] for name in ("failures_1h", "failures_24h", "failures_7d", "failures", "failed_now")]
    assert counts == [1, 2, 3, 4, 4]
    assert group["failed_now_is"] == "exact"
    assert group["first_seen"].endswith("Z")
    assert (body["total"], body["next"], body["previous"]) == (1, None, None)


def test_without_failures_the_list_is_empty(api: APIClient) -> None:
    assert api.get("/ops/errors/").json() == {"groups": [], "total": 0, "next": None, "previous": None}


def test_those_seen_last_come_first_or_those_with_the_most_failures(api: APIClient) -> None:
    for minutes, error in ((1, "newest"), (30, "often"), (31, "often"), (60 * 30, "yesterday"), (60 * 30, "yesterday")):
        failed_job(error, minutes_ago=minutes)
    failed_job("yesterday", minutes_ago=60 * 31)
    fold()
    assert listed(api) == ["newest", "often", "yesterday"]
    assert listed(api, "?ordering=-failures") == ["yesterday", "often", "newest"]
    assert listed(api, "?ordering=-failures&window=24h") == ["often", "newest"]
    assert listed(api, "?window=7d") == ["newest", "often", "yesterday"]


def test_a_type_restricts(api: APIClient) -> None:
    failed_job(job_type="custom.thing")
    failed_job("other")
    fold()
    assert listed(api, "?job_type=custom.thing") == [DOWN]
    assert listed(api, "?job_type=nobody.knows") == []
    assert listed(api, "?job_type=&window=&ordering=") == ["other", DOWN]


@pytest.mark.parametrize("ordering", reading.ORDERINGS)
def test_pages_follow_each_other_in_both_directions(api: APIClient, ordering: str) -> None:
    for number in range(5):
        failed_job(f"{chr(97 + number)} broke", minutes_ago=number + 1)
    fold()
    whole = listed(api, f"?ordering={ordering}")
    pages, url = [], f"/ops/errors?limit=2&ordering={ordering}"
    while url:
        body = api.get(url).json()
        assert body["total"] == 5
        pages.append([group["message"] for group in body["groups"]])
        url, last = body["next"], body
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [message for page in pages for message in page] == whole
    back = api.get(last["previous"]).json()
    assert [group["message"] for group in back["groups"]] == pages[1]
    first = api.get(back["previous"]).json()
    assert [group["message"] for group in first["groups"]] == pages[0]
    assert first["previous"] is None


def test_a_cursor_is_good_for_its_own_list_and_as_long_as_its_group_is_there(api: APIClient) -> None:
    for error in ("a", "b", "c"):
        failed_job(error)
    fold()
    url = api.get("/ops/errors?limit=1").json()["next"]
    refusal(api.get(f"{url}&window=1h"), 400, "foreign_cursor")
    ErrorGroup.objects.all().delete()
    refusal(api.get(url), 400, "bad_cursor")


@pytest.mark.parametrize(
    ("query", "name", "allowed"),
    [
        ("?window=2h", "window", "1h, 24h, 7d"),
        ("?ordering=message", "ordering", "-last_seen, -failures"),
        ("?limit=0", "limit", "1 to 200"),
        ("?job_type=%00", "job_type", "ull characters"),
    ],
)
def test_what_is_not_allowed_is_said(api: APIClient, query: str, name: str, allowed: str) -> None:
    response = api.get(f"/ops/errors{query}")
    assert response.status_code == 400
    assert allowed in response.json()["errors"][name][0]


def test_one_group_has_a_sample_whom_it_concerns_and_its_newest_failed_jobs(api: APIClient) -> None:
    alice, bob = make_identity("Alice"), make_identity("Bob")
    error = "Failed to fetch conversation 7\nsecret=abcdefgh12345678"
    old = failed_job(error, payload={"identity_id": alice.pk}, minutes_ago=9)
    new = failed_job(error, payload={"identity_id": alice.pk, "n": 1}, minutes_ago=3)
    bobs = failed_job(error, payload={"identity_id": bob.pk}, minutes_ago=5)
    retried = failed_job(error, payload={"identity_id": bob.pk, "n": 1})
    fold()
    Job.objects.filter(pk=retried.pk).update(status="queued")
    (listed,) = api.get("/ops/errors").json()["groups"]
    body = api.get(f"/ops/errors/{listed['fingerprint']}").json()
    assert body.keys() == GROUP_KEYS | {"sample", "identities", "jobs"}
    assert body["sample"] == "Failed to fetch conversation 7\nsecret=[redacted]"
    assert body["identities"] == [
        {"id": alice.pk, "display_name": "Alice", "jobs": 2},
        {"id": bob.pk, "display_name": "Bob", "jobs": 1},
    ]
    assert {job["id"] for job in body["jobs"]} == {old.pk, new.pk, bobs.pk}
    assert (body["failed_now"], body["failures"]) == (3, 4)


def test_of_many_jobs_it_says_that_there_are_more(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MEMBERS_READ", 2)
    for _ in range(3):
        failed_job()
    fold()
    (listed,) = api.get("/ops/errors").json()["groups"]
    assert (listed["failed_now"], listed["failed_now_is"]) == (2, "capped")
    body = api.get(f"/ops/errors/{listed['fingerprint']}").json()
    assert (body["failed_now"], body["failed_now_is"], len(body["jobs"])) == (2, "capped", 2)


@pytest.mark.parametrize("name", ["0123456789abcdef", "7", "x" * 300, "%00" * 16])
def test_a_group_that_is_not_there_is_not_found(api: APIClient, name: str) -> None:
    assert "no error group" in refusal(api.get(f"/ops/errors/{name}"), 404, "error_group_not_found")


def test_nobody_posts_to_it(api: APIClient) -> None:
    assert api.post("/ops/errors", {}).status_code == 405


def test_who_may_not_see_jobs_sees_no_groups() -> None:
    stranger = with_token(make_staff("stranger"))
    assert [stranger.get(url).status_code for url in ("/ops/errors", "/ops/errors/0123456789abcdef")] == [403, 403]


def test_a_viewer_sees_them(viewing_api: APIClient) -> None:
    assert viewing_api.get("/ops/errors").status_code == 200


def test_a_list_and_a_group_take_as_many_queries_however_many_failures(
    api: APIClient, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for times in (2, 12):
        for number in range(times):
            identity = make_identity()
            job = failed_job(f"{chr(97 + number)} broke", payload={"identity_id": identity.pk})
            failed_attempt(job, DOWN, minutes_ago=0.5)
            failed_job(DOWN, payload={"identity_id": identity.pk, "n": 1})
        fold()
        with django_assert_max_num_queries(CALLER + 1):
            assert api.get("/ops/errors").status_code == 200
        with django_assert_max_num_queries(CALLER + 7):
            # group, members, jobs, identities, whom the jobs concern, workers, and identical jobs
            body = api.get(f"/ops/errors/{fingerprint('ingest.sync_delta', DOWN)}").json()
        assert len(body["jobs"]) == min(2 * times, 20)


def test_an_hour_begins_with_its_quarter(api: APIClient) -> None:
    failed_job(minutes_ago=59)
    failed_job(minutes_ago=76)
    fold()
    (group,) = api.get("/ops/errors").json()["groups"]
    assert group["failures_1h"] == 1
    assert timezone.now() - ErrorGroup.objects.get().last_seen >= timedelta(minutes=59)


def test_the_jobs_of_a_group_are_a_filter_of_the_jobs_list(api: APIClient) -> None:
    mine = [failed_job(f"{DOWN} after {seconds} s").pk for seconds in (3, 30)]
    failed_job("KeyError: 'name'")
    fold()
    like_this = fingerprint("ingest.sync_delta", f"{DOWN} after 3 s")
    body = api.get(f"/ops/jobs?fingerprint={like_this}").json()
    assert [job["id"] for job in body["jobs"]] == mine[::-1]
    assert body["total"] == 2
    assert api.get(f"/ops/jobs/counts?fingerprint={like_this}").json()["failed"] == 2
    assert api.get(f"/ops/jobs?fingerprint={'0' * 16}").json()["jobs"] == []


def test_what_is_no_fingerprint_is_refused_with_what_one_is(api: APIClient) -> None:
    response = api.get("/ops/jobs?fingerprint=nonsense")
    refusal(response, 400, "invalid")
    assert "sixteen hexadecimal digits" in response.json()["errors"]["fingerprint"][0]


def test_a_group_is_retried_by_its_fingerprint(api: APIClient) -> None:
    mine = failed_job("ValueError: 7 is too few").pk
    failed_job("KeyError: 'name'")
    fold()
    body = {"filter": {"fingerprint": fingerprint("ingest.sync_delta", "ValueError: 7 is too few")}, "dry_run": True}
    shown = api.post("/ops/jobs/retry", body).json()
    assert (shown["matched"], [job["id"] for job in shown["sample"]]) == (1, [mine])


def test_the_jobs_of_a_group_are_looked_up_by_their_ids(api: APIClient) -> None:
    where, params = JobFilter(fingerprint="0" * 16, statuses=("failed",)).conditions()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN SELECT id FROM jobs WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT 50", params)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "InitPlan" in plan
    assert "Seq Scan on jobs " not in plan
