"""Arguments of periodic tasks that JSON, JavaScript or PostgreSQL can't hold: every page and answer shows something."""

import pytest
from django.test import Client
from django_celery_beat.models import IntervalSchedule
from rest_framework.test import APIClient

from jobs.models import Job
from tests.cast import make_identity
from tests.schedules.cast import make_schedule

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

ODD = [
    '{"identity_id": Infinity}',
    '{"identity_id": -Infinity, "provider_id": NaN}',
    '{"identity_id": 1e400}',
    '{"identity_id": 1.5}',
    '{"identity_id": 99999999999999999999999999999999999999999}',
    '{"provider_id": "\\ud800"}',
    '{"\\ud800": 1}',
    '{"provider_id": "\\u0000"}',
    '{"identity_id": ' + "[" * 400 + "]" * 400 + "}",
    '{"provider_id": ' + "9" * 5_000 + "}",
    '{"default": "yes", "default": []}',
    "null",
    '"text"',
]
TASKS = ["opsconsole.sync_identities", "opsconsole.submit_job", "ingest.sync_delta", "nobody.knows"]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("arguments", ODD)
def test_the_api_shows_them_and_refuses_to_run_them(api: APIClient, task: str, arguments: str) -> None:
    alice = make_identity(is_default=True)
    odd = make_schedule(task, arguments)
    for address in ("/ops/schedules", f"/ops/schedules/{odd.pk}", "/ops/sync/status", f"/ops/identities/{alice.pk}"):
        assert api.get(address).status_code == 200, address
    if "default" not in arguments:
        answer = api.post(f"/ops/schedules/{odd.pk}/run")
        assert answer.status_code in {400, 409}, answer.content
        assert answer.json()["detail"]
        assert not Job.objects.exists()


@pytest.mark.parametrize("arguments", ODD)
def test_the_pages_show_them(page: Client, arguments: str) -> None:
    alice = make_identity()
    odd = make_schedule("opsconsole.sync_identities", arguments)
    base = "/admin/django_celery_beat/periodictask/"
    for address in (
        base,
        f"{base}{odd.pk}/change/",
        f"{base}{odd.pk}/run/",
        f"{base}pause/",
        "/admin/identities/identity/",
        f"/admin/identities/identity/{alice.pk}/change/",
        f"/admin/identities/identity/{alice.pk}/live/",
    ):
        assert page.get(address).status_code == 200, address


@pytest.mark.parametrize(("every", "period"), [(10**9, "days"), (10, "fortnights"), (0, "minutes"), (-5, "hours")])
def test_an_identitys_page_shows_an_interval_that_cannot_be_reckoned_with(
    page: Client, every: int, period: str
) -> None:
    alice = make_identity()
    interval = IntervalSchedule.objects.create(every=every, period=period)
    make_schedule("opsconsole.sync_identities", {"identity_id": alice.pk}, interval=interval)
    for address in ("", f"{alice.pk}/change/", f"{alice.pk}/live/", "live/"):
        assert page.get(f"/admin/identities/identity/{address}").status_code == 200
