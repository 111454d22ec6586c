"""Messages that got lost, or only seem to be: what is sent again, what fails, and what is left alone."""

import pytest

from jobs import handover, losses
from jobs.models import RUNNING, Dispatch, Job, Outcome
from tests.worker.conftest import Submit
from tests.worker.faults import claim

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_attempt_that_was_claimed_before_its_message_was_taken_for_lost_goes_on(submit: Submit) -> None:
    job_id = submit("tests.count_once", name="a")
    held = claim(job_id)
    handover.fail(held.dispatch_id, job_id, losses.NEVER_CLAIMED, Outcome.FAILED)

    assert Job.objects.get().status == RUNNING
    assert Dispatch.objects.get().ended_at is None
