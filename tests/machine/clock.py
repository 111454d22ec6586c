"""Time that passes without waiting: every moment in the ledger and beside it moves into the past."""

from django.db import connection, models

from jobs.models import Dispatch, Job, WorkerReport


def advance(seconds: float) -> None:
    """Let this much time pass for the database's clock."""
    with connection.cursor() as cursor:
        for model in (Job, Dispatch, WorkerReport):
            moments = [field.column for field in model._meta.fields if isinstance(field, models.DateTimeField)]
            sets = ", ".join(f"{column} = {column} - make_interval(secs => {float(seconds)})" for column in moments)
            cursor.execute(f"UPDATE {model._meta.db_table} SET {sets}")
