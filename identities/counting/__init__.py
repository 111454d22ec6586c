"""How many conversations and messages each identity has, without counting while somebody waits.

Three background steps of the sweeper keep one row per identity (`IdentityCounts`), which is read by its key:

- `advance` counts new messages by id, from where it stood, per conversation;
- `recount` goes through all conversations again, in slices, when messages were changed or deleted since the last time;
- `totals` adds the conversations up.

What the numbers mean. Every message that was committed by `as_of` is counted, and perhaps a few that came later.
`as_of` is some seconds old, up to a minute while nothing arrives, or as old as the oldest transaction that is writing,
to whatever table. A message that was deleted, undeleted or moved to another conversation after it was counted is
reflected when the recount has come by; until then it counts as it was. A conversation that was deleted, undeleted, made
or moved to another identity is reflected within a minute, with all its messages. What has arrived within 24 hours is
known by the quarter of an hour, under the identity that the conversation had then; what is deleted later has arrived.
"""

from identities.counting.reading import CountsState, state

__all__ = ["CountsState", "state"]
