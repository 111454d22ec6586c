"""The history of an identity's syncs."""

from identities.models import SyncAttempt


def attempts_of(identity_id: int, *, limit: int = 50) -> list[SyncAttempt]:
    """Return the newest attempts at syncs and backfills of an identity, newest first; one query."""
    found = SyncAttempt.objects.filter(identity_id=identity_id).order_by("-ended_at", "-pk")
    return list(found[:limit])
