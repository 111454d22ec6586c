"""Entry tasks: what the console's beat may be told to start. They call operations, so that each is a job."""

from celery import shared_task

from identities import operations
from opsconsole.audit import Actor


@shared_task(name="opsconsole.backfill_conversations", ignore_result=True)
def backfill_conversations(identity_id: int | None = None) -> None:
    """Start a backfill of one identity, or of all active ones."""
    operations.backfill_conversations(
        identity_ids=None if identity_id is None else [identity_id], actor=Actor.system("beat")
    )
