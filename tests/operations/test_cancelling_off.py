"""A core whose jobs can't be “cancelled” yet: nothing can be cancelled, and everything else goes on."""

import pytest
from django.db import connection
from rest_framework.test import APIClient

from jobs import operations
from jobs.models import QUEUED, STATUSES, Job
from opsconsole.errors import Conflict
from opsconsole.schema import enums
from tests.cast import OPERATOR, make_job, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _without_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = ", ".join(f"'{status}'" for status in STATUSES if status != "cancelled")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE jobs DROP CONSTRAINT IF EXISTS ck_jobs_status")
        cursor.execute("ALTER TABLE jobs ALTER status DROP DEFAULT")
        cursor.execute(f"CREATE TYPE status_of_a_job AS ENUM ({labels})")
        cursor.execute("ALTER TABLE jobs ALTER status TYPE status_of_a_job USING status::text::status_of_a_job")
    # The values of the real column stay cached for other tests.
    monkeypatch.setattr(enums, "_shared", enums.AllowedValues())


def test_cancelling_is_refused_with_a_sentence_that_says_what_is_needed() -> None:
    job = make_job(status=QUEUED)
    with pytest.raises(Conflict, match="needs to be migrated first") as refused:
        operations.cancel_job(job.pk, actor=OPERATOR)
    assert refused.value.code == "cancelling_is_off"
    assert Job.objects.get().status == QUEUED


@pytest.mark.parametrize("status", ["cancelled", "retrying,cancelled", "other"])
def test_a_list_of_what_cannot_be_is_empty(status: str) -> None:
    make_job(status=QUEUED)
    api = APIClient()
    api.force_authenticate(make_user("victor", "jobs.view_job"))
    answer = api.get(f"/ops/jobs?status={status}")
    assert (answer.status_code, answer.json()["jobs"]) == (200, [])


def test_other_jobs_are_shown_counted_and_retried() -> None:
    job = make_job()
    api = APIClient()
    api.force_authenticate(make_user("victor", "jobs.view_job"))
    assert api.get("/ops/jobs/counts").json()["failed"] == 1
    assert api.get("/ops/jobs?stuck=true").status_code == 200
    operations.retry_job(job.pk, actor=OPERATOR)
    assert Job.objects.get().status == QUEUED
