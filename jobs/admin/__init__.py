"""The pages of jobs and runs."""

from jobs.admin.jobs import JobAdmin
from jobs.admin.runs import RunAdmin

__all__ = ["JobAdmin", "RunAdmin"]
