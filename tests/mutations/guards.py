"""All guards. A replacement that no longer matches says that a guard has moved: say here where it is now."""

from typing import Final

from tests.mutations.backup_guards import BACKUPS
from tests.mutations.guard import Edit, Guard
from tests.mutations.matching_guards import MATCHING

_CLAIMING: Final = "tests/worker/test_claiming.py::"
_ATTEMPTS: Final = "tests/worker/test_attempts.py::"
_SETTLING: Final = "tests/worker/test_settling.py::"
_TRIES: Final = "tests/worker/test_worker_retries.py::"
_HANDING_OVER: Final = "tests/worker/test_handing_over.py::"
_LOST: Final = "tests/worker/test_lost_messages.py::"
_PLACES: Final = "tests/worker/test_places.py::"
_MEANWHILE: Final = "tests/worker/test_cancelled_meanwhile.py::"
_SUBMITTING: Final = "tests/operations/test_submitting.py::"
_RETRYING: Final = "tests/operations/test_retrying.py::"
_CANCEL: Final = "tests/api/test_job_cancel.py::"
_ACCESS: Final = "tests/api/test_access.py::"
_CORE_SESSION: Final = "tests/api/test_core_session.py::"
_IDEMPOTENCY: Final = "tests/api/test_idempotency.py::"
_TELLING: Final = "tests/sync_history/test_telling.py::"
_OUTCOMES: Final = "tests/sync_history/test_outcomes.py::"
_FOREIGN: Final = "tests/sync_history/test_foreign_rows.py::"

_SAME_WORK: Final = _SUBMITTING + "test_the_same_work_while_it_is_active_joins_the_job_instead_of_doubling_it"
_FORGED: Final = _CLAIMING + "test_a_message_that_does_not_belong_to_an_attempt_claims_nothing"
_LATE_RESULT: Final = _SETTLING + "test_a_result_that_comes_after_a_cancel_stays_in_the_attempt_only"

LEDGER: Final = (
    Guard(
        name="unique dedupe key",
        keeps="The same work is one job while it is active: whoever submits it writes the unique key.",
        edits=(
            Edit(
                "jobs/ledger.py",
                "[work.queue, work.job_type, payload, QUEUED, work.max_attempts, key],",
                "[work.queue, work.job_type, payload, QUEUED, work.max_attempts, None],",
            ),
        ),
        tests=(_SAME_WORK, _SUBMITTING + "test_many_submits_of_the_same_work_at_once_make_one_job"),
    ),
    Guard(
        name="joining",
        keeps="Whoever finds the key taken joins the job that has it.",
        edits=(Edit("jobs/ledger.py", "ON CONFLICT (dedupe_key) DO NOTHING RETURNING id", "RETURNING id"),),
        tests=(_SAME_WORK,),
    ),
    Guard(
        name="keys of ended jobs",
        keeps="Only an active job is joined; the key of one that has ended is freed.",
        edits=(
            Edit(
                "jobs/ledger.py",
                "WHERE dedupe_key = %s AND NOT status::text = ANY(%s) FOR UPDATE",
                "WHERE dedupe_key = %s AND (true OR NOT status::text = ANY(%s)) FOR UPDATE",
            ),
        ),
        tests=(_SUBMITTING + "test_a_key_that_an_ended_job_still_holds_is_freed",),
    ),
    Guard(
        name="rows that others wrote",
        keeps="The console doesn't join an active row that it doesn't run, because the row may never end.",
        edits=(Edit("jobs/foreign.py", "elif status != RUNNING or is_stuck:", "elif False:"),),
        tests=("tests/api/test_foreign_jobs.py::test_messages_of_one_conversation",),
    ),
    Guard(
        name="one job for an identity",
        keeps="If a task fetches a whole identity, simultaneous requests for different parts get one job.",
        edits=(
            Edit(
                "jobs/covering.py",
                "SELECT pg_advisory_xact_lock(hashtextextended(cover, 0)) FROM unnest(%s::text[]) AS cover",
                "SELECT cover FROM unnest(%s::text[]) AS cover",
            ),
        ),
        tests=("tests/api/test_covering.py::test_many_who_ask_at_once_for_different_conversations_get_one_job",),
    ),
    Guard(
        name="conditional update",
        keeps="A transition changes a job only if it has one of the statuses that it starts from.",
        edits=(
            Edit(
                "jobs/ledger.py",
                "WHERE jobs.id = before.id AND before.status::text = ANY(%s)"
                "\n            RETURNING before.status::text",
                "WHERE jobs.id = before.id AND (true OR before.status::text = ANY(%s))"
                "\n            RETURNING before.status::text",
            ),
        ),
        tests=(_LATE_RESULT, _CLAIMING + "test_a_job_that_somebody_has_ended_by_hand_is_not_claimed"),
    ),
)

CLAIM: Final = (
    Guard(
        name="fence",
        keeps="Only the newest attempt of a job can be claimed: the ones before it have ended.",
        edits=(Edit("jobs/attempts.py", "task=task, started_at=None, ended_at=None", "task=task, started_at=None"),),
        tests=(_CLAIMING + "test_the_late_message_of_an_earlier_attempt_claims_nothing",),
    ),
    Guard(
        name="one open attempt",
        keeps="A job has one open attempt at the most; the database holds it.",
        edits=(
            Edit(
                "jobs/migrations/0007_attempts_looked_up.py",
                "fields=('job',), name='dispatch_one_open_per_job'",
                "fields=('id',), name='dispatch_one_open_per_job'",
            ),
        ),
        tests=(_CLAIMING + "test_a_job_has_one_open_attempt_at_the_most",),
    ),
    Guard(
        name="claimed once",
        keeps="An attempt is claimed once, also when somebody sets its job back meanwhile.",
        edits=(Edit("jobs/attempts.py", "task=task, started_at=None, ended_at=None", "task=task, ended_at=None"),),
        tests=(_CLAIMING + "test_an_attempt_that_runs_is_not_claimed_again_though_somebody_has_set_its_job_back",),
    ),
    Guard(
        name="claimed once, by the job too",
        keeps="An attempt is claimed once. That it has started and that its job runs hold each by itself, so both are "
        "taken out together.",
        edits=(
            Edit("jobs/attempts.py", "task=task, started_at=None, ended_at=None", "task=task, ended_at=None"),
            Edit(
                "jobs/attempts.py",
                "before = ledger.transition(job, allowed=(QUEUED, RETRYING), to=RUNNING, add_attempt=True)",
                "before = ledger.transition(job, allowed=(QUEUED, RETRYING, RUNNING), to=RUNNING, add_attempt=True)",
            ),
        ),
        tests=(_CLAIMING + "test_an_attempt_is_claimed_once",),
    ),
    Guard(
        name="the claim's job",
        keeps="A message claims only an attempt of the job that it names.",
        edits=(
            Edit(
                "jobs/attempts.py",
                "pk=dispatch, job_id=job, task_id=message, task=task",
                "pk=dispatch, task_id=message, task=task",
            ),
        ),
        tests=(_CLAIMING + "test_a_message_that_names_another_job_than_its_attempts_claims_nothing",),
    ),
    Guard(
        name="the claim's task id",
        keeps="A message claims only the attempt that its task id was made for.",
        edits=(
            Edit(
                "jobs/attempts.py",
                "pk=dispatch, job_id=job, task_id=message, task=task",
                "pk=dispatch, job_id=job, task=task",
            ),
        ),
        tests=(_FORGED,),
    ),
    Guard(
        name="the claim's task",
        keeps="A message claims only an attempt of the task that it runs.",
        edits=(
            Edit(
                "jobs/attempts.py",
                "pk=dispatch, job_id=job, task_id=message, task=task",
                "pk=dispatch, job_id=job, task_id=message",
            ),
        ),
        tests=(_FORGED,),
    ),
    Guard(
        name="undone claim",
        keeps="Where nothing is claimed, the job isn't running either.",
        edits=(
            Edit(
                "jobs/attempts.py",
                "            transaction.set_rollback(True)\n            return None\n    failpoints",
                "            return None\n    failpoints",
            ),
        ),
        tests=(_FORGED,),
    ),
)

ATTEMPTS: Final = (
    Guard(
        name="undone completion",
        keeps="A worker that lost its lease doesn't end the job of the attempt after its own.",
        edits=(
            Edit(
                "jobs/attempts.py",
                "            transaction.set_rollback(True)\n    if not mine:\n        _let_go",
                "            pass\n    if not mine:\n        _let_go",
            ),
        ),
        tests=(_ATTEMPTS + "test_a_worker_that_lost_its_lease_does_not_complete_the_attempt_after_its_own",),
    ),
    Guard(
        name="ends its own attempt only",
        keeps="A worker that lost its lease doesn't fail the attempt after its own.",
        edits=(
            Edit(
                "jobs/attempts.py",
                "open_ones = Dispatch.objects.filter(pk=held.dispatch_id, ended_at=None)\n        if lost:",
                "open_ones = Dispatch.objects.filter(pk=held.dispatch_id)\n        if lost:",
            ),
        ),
        tests=(_ATTEMPTS + "test_a_worker_that_lost_its_lease_does_not_fail_the_attempt_after_its_own",),
    ),
    Guard(
        name="lease looked at again",
        keeps="An attempt that is renewed after it was found to be over goes on.",
        edits=(
            Edit(
                "jobs/attempts.py",
                "open_ones = open_ones.filter(lease_until__lt=Now())",
                "open_ones = open_ones.filter(lease_until__isnull=False)",
            ),
        ),
        tests=(_ATTEMPTS + "test_a_lease_that_is_renewed_after_it_was_found_to_have_run_out_holds",),
    ),
    Guard(
        name="lease",
        keeps="An attempt is not ended before its lease has run out. It is asked when it is found and again when it is "
        "locked; either would do here.",
        edits=(
            Edit(
                "jobs/attempts.py",
                "over = Dispatch.objects.filter(ended_at=None, lease_until__lt=Now())",
                "over = Dispatch.objects.filter(ended_at=None, lease_until__isnull=False)",
            ),
            Edit(
                "jobs/attempts.py",
                "open_ones = open_ones.filter(lease_until__lt=Now())",
                "open_ones = open_ones.filter(lease_until__isnull=False)",
            ),
        ),
        tests=(_ATTEMPTS + "test_an_attempt_whose_lease_holds_is_not_ended",),
    ),
    Guard(
        name="renewal",
        keeps="A worker whose job was changed by hand learns that it has lost it.",
        edits=(Edit("jobs/attempts.py", "AND jobs.status = %s", "AND (true OR jobs.status = %s)"),),
        tests=(_ATTEMPTS + "test_a_worker_whose_job_was_ended_by_hand_learns_that_it_has_lost_it",),
    ),
    Guard(
        name="cancel wins over retry",
        keeps="What was asked to end is cancelled and not retried, however its attempt ends.",
        edits=(Edit("jobs/attempts.py", "if dispatch.cancel_requested_at is not None:", "if False:"),),
        tests=(_ATTEMPTS + "test_what_was_asked_to_end_is_cancelled_also_when_its_worker_is_lost",),
    ),
    Guard(
        name="at most once, worker lost",
        keeps="What may take effect only once isn't retried when its worker is lost.",
        edits=(
            Edit(
                "jobs/attempts.py",
                "    if dispatch.at_most_once:\n        return FAILED",
                "    if False:\n        return FAILED",
            ),
        ),
        tests=(_ATTEMPTS + "test_what_may_take_effect_only_once_has_failed_when_its_worker_is_lost",),
    ),
    Guard(
        name="permanent errors of own tasks",
        keeps="What no retry can mend isn't retried.",
        edits=(
            Edit(
                "jobs/attempts.py",
                "if permanent or job.attempts >= job.max_attempts:",
                "if job.attempts >= job.max_attempts:",
            ),
        ),
        tests=(_ATTEMPTS + "test_what_no_retry_can_mend_has_failed_though_it_has_attempts_left",),
    ),
    Guard(
        name="redacted errors of own tasks",
        keeps="No error of an own task is kept with what is private.",
        edits=(Edit("jobs/attempts.py", 'else redact_text(error or "Cancelled.")', 'else (error or "Cancelled.")'),),
        tests=(_ATTEMPTS + "test_nothing_private_of_an_own_tasks_failure_is_kept",),
    ),
    Guard(
        name="redacted tracebacks of own tasks",
        keeps="No traceback of an own task is kept with what is private.",
        edits=(
            Edit(
                "jobs/attempts.py",
                "traceback=redact_text(traceback)[-MAX_TRACEBACK_LENGTH:]",
                "traceback=traceback[-MAX_TRACEBACK_LENGTH:]",
            ),
        ),
        tests=(_ATTEMPTS + "test_nothing_private_of_an_own_tasks_failure_is_kept",),
    ),
    Guard(
        name="redacted results",
        keeps="No result is kept with what is private.",
        edits=(Edit("jobs/settling.py", "return redact(json.loads(text))", "return json.loads(text)"),),
        tests=(_ATTEMPTS + "test_nothing_private_of_an_own_tasks_result_is_kept",),
    ),
)

HANDING_OVER: Final = (
    Guard(
        name="publication lease",
        keeps="Nobody publishes what somebody else is publishing.",
        edits=(Edit("jobs/handover.py", "            .filter(publication_lease_until__lt=Now())\n", ""),),
        tests=(
            _HANDING_OVER
            + "test_what_a_dead_process_has_committed_but_not_published_is_published_once_its_lease_is_over",
        ),
    ),
    Guard(
        name="after the commit",
        keeps="Nothing is published before the outermost transaction has committed, or when it is rolled back.",
        edits=(Edit("jobs/handover.py", "transaction.on_commit(run)", "run()"),),
        tests=(
            _SUBMITTING + "test_nothing_is_published_before_the_outermost_transaction_has_committed",
            _SUBMITTING + "test_a_submit_that_is_rolled_back_leaves_nothing_and_publishes_nothing",
        ),
    ),
    Guard(
        name="mark before publishing",
        keeps="What may take effect only once is marked before it is sent, so that nothing is sent twice when somebody "
        "dies in between.",
        edits=(
            Edit("jobs/handover.py", "        marked = _mark_published(dispatch.pk)\n", "        marked = 1\n"),
            Edit(
                "jobs/handover.py",
                "            Outcome.UNKNOWN,\n        )\n        return 0\n    return 1\n",
                "            Outcome.UNKNOWN,\n        )\n        return 0\n    return _mark_published(dispatch.pk)\n",
            ),
        ),
        tests=(_HANDING_OVER + "test_a_send_whose_sender_died_while_it_was_sent_is_never_published_again",),
    ),
    Guard(
        name="at most once, in doubt",
        keeps="What may take effect only once and may have been sent is failed, not sent again.",
        edits=(
            Edit(
                "jobs/handover.py",
                "    if dispatch.at_most_once:\n        return _publish_once",
                "    if False:\n        return _publish_once",
            ),
        ),
        tests=(
            _HANDING_OVER + "test_a_send_whose_publication_is_in_doubt_fails_as_unknown_and_is_never_published_again",
        ),
    ),
    Guard(
        name="ended before it was sent",
        keeps="What somebody has ended by hand is not handed over any more.",
        edits=(Edit("jobs/handover.py", "if job.status not in (QUEUED, RETRYING):", "if False:"),),
        tests=(_HANDING_OVER + "test_a_job_that_was_ended_by_hand_before_it_was_published_is_not_published",),
    ),
    Guard(
        name="cancelled while others were sent",
        keeps="A core job is asked for again right before it is sent: its worker asks nobody.",
        edits=(
            Edit(
                "jobs/handover.py",
                "return not dispatch.in_core or Dispatch.objects.filter(pk=dispatch.pk, ended_at=None).exists()",
                "return True",
            ),
        ),
        tests=(
            _MEANWHILE + "test_a_core_job_that_is_cancelled_while_those_before_it_are_handed_over_is_not_handed_over",
        ),
    ),
    Guard(
        name="foreign jobs",
        keeps="The sweeper hands over the console's own attempts only, never jobs of others. There is nothing "
        "to take out "
        "here: what is proven is that a sweeper that looks for them in the ledger is noticed.",
        edits=(
            Edit(
                "jobs/sweeper.py",
                "    return made\n\n\ndef settle_ended",
                "    foreign = Job.objects.exclude(pk__in=Dispatch.objects.values('job_id'))\n"
                "    for job in foreign.filter(status__in=('queued', 'retrying'), job_type__in=catalog.titles()):\n"
                "        values = {'job_type': catalog.find(job.job_type), 'actor': Actor.system('sweeper')}\n"
                "        create_next_dispatch(job_id=job.pk, payload=job.payload_json, **values)\n"
                "    return made\n\n\ndef settle_ended",
            ),
        ),
        tests=(_SETTLING + "test_a_job_that_the_console_did_not_create_is_never_handed_over",),
    ),
    Guard(
        name="changed before its next attempt",
        keeps="A retrying job that somebody has changed meanwhile gets no further attempt.",
        edits=(Edit("jobs/sweeper.py", "if not mine or job.status != RETRYING:", "if not mine:"),),
        tests=(_SETTLING + "test_a_retrying_job_that_somebody_changed_meanwhile_gets_no_further_attempt",),
    ),
)

LOST_MESSAGES: Final = (
    Guard(
        name="sent again by one",
        keeps="Of two sweepers that miss the same message, one sends it again.",
        edits=(
            Edit(
                "jobs/losses.py",
                "pk=dispatch.pk, ended_at=None, started_at=None, publications=dispatch.publications",
                "pk=dispatch.pk, ended_at=None, started_at=None",
            ),
        ),
        tests=(_LOST + "test_of_two_sweepers_that_miss_the_same_message_one_sends_it_again",),
    ),
    Guard(
        name="long queues",
        keeps="What waits in a long queue isn't sent again.",
        edits=(Edit("jobs/losses.py", "if missing[dispatch.queue] <= 0:", "if False:"),),
        tests=(_LOST + "test_what_waits_in_a_long_queue_is_not_sent_again_and_looked_at_again_soon",),
    ),
    Guard(
        name="at most once, message lost",
        keeps="The lost message of what may take effect only once is never sent again.",
        edits=(
            Edit(
                "jobs/losses.py", "filter(in_core=False, at_most_once=False, check_at", "filter(in_core=False, check_at"
            ),
        ),
        tests=(_LOST + "test_what_may_run_only_once_fails_when_its_message_is_lost_and_is_never_sent_again",),
    ),
    Guard(
        name="taken and not begun",
        keeps="What a worker has taken and not begun isn't lost.",
        edits=(Edit("jobs/losses.py", "set(workers.active) | workers.reserved", "set(workers.active)"),),
        tests=(_LOST + "test_what_may_run_only_once_is_not_lost_while_a_busy_worker_has_its_message",),
    ),
    Guard(
        name="between two tries",
        keeps="A task that waits in the queue for a retry isn't lost.",
        edits=(Edit("jobs/losses.py", "started_at__isnull=False, retrying_since=None", "started_at__isnull=False"),),
        tests=(_TRIES + "test_it_is_not_lost_while_its_message_may_wait_in_the_queue",),
    ),
)

PLACES: Final = (
    Guard(
        name="one place",
        keeps="One ingest task of an identity is handed over at a time: its place is unique, also while a "
        "cancelled job "
        "keeps it.",
        edits=(
            Edit(
                "jobs/migrations/0002_leases_and_lost_messages.py",
                "models.UniqueConstraint(condition=models.Q(('holds_place', True)), fields=('serial_key',), "
                "name='dispatch_one_per_serial_key')",
                "models.UniqueConstraint(condition=models.Q(('holds_place', True)), fields=('serial_key', 'id'), "
                "name='dispatch_one_per_serial_key')",
            ),
        ),
        tests=(
            _MEANWHILE
            + "test_a_core_job_that_is_cancelled_before_its_message_is_marked_as_sent"
            + "_keeps_its_place_until_its_task_is_over",
        ),
    ),
    Guard(
        name="order of places",
        keeps="They are handed over in their order: nobody overtakes one that couldn't be handed over yet.",
        edits=(
            Edit(
                "jobs/handover.py",
                "AND NOT EXISTS (SELECT 1 FROM jobs_dispatch AS before",
                "AND (true OR NOT EXISTS (SELECT 1 FROM jobs_dispatch AS before",
            ),
            Edit("jobs/handover.py", "AND before.id < %s)\n", "AND before.id < %s))\n"),
        ),
        tests=(_PLACES + "test_nobody_overtakes_one_that_could_not_be_handed_over_yet",),
    ),
    Guard(
        name="place kept after a cancel",
        keeps="A cancelled job keeps its identity's place until its task is known to be over.",
        edits=(
            Edit(
                "jobs/dispatching.py",
                '"holds_place": False if frees_place else keeps_place,',
                '"holds_place": False,',
            ),
        ),
        tests=(
            _PLACES + "test_a_cancelled_job_keeps_its_place_until_its_task_has_returned",
            _PLACES + "test_a_job_that_waits_in_a_long_queue_and_is_set_failed_keeps_its_place",
        ),
    ),
)

SETTLING: Final = (
    Guard(
        name="undone settlement",
        keeps="A result that two sweepers settle counts once.",
        edits=(
            Edit(
                "jobs/settling.py",
                "        if not settled:\n            transaction.set_rollback(True)\n            return False",
                "        if not settled:\n            return False",
            ),
        ),
        tests=(_SETTLING + "test_a_result_that_two_sweepers_settle_counts_once",),
    ),
    Guard(
        name="undone start",
        keeps="A start that is noticed after the end changes nothing.",
        edits=(
            Edit(
                "jobs/settling.py",
                "if started and not writes_row:",
                "if not writes_row:",
            ),
        ),
        tests=(_SETTLING + "test_a_start_that_is_noticed_after_the_end_changes_nothing",),
    ),
    Guard(
        name="known error of a try",
        keeps="The last try's error, which the result back end still has during the next try, changes nothing.",
        edits=(
            Edit("jobs/worker_retries.py", "if dispatch.error == error:", "if False:"),
            Edit("jobs/worker_retries.py", "news = ~Q(error=error) | Q(error=None)", "news = Q()"),
        ),
        tests=(_TRIES + "test_what_is_seen_of_a_task_makes_its_job_retrying_or_running",),
    ),
    Guard(
        name="tries, cancelled meanwhile",
        keeps="A job that was ended between two tries stays ended.",
        edits=(
            Edit(
                "jobs/worker_retries.py",
                "dispatch.job_id, allowed=ACTIVE_STATUSES, to=RETRYING",
                'dispatch.job_id, allowed=(*ACTIVE_STATUSES, "cancelled"), to=RETRYING',
            ),
            Edit(
                "jobs/worker_retries.py",
                "filter(unless_known, pk=dispatch.pk, ended_at=None)",
                "filter(unless_known, pk=dispatch.pk)",
            ),
        ),
        tests=(_TRIES + "test_what_ended_while_its_failed_try_was_read_stays_ended",),
    ),
    Guard(
        name="late results",
        keeps="A result that comes late doesn't change a job that has ended.",
        edits=(
            Edit(
                "jobs/settling.py",
                "before = ledger.transition(dispatch.job_id, allowed=ACTIVE_STATUSES, to=status",
                'before = ledger.transition(dispatch.job_id, allowed=(*ACTIVE_STATUSES, "cancelled"), to=status',
            ),
        ),
        tests=(_LATE_RESULT,),
    ),
    Guard(
        name="at most once, failed",
        keeps="What may take effect only once isn't retried when its task has failed.",
        edits=(Edit("jobs/settling.py", "verdict.permanent or dispatch.at_most_once or", "verdict.permanent or"),),
        tests=(_SETTLING + "test_a_failed_send_is_never_retried_by_itself",),
    ),
    Guard(
        name="permanent errors",
        keeps="What no retry can mend isn't retried.",
        edits=(
            Edit(
                "jobs/settling.py",
                "verdict.permanent or dispatch.at_most_once or",
                "dispatch.at_most_once or",
            ),
        ),
        tests=(_SETTLING + "test_what_no_retry_can_mend_fails_at_once",),
    ),
    Guard(
        name="number of attempts",
        keeps="A job is tried as often as its row says, and no more.",
        edits=(
            Edit(
                "jobs/settling.py",
                'dispatch.at_most_once or job["attempts"] >= job["max_attempts"]:',
                "dispatch.at_most_once:",
            ),
        ),
        tests=(_SETTLING + "test_the_last_attempt_that_fails_makes_the_job_failed",),
    ),
    Guard(
        name="redacted errors and results",
        keeps="Nothing private of what a core task returned is kept. The whole result is redacted before it is judged, "
        "and what comes of it once more, so all of it is taken out together.",
        edits=(
            Edit("jobs/settling.py", "state = replace(state, result=redact(state.result))\n    verdict", "verdict"),
            Edit(
                "jobs/settling.py",
                "error = redact_text(verdict.error) if verdict.error else None",
                "error = verdict.error",
            ),
            Edit(
                "jobs/settling.py",
                'redact_text(verdict.error or "")[: ledger.MAX_ERROR_LENGTH]',
                '(verdict.error or "")[: ledger.MAX_ERROR_LENGTH]',
            ),
        ),
        tests=("tests/api/test_privacy.py::test_what_a_task_returned_is_kept_without_what_is_private",),
    ),
)

OPERATIONS: Final = (
    Guard(
        name="only what has failed is retried",
        keeps="Only a failed job is retried. The rule says so to people, before and under the lock, and the transition "
        "holds it in any case, so all of it is taken out together.",
        edits=(
            Edit(
                "jobs/retry_rules.py", "    if status == FAILED:\n        return\n", "    if status:\n        return\n"
            ),
            Edit(
                "jobs/retrying.py",
                "allowed=(FAILED,), to=QUEUED",
                'allowed=("failed", "done", "cancelled", "queued", "running", "retrying"), to=QUEUED',
            ),
        ),
        tests=(
            _RETRYING + "test_an_active_job_is_not_retried",
            _RETRYING + "test_a_job_that_ended_otherwise_is_refused",
            _RETRYING + "test_many_retries_of_one_job_at_once_have_one_winner",
        ),
    ),
    Guard(
        name="confirmation",
        keeps="What may take effect twice runs again only after a confirmation.",
        edits=(
            Edit("jobs/retry_rules.py", "    if confirm:\n        return None", "    if True:\n        return None"),
        ),
        tests=(_RETRYING + "test_a_message_of_which_nobody_knows_whether_it_went_out_needs_a_confirmation",),
    ),
    Guard(
        name="sent already",
        keeps="A message that went out or was deleted is never sent again, also with a confirmation.",
        edits=(
            Edit(
                "jobs/retry_rules.py",
                'if send_state.visibility in {"visible", "deleted_by_author", "removed"}:',
                "if False:",
            ),
        ),
        tests=(_RETRYING + "test_a_message_that_went_out_or_was_deleted_is_never_sent_again",),
    ),
    Guard(
        name="only stuck jobs are set failed",
        keeps="A job becomes failed by hand only when it is stuck.",
        edits=(Edit("jobs/cancelling.py", "if not _is_stuck(job):", "if False:"),),
        tests=("tests/api/test_job_fail.py::test_an_active_job_that_is_not_stuck_is_a_conflict",),
    ),
    Guard(
        name="only active jobs are cancelled",
        keeps="A job that has ended isn't cancelled.",
        edits=(Edit("jobs/cancel_rules.py", "    if job.status not in ACTIVE_STATUSES:\n", "    if False:\n"),),
        tests=(_CANCEL + "test_a_job_that_has_ended_is_a_conflict",),
    ),
    Guard(
        name="what can't be cancelled",
        keeps="A job whose worker asks nobody before it acts isn't cancelled.",
        edits=(Edit("jobs/cancel_rules.py", "if known is not None and known.not_cancellable:", "if False:"),),
        tests=(_CANCEL + "test_sending_a_message_can_not_be_cancelled_here",),
    ),
    Guard(
        name="refused retries",
        keeps="A refused retry is in the audit log.",
        edits=(
            Edit(
                "jobs/retrying.py",
                'record_refusal(refusal, actor=actor, action="job.retry"',
                '"".format(refusal, actor=actor, action="job.retry"',
            ),
        ),
        tests=(_RETRYING + "test_a_refused_retry_is_found_by_its_identity",),
    ),
    Guard(
        name="refused cancellations",
        keeps="A refused cancellation, and a refused setting failed, are in the audit log.",
        edits=(Edit("jobs/cancelling.py", "        record_refusal(\n", '        "".format(\n'),),
        tests=(
            _CANCEL + "test_a_job_that_has_ended_is_a_conflict",
            "tests/api/test_job_fail.py::test_an_active_job_that_is_not_stuck_is_a_conflict",
        ),
    ),
    Guard(
        name="refused submits",
        keeps="A refused backfill is in the audit log.",
        edits=(
            Edit(
                "identities/operations.py",
                "record_refusal(refusal, actor=actor, action=work.action, entity=entity, reason=reason, "
                "request=request)",
                "pass",
            ),
        ),
        tests=(_SUBMITTING + "test_an_identity_that_does_not_exist_is_not_found_and_the_refusal_is_audited",),
    ),
    Guard(
        name="what was done",
        keeps="What was asked for and done is in the audit log.",
        edits=(
            Edit(
                "jobs/operations.py",
                "        record(\n            actor=actor,\n            action=operation,",
                '        "".format(\n            actor=actor,\n            action=operation,',
            ),
        ),
        tests=(
            _SUBMITTING + "test_a_backfill_of_one_identity_is_one_queued_job_with_a_dispatch_a_run_and_an_audit_row",
        ),
    ),
)

DOORS: Final = (
    Guard(
        name="permission in the API",
        keeps="Each action of the API takes the permission that its viewset names.",
        edits=(
            Edit(
                "opsconsole/api/permissions.py",
                "return needed is not None and request.user.has_perm(needed)",
                "return needed is not None",
            ),
        ),
        tests=(_ACCESS + "test_who_may_look_may_not_act", _ACCESS + "test_staff_without_permissions_may_nothing"),
    ),
    Guard(
        name="the retry's permission in the API",
        keeps="A retry takes its own permission, not that of looking.",
        edits=(Edit("jobs/api.py", '"retry": "jobs.retry_job",', '"retry": "jobs.view_job",'),),
        tests=(_ACCESS + "test_who_may_look_may_not_act", _ACCESS + "test_all_other_permissions_together_do_not_help"),
    ),
    Guard(
        name="staff only",
        keeps="Nobody but staff and users of the core uses the API, whatever permissions they have.",
        edits=(
            Edit(
                "opsconsole/api/permissions.py",
                "return bool(user.is_staff) or isinstance(request.auth, CoreSessionUsed)",
                "return True",
            ),
        ),
        tests=(_ACCESS + "test_somebody_who_is_no_staff_may_nothing_in_spite_of_permissions",),
    ),
    Guard(
        name="other sites",
        keeps="With the core's session nothing is changed from a page of another site.",
        edits=(
            Edit(
                "opsconsole/api/core_session.py",
                "if request.method not in SAFE_METHODS and not comes_from_own_site(request):",
                "if False:",
            ),
        ),
        tests=(_CORE_SESSION + "test_what_changes_something_is_refused_from_another_site",),
    ),
    Guard(
        name="shut out",
        keeps="A user of the core who was shut out of the console stays out while its session lasts.",
        edits=(Edit("opsconsole/api/core_session.py", "if not user.is_active:", "if False:"),),
        tests=(_CORE_SESSION + "test_whoever_was_shut_out_stays_out",),
    ),
    Guard(
        name="termination",
        keeps="Terminating takes a permission of its own.",
        edits=(
            Edit(
                "jobs/api_changes.py",
                'if given["terminate"] and not request.user.has_perm("jobs.terminate_job"):',
                "if False:",
            ),
        ),
        tests=(_CANCEL + "test_terminating_takes_a_permission_of_its_own",),
    ),
    Guard(
        name="permission in the admin",
        keeps="Each page and button of the admin takes its permission.",
        edits=(Edit("opsconsole/admin/base.py", "            raise PermissionDenied\n", "            pass\n"),),
        tests=("tests/admin/test_access.py::test_a_viewer_can_start_nothing_by_posting",),
    ),
    Guard(
        name="permission of the admin's action",
        keeps="Retrying several takes the permission to retry.",
        edits=(
            Edit(
                "jobs/admin/jobs.py",
                '@admin.action(description="Retry selected", permissions=["retry"])',
                '@admin.action(description="Retry selected")',
            ),
        ),
        tests=("tests/admin/test_access.py::test_a_viewer_can_start_nothing_by_posting",),
    ),
    Guard(
        name="idempotency key",
        keeps="A request that is sent again with its key starts nothing and gets its answer.",
        edits=(
            Edit(
                "opsconsole/idempotency.py",
                "WHERE held.created_at <= now() - make_interval(secs => %s)",
                "WHERE true OR held.created_at <= now() - make_interval(secs => %s)",
            ),
        ),
        tests=(_IDEMPOTENCY + "test_the_same_request_again_gets_the_same_answer_and_starts_nothing",),
    ),
    Guard(
        name="another request with the same key",
        keeps="A key that was sent with another request is refused.",
        edits=(Edit("opsconsole/idempotency.py", "if earlier.fingerprint != request.fingerprint:", "if False:"),),
        tests=(
            _IDEMPOTENCY + "test_another_body_is_a_422_that_names_what_the_key_was_sent_with",
            _IDEMPOTENCY + "test_another_address_is_a_422",
        ),
    ),
    Guard(
        name="one user's keys",
        keeps="A key is its user's own.",
        edits=(
            Edit(
                "opsconsole/idempotency.py",
                "                    request.user_id,\n                    request.key,",
                "                    0,\n                    request.key,",
            ),
            Edit(
                "opsconsole/idempotency.py",
                "IdempotencyKey.objects.get(user_id=request.user_id, key=request.key)",
                "IdempotencyKey.objects.get(user_id=0, key=request.key)",
            ),
        ),
        tests=(_IDEMPOTENCY + "test_another_user_may_use_the_same_key_for_the_same_or_for_something_else",),
    ),
)

HISTORY: Final = (
    Guard(
        name="told by one",
        keeps="Of several sweepers that tell of ended attempts at once, each tells of others.",
        edits=(
            Edit(
                "jobs/ended.py",
                "untold.select_for_update(skip_locked=True).values(*_TOLD_OF)",
                "untold.values(*_TOLD_OF)",
            ),
        ),
        tests=(_TELLING + "test_two_who_tell_at_once_tell_each_attempt_once",),
    ),
    Guard(
        name="told wholly",
        keeps="What receivers make of an attempt stays only when all of them have.",
        edits=(
            Edit(
                "jobs/ended.py",
                "        with transaction.atomic():\n            for receiver in _receivers:",
                "        if True:\n            for receiver in _receivers:",
            ),
        ),
        tests=(_TELLING + "test_a_receiver_that_fails_once_loses_nothing",),
    ),
    Guard(
        name="told once more",
        keeps="A result that comes after its attempt had ended is told too.",
        edits=(Edit("jobs/settling.py", '"late_check_at": None, "told": False}', '"late_check_at": None}'),),
        tests=(_TELLING + "test_a_late_result_is_told_once_more",),
    ),
    Guard(
        name="newest success",
        keeps="The last sync is the newest success that is kept, in whichever order attempts are told.",
        edits=(
            Edit(
                "identities/sync_history.py",
                '.order_by("-ended_at", "-id").values("pk")',
                '.order_by("-id").values("pk")',
            ),
        ),
        tests=(_OUTCOMES + "test_in_which_order_attempts_are_told_makes_no_difference",),
    ),
    Guard(
        name="what the last sync rests on",
        keeps="However long an identity has been failing, its last success is not forgotten.",
        edits=(Edit("identities/sync_history.py", "AND a.ended_at IS DISTINCT FROM l.success_at", ""),),
        tests=(_FOREIGN + "test_what_the_last_sync_rests_on_outlives_its_time",),
    ),
)

SECTIONS: Final = {
    "The ledger": LEDGER,
    "Claiming": CLAIM,
    "Own attempts": ATTEMPTS,
    "Handing over": HANDING_OVER,
    "Lost messages": LOST_MESSAGES,
    "Places": PLACES,
    "Settling": SETTLING,
    "The history of syncs": HISTORY,
    "Operations": OPERATIONS,
    "Backups": BACKUPS,
    "Many jobs at once": MATCHING,
    "Doors": DOORS,
}
GUARDS: Final = tuple(guard for section in SECTIONS.values() for guard in section)
