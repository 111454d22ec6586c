"""What the answers about error groups look like."""

from jobs.api_shapes import Job
from opsconsole.api.shapes import Links, Shape, moment, number, text, word


class ErrorGroup(Shape):
    """Failures of one type whose errors say the same."""

    fingerprint = text()
    job_type = text()
    message = text()
    first_seen = moment()
    last_seen = moment()
    failures = number("Since `first_seen`.")
    failures_1h = number()
    failures_24h = number()
    failures_7d = number()
    failed_now = number("How many of its jobs are failed still.")
    failed_now_is = word("exact", "capped", words="Capped: that many or more.")


class ErrorGroupPage(Links):
    """A page of error groups."""

    groups = ErrorGroup(many=True)
    total = number()


class FailedJobsOfIdentity(Shape):
    """How many jobs of a group are failed now for an identity."""

    id = number()
    display_name = text()
    jobs = number()


class ErrorGroupDetails(ErrorGroup):
    """A group with a sample of its error and its newest jobs."""

    sample = text()
    identities = FailedJobsOfIdentity(many=True)
    jobs = Job(many=True)
