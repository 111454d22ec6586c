"""The pages of error groups, and the way to them from a job's."""

import pytest
from django.test import Client

from jobs.error_groups import reading
from jobs.error_groups.fingerprint import fingerprint
from jobs.models import Job
from tests.admin.conftest import browser_of
from tests.admin.reading import problems, rows, text
from tests.api.cast import make_staff
from tests.cast import make_identity
from tests.error_groups.rows import DOWN, failed_job, fold

pytestmark = pytest.mark.django_db

LIST = "/admin/jobs/errorgroup/"
PAGE = f"{LIST}{fingerprint('ingest.sync_delta', DOWN)}/change/"


def said(response: object) -> list[str]:
    """What the listed groups say, in the list's order."""
    return [vars(row)["shown"]["message"] for row in rows(response)]


def test_the_list_says_what_fails_and_how_often(page: Client) -> None:
    for minutes in (1, 60 * 5, 60 * 24 * 3):
        failed_job(minutes_ago=minutes)
    fold()
    response = page.get(LIST)
    words = text(response)
    assert "1 group" in words
    assert f"{DOWN} Sync 1 2 3 3 3 d ago 1 min ago" in words
    assert f'href="{PAGE}"' in response.content.decode()


def test_a_list_without_failures_says_so(page: Client) -> None:
    words = text(page.get(LIST))
    assert "No failures" in words
    assert "last 90 days" in words


def test_it_is_filtered_and_ordered_by_its_address(page: Client) -> None:
    for minutes, error in ((1, "new"), (60 * 5, "often"), (60 * 6, "often"), (60 * 24 * 5, "old")):
        failed_job(error, minutes_ago=minutes)
    failed_job("other", job_type="custom.thing", minutes_ago=60 * 24 * 6)
    fold()
    assert said(page.get(LIST)) == ["new", "often", "old", "other"]
    assert said(page.get(f"{LIST}?window=24h&ordering=-failures")) == ["often", "new"]
    response = page.get(f"{LIST}?job_type=custom.thing")
    assert said(response) == ["other"]
    assert "Type: custom.thing" in text(response)
    assert "Nothing matches these filters" in text(page.get(f"{LIST}?job_type=nobody.knows"))


@pytest.mark.parametrize(("query", "sentence"), [("window=2h", "1h, 24h, 7d"), ("ordering=x", "-failures")])
def test_what_is_wrong_with_the_address_is_said(page: Client, query: str, sentence: str) -> None:
    assert sentence in problems(page.get(f"{LIST}?{query}"))


def test_its_pages_follow_each_other(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.admin.error_groups.ErrorGroupAdmin.list_per_page", 2)
    for number in range(3):
        failed_job(f"{'abc'[number]} broke", minutes_ago=number + 1)
    fold()
    first = page.get(LIST)
    assert said(first) == ["a broke", "b broke"]
    second = page.get(LIST + first.context["cl"].state.next_url)
    assert said(second) == ["c broke"]
    assert "Previous" in text(second)
    assert said(page.get(LIST + second.context["cl"].state.previous_url)) == ["a broke", "b broke"]


def test_a_group_shows_its_error_whom_it_concerns_and_the_jobs_it_has_left_behind(page: Client) -> None:
    alice = make_identity("Alice")
    error = f"{DOWN}\nas it said on 12 lines\npassword=hunter2hunter2"
    open_one = failed_job(error, payload={"identity_id": alice.pk})
    retried = failed_job(error, minutes_ago=2)
    fold()
    Job.objects.filter(pk=retried.pk).update(status="done")
    response = page.get(PAGE)
    words = text(response)
    for part in (
        DOWN,
        "as it said on 12 lines",
        "Failed now, of Alice 1",
        "In the last hour 2",
        f"Sync #{open_one.pk}",
    ):
        assert part in words, part
    assert "hunter2" not in words
    assert f"#{retried.pk}" not in words
    assert f'href="/admin/identities/identity/{alice.pk}/change/"' in response.content.decode()


def test_a_group_whose_jobs_have_all_gone_on_says_so(page: Client) -> None:
    failed_job()
    fold()
    Job.objects.update(status="done")
    assert "None of its jobs is failed any more" in text(page.get(PAGE))


def test_of_many_jobs_it_says_that_not_all_were_looked_at(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MEMBERS_READ", 2)
    for _ in range(3):
        failed_job()
    fold()
    assert "2 of the newest 2 jobs" in text(page.get(PAGE))
    assert f"{DOWN} Sync 3 3 3 2+" in text(page.get(LIST))


@pytest.mark.parametrize("name", ["0123456789abcdef", "1", "%00" * 16])
def test_a_group_that_is_not_there_is_said_to_be_missing(page: Client, name: str) -> None:
    response = page.get(f"{LIST}{name}/change/")
    assert response.status_code == 404
    assert "There is no error group" in text(response)


def test_a_failed_job_leads_to_its_like(page: Client) -> None:
    job = failed_job("broken 1")
    failed_job("broken 2", minutes_ago=30)
    failed_job("broken 3", minutes_ago=90)
    alone = failed_job("something else")
    fold()
    response = page.get(f"/admin/jobs/job/{job.pk}/change/")
    assert "2 more like this , the first 1 h ago" in text(response)
    assert f'href="{LIST}{fingerprint("ingest.sync_delta", "broken 1")}/change/"' in response.content.decode()
    assert "The only failure of this kind" in text(page.get(f"/admin/jobs/job/{alone.pk}/change/"))


def test_a_job_that_nobody_has_folded_yet_leads_nowhere(page: Client) -> None:
    job = failed_job()
    assert "like this" not in text(page.get(f"/admin/jobs/job/{job.pk}/change/"))


def test_who_may_see_jobs_may_see_them_and_nobody_else(viewing: Client) -> None:
    failed_job()
    fold()
    assert viewing.get(LIST).status_code == 200
    assert viewing.get(PAGE).status_code == 200
    assert f'href="{LIST}"' in viewing.get("/admin/").content.decode()
    stranger = browser_of(make_staff("stranger"))
    assert [stranger.get(url).status_code for url in (LIST, PAGE)] == [403, 403]
    assert f'href="{LIST}"' not in stranger.get("/admin/").content.decode()
