"""Entry tasks: what the console's beat may be told to start. They call operations, so that each is a job."""

from celery import shared_task

from identities import operations
from identities.sync_schedules import SYNC_TASK
from opsconsole.audit import Actor


@shared_task(name="opsconsole.backfill_conversations", ignore_result=True)
def backfill_conversations(identity_id: int | None = None) -> None:
    """Start a backfill of one identity, or of all active ones."""
    operations.backfill_conversations(
        identity_ids=None if identity_id is None else [identity_id], actor=Actor.system("beat")
    )


@shared_task(name=SYNC_TASK, ignore_result=True)
def sync_identities(
    provider_id: str | None = None,
    identity_id: int | None = None,
    default: bool = False,  # noqa: FBT002 -- a task's argument
) -> None:
    """Sync one identity, or all active ones that follow the general schedule."""
    operations.sync_on_schedule(
        provider_id=provider_id, identity_id=identity_id, default=default, actor=Actor.system("beat")
    )
