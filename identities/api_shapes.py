"""What the answers about identities, their syncs and their conversations look like."""

from jobs.api_schedule_shapes import BeatState
from jobs.api_shapes import Progress, job_status, maybe_outcome
from opsconsole.api.shapes import (
    Links,
    Shape,
    Subject,
    far_text,
    flag,
    maybe_moment,
    maybe_number,
    maybe_text,
    moment,
    number,
    text,
    texts,
    word,
)


class CredentialState(Shape):
    """Which credentials an identity has; never a secret."""

    status = word("present", "missing")
    types = texts()
    connected_at = maybe_moment()
    rotated_at = maybe_moment()


class HealthReason(Shape):
    """One thing that there is to say of an identity's syncs."""

    code = text()
    message = text("What is wrong and what to do.")


class OverallHealth(Shape):
    """How healthy the syncs of all active identities are."""

    status = word("ok", "warning", "critical", "unknown")
    reasons = HealthReason(many=True)


class SyncHealth(OverallHealth):
    """How healthy an identity's syncs are."""

    state = word("on_track", "late", "failing", "action_required", "pending", "unknown", "inactive")


class ActiveJob(Shape):
    """The job of an identity that runs, or is the next to run."""

    id = number()
    job_type = text()
    title = text()
    status = job_status()
    since = maybe_moment()
    progress = Progress(allow_null=True)
    cancel_requested_at = maybe_moment()
    waits_for = maybe_number()
    run_id = maybe_text()


class SyncStatus(Shape):
    """How the syncs of an identity are doing."""

    identity_id = number()
    id = number("The same once more.")
    display_name = text()
    external_username = text()
    provider_id = text()
    provider = text("The provider's name.")
    is_default = flag()
    is_active = flag()
    created_at = maybe_moment()
    last_sync_at = maybe_moment("The last sign of a sync that succeeded.")
    last_sync_source = word("job", "result", "message", allow_null=True, words="From what that is known.")
    last_sync_status = maybe_outcome("How the last attempt ended.")
    last_success_at = maybe_moment()
    last_attempt_at = maybe_moment()
    last_error = maybe_text()
    last_error_cut = flag("The answer was too large, and its errors are shortened.", required=False)
    failures = number("Since the last success.")
    failing_since = maybe_moment()
    next_sync_at = maybe_moment("When the next sync is expected.")
    schedule = maybe_text("Such as “every 10 minutes”.")
    scheduled = word("on", "off", "paused", "broken", "missing", "elsewhere")
    schedule_id = maybe_number()
    schedule_is_own = flag()
    conversations_count = number()
    messages_count = number()
    new_messages_24h = number()
    counts_as_of = maybe_moment()
    credential = CredentialState()
    health = SyncHealth()
    active_job = ActiveJob(allow_null=True)
    waiting_jobs = number("How many more wait, up to a thousand.")


class SyncStatusChanged(SyncStatus):
    """How the syncs of an identity are doing, after its schedule was changed."""

    message = text()


class SyncOverview(Shape):
    """How the syncs of several identities are doing, and of all together."""

    identities = SyncStatus(many=True)
    overall = OverallHealth()
    beat = BeatState()
    as_of = moment()


class Conversation(Shape):
    """A conversation, to choose what to backfill; never what was said in it."""

    id = number()
    provider_id = text()
    counterpart = text()
    identity = Subject()
    last_activity_at = maybe_moment()
    last_activity_at_text = far_text()
    archived_at = maybe_moment()
    archived_at_text = far_text()
    message_count = number()


class ConversationPage(Links):
    """A page of conversations, newest first."""

    conversations = Conversation(many=True)
