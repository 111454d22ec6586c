"""Entry tasks: what the console's beat may be told to start. They call operations, so that each is a job."""

from typing import Any

from celery import shared_task

from identities import operations
from identities.sync_schedules import PARAMETERS, SYNC_TASK
from jobs.receipts import Submitted
from jobs.schedules import entry_tasks
from jobs.schedules.entry_tasks import EntryTask
from opsconsole.audit import Actor, Entity, record_refusal
from opsconsole.errors import Refused
from opsconsole.row_ids import row_id

BACKFILL_CONVERSATIONS = "opsconsole.backfill_conversations"


def start_backfill(*, identity_id: Any = None, actor: Actor, reason: str = "") -> Submitted:
    """Start a backfill of one identity, or of all active ones.

    Raises:
        Refused: what is given is no id.
        NotFound, Conflict: as the operation.
    """
    named = row_id(identity_id)
    if named is None and identity_id is not None:
        refusal = Refused("Its argument identity_id must be the id of an identity, or null.", code="bad_arguments")
        record_refusal(refusal, actor=actor, action=operations.BACKFILL, entity=Entity(type="identity"), reason=reason)
        raise refusal
    return operations.backfill_conversations(
        identity_ids=None if named is None else [named], actor=actor, reason=reason
    )


entry_tasks.register(
    EntryTask(
        task=BACKFILL_CONVERSATIONS,
        title="Backfill conversations",
        parameters=("identity_id",),
        start=start_backfill,
    )
)
entry_tasks.register(EntryTask(task=SYNC_TASK, title="Sync", parameters=PARAMETERS, start=operations.sync_on_schedule))


@shared_task(bind=True, name=BACKFILL_CONVERSATIONS, ignore_result=True)
def backfill_conversations(self: Any, /, *args: Any, **kwargs: Any) -> None:
    """Start a backfill of one identity, or of all active ones: `identity_id`."""
    entry_tasks.begin(self.request, args, kwargs)


@shared_task(bind=True, name=SYNC_TASK, ignore_result=True)
def sync_identities(self: Any, /, *args: Any, **kwargs: Any) -> None:
    """Sync one identity, or those that follow the general schedule: `provider_id`, `identity_id`, `default`."""
    entry_tasks.begin(self.request, args, kwargs)
