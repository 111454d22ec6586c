"""The same operations from a shell."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from jobs.models import DONE, QUEUED, Job
from opsconsole.audit import AuditLog
from tests.cast import make_conversation, make_identity, make_job

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_job_is_retried_from_a_shell_and_the_audit_log_says_through_what() -> None:
    job = make_job()
    out = StringIO()
    call_command("retry_job", job.pk, "--reason", "token renewed", stdout=out)

    assert "Queued again." in out.getvalue()
    assert Job.objects.get().status == QUEUED
    assert (AuditLog.objects.get().request_json or {})["via"] == "command"


def test_a_refusal_is_a_commands_error_with_its_sentence() -> None:
    job = make_job(status=DONE)
    with pytest.raises(CommandError, match="only a failed job"):
        call_command("retry_job", job.pk)


def test_identities_are_backfilled_from_a_shell() -> None:
    alice = make_identity("Alice")
    out = StringIO()
    call_command("backfill_conversations", alice.pk, stdout=out)
    assert "1 job queued." in out.getvalue()


def test_all_active_identities_are_backfilled_from_a_shell_when_none_is_named() -> None:
    make_identity("Alice")
    make_identity("Bob")
    call_command("backfill_conversations", stdout=StringIO())
    assert Job.objects.count() == 2


def test_conversations_are_backfilled_from_a_shell() -> None:
    conversation = make_conversation(make_identity("Alice"))
    call_command("backfill_messages", conversation.pk, stdout=StringIO())
    assert Job.objects.get().payload_json["conversation_id"] == conversation.pk
