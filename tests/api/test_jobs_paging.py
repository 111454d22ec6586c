"""GET /ops/jobs: pages by offset and by cursor, and totals."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from rest_framework.test import APIClient

from jobs import counts
from tests.api.cast import ids, make_jobs, refusal
from tests.cast import make_identity, make_job

LISTS = ("/ops/jobs", "/ops/runs", "/ops/conversations", "/ops/audit")


def pages(api: APIClient, url: str | None, *, link: str = "next") -> Iterator[dict[str, Any]]:
    while url is not None:
        response = api.get(url)
        assert response.status_code == 200, response.content
        page: dict[str, Any] = response.json()
        yield page
        url = page[link]


def cursor_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["cursor"][0]


def test_limit_is_50_unless_it_is_given(api: APIClient) -> None:
    made = make_jobs(51)
    assert len(api.get("/ops/jobs").json()["jobs"]) == 50
    assert ids(api.get("/ops/jobs?limit=200").json()) == made[::-1]
    assert ids(api.get("/ops/jobs?limit=1").json()) == made[:-2:-1]


def test_offset_skips(api: APIClient) -> None:
    made = make_jobs(5)
    assert ids(api.get("/ops/jobs?limit=2&offset=2").json()) == [made[2], made[1]]
    assert ids(api.get("/ops/jobs?limit=2&offset=4&ordering=id").json()) == [made[4]]
    beyond = api.get("/ops/jobs?offset=10000000").json()
    assert (beyond["jobs"], beyond["next"], beyond["previous"]) == ([], None, None)


def test_a_page_by_offset_links_to_its_neighbours(api: APIClient) -> None:
    made = make_jobs(6)[::-1]
    page = api.get("/ops/jobs?limit=2&offset=2").json()
    assert ids(page) == made[2:4]
    assert "offset" not in page["next"]
    assert ids(api.get(page["next"]).json()) == made[4:6]
    assert ids(api.get(page["previous"]).json()) == made[0:2]


@pytest.mark.parametrize("ordering", ["-created_at", "created_at"])
@pytest.mark.parametrize("query", ["", "&status=failed", "&status=failed,done&job_type=ingest.sync_delta"])
def test_cursors_lead_to_the_end_and_back(api: APIClient, query: str, ordering: str) -> None:
    made = make_jobs(7)
    expected = made if ordering == "created_at" else made[::-1]
    forth = list(pages(api, f"/ops/jobs?limit=3&ordering={ordering}{query}"))
    assert [ids(page) for page in forth] == [expected[:3], expected[3:6], expected[6:]]
    assert [page["previous"] is None for page in forth] == [True, False, False]

    back = list(pages(api, forth[-1]["previous"], link="previous"))
    assert [ids(page) for page in back] == [expected[3:6], expected[:3]]
    assert back[-1]["next"] is not None
    assert ids(api.get(back[-1]["next"]).json()) == expected[3:6]


def test_rows_inserted_meanwhile_neither_repeat_nor_hide_others(api: APIClient) -> None:
    made = make_jobs(6)[::-1]
    first = api.get("/ops/jobs?limit=2").json()
    new = make_jobs(3)[::-1]
    rest = list(pages(api, first["next"]))
    assert ids(first) + [pk for page in rest for pk in ids(page)] == made

    # The way back leads beyond the first page, to what has come since.
    back = list(pages(api, rest[0]["previous"], link="previous"))
    assert [pk for page in reversed(back) for pk in ids(page)] == new + made[:2]


def test_a_link_keeps_the_filters(api: APIClient) -> None:
    make_jobs(3)
    link = api.get("/ops/jobs?limit=1&status=failed&status=done&q=Timeout").json()["next"]
    query = parse_qs(urlsplit(link).query)
    assert query["status"] == ["failed", "done"]
    assert query["limit"] == ["1"]
    assert query["q"] == ["Timeout"]
    assert link.startswith("http://testserver/ops/jobs?")


def test_either_name_of_an_order_takes_the_others_cursor(api: APIClient) -> None:
    made = make_jobs(3)[::-1]
    cursor = cursor_of(api.get("/ops/jobs?limit=1&ordering=-id").json()["next"])
    assert ids(api.get("/ops/jobs", {"limit": "1", "ordering": "-created_at", "cursor": cursor}).json()) == [made[1]]


def test_a_cursor_stays_good_for_another_limit(api: APIClient) -> None:
    made = make_jobs(4)[::-1]
    cursor = cursor_of(api.get("/ops/jobs?limit=1").json()["next"])
    assert ids(api.get("/ops/jobs", {"limit": "3", "cursor": cursor}).json()) == made[1:]


@pytest.mark.parametrize("url", LISTS)
def test_a_broken_cursor_is_a_400(api: APIClient, url: str) -> None:
    make_jobs(2)
    for cursor in ("x", "e30:abc", "WyJqb2JzIl0:1w:abc", "é", "x" * 301, "x" * 5_000, "-1", "{}", "Ω:Ω:Ω"):
        refusal(api.get(f"{url}?cursor={cursor}"), 400, "bad_cursor")
    refusal(api.get(f"{url}?cursor=%00"), 400, "invalid")


def test_a_changed_cursor_is_a_400(api: APIClient) -> None:
    make_jobs(3)
    cursor = cursor_of(api.get("/ops/jobs?limit=1").json()["next"])
    refusal(api.get("/ops/jobs", {"cursor": cursor[:-1] + ("a" if cursor[-1] != "a" else "b")}), 400, "bad_cursor")
    refusal(api.get("/ops/jobs", {"cursor": cursor[1:]}), 400, "bad_cursor")


@pytest.mark.parametrize("query", ["status=done", "ordering=created_at", "q=x", "stuck=true", "identity_id=1"])
def test_a_cursor_of_another_filter_or_order_is_a_400(api: APIClient, query: str) -> None:
    make_jobs(3)
    cursor = cursor_of(api.get("/ops/jobs?limit=1").json()["next"])
    detail = refusal(api.get(f"/ops/jobs?cursor={cursor}&{query}"), 400, "foreign_cursor")
    assert "another list" in detail


@pytest.mark.parametrize("url", LISTS[1:])
def test_a_cursor_of_another_list_is_a_400(api: APIClient, url: str) -> None:
    make_jobs(3)
    cursor = cursor_of(api.get("/ops/jobs?limit=1").json()["next"])
    refusal(api.get(f"{url}?cursor={cursor}"), 400, "foreign_cursor")


@pytest.mark.parametrize("url", LISTS)
def test_every_list_refuses_a_limit_outside_of_1_to_200(api: APIClient, url: str) -> None:
    for limit in ("0", "-1", "201", "1000000000", "ten", "9" * 5_000):
        assert "1 to 200" in refusal(api.get(f"{url}?limit={limit}"), 400, "invalid")


# --- totals -------------------------------------------------------------------------------------------------------


def test_the_total_of_what_fits_one_page_is_exact(api: APIClient) -> None:
    make_jobs(3)
    counts.refresh(max_age_seconds=0)
    make_jobs(2)
    page = api.get("/ops/jobs?status=failed").json()
    assert (page["total"], page["total_is"], page["as_of"]) == (5, "exact", None)


def test_the_total_of_a_longer_list_is_estimated_as_of_a_moment(api: APIClient) -> None:
    make_jobs(3)
    make_job(status="done")
    page = api.get("/ops/jobs?limit=2").json()
    assert (page["total"], page["total_is"]) == (4, "estimated")
    assert page["as_of"].endswith("Z")
    page = api.get("/ops/jobs?limit=2&status=failed").json()
    assert (page["total"], page["total_is"]) == (3, "estimated")


def test_the_total_of_a_filter_without_an_index_is_counted(api: APIClient) -> None:
    make_jobs(3)
    make_job("something.else")
    page = api.get("/ops/jobs?limit=2&job_type=ingest.sync_delta").json()
    assert (page["total"], page["total_is"], page["as_of"]) == (3, "exact", None)


def test_counting_a_filter_without_an_index_ends_at_a_cap(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.queries.CAPPED_COUNT", 2)
    make_jobs(4)
    page = api.get("/ops/jobs?limit=1&job_type=ingest.sync_delta").json()
    assert (page["total"], page["total_is"]) == (2, "capped")


def test_a_retry_shows_in_the_total_at_once(api: APIClient) -> None:
    identity = make_identity()
    pk = make_job(payload={"identity_id": identity.pk}).pk
    make_jobs(2)
    assert api.get("/ops/jobs?limit=1&status=failed").json()["total"] == 3
    assert api.post(f"/ops/jobs/{pk}/retry").status_code == 200
    assert api.get("/ops/jobs?limit=1&status=failed").json()["total"] == 2
    assert api.get("/ops/jobs/counts").json()["queued"] == 1
