"""The pages of jobs, runs and periodic tasks."""

from jobs.admin.jobs import JobAdmin
from jobs.admin.runs import RunAdmin
from jobs.admin.schedules import PeriodicTaskAdmin

__all__ = ["JobAdmin", "PeriodicTaskAdmin", "RunAdmin"]
