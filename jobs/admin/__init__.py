"""The pages of jobs, error groups, runs and periodic tasks."""

from jobs.admin.error_groups import ErrorGroupAdmin
from jobs.admin.jobs import JobAdmin
from jobs.admin.runs import RunAdmin
from jobs.admin.schedules import PeriodicTaskAdmin

__all__ = ["ErrorGroupAdmin", "JobAdmin", "PeriodicTaskAdmin", "RunAdmin"]
