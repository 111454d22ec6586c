"""An own attempt's hold on its job, in one process: claimed, renewed, ended."""

import pytest
from django.db import connection

from jobs import attempts, losses
from jobs.attempts import Hold
from jobs.models import Dispatch
from tests.worker.conftest import Submit
from tests.worker.faults import claim, let_run_out

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_running_attempt_of_a_job_whose_row_was_deleted_ends_with_its_lease(submit: Submit) -> None:
    held = claim(submit("tests.count", name="a"))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM jobs")
    assert attempts.renew(held) is Hold.LOST
    let_run_out("lease_until")
    attempts.expire(limit=10)
    losses.let_go_of_ended()

    assert Dispatch.objects.get().outcome == "superseded"
