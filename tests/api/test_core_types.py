"""The core's tasks as job types: each has a name, a queue and known facts, and its jobs can be retried."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from jobs.models import Dispatch, Job
from tests.cast import make_conversation, make_identity, make_job, make_message

pytestmark = pytest.mark.django_db

# The task, its queue, and what people call it.
TASKS = [
    ("agent.draft_intro", "agent", "Draft introduction"),
    ("agent.lead_scoring", "agent", "Score lead"),
    ("agent.profile_summary", "agent", "Summarize profile"),
    ("embed.generate", "embed", "Generate embedding"),
    ("embed.generate_batch", "embed", "Generate embeddings in batch"),
    ("embed.generate_for_entity", "embed", "Generate embeddings of entity"),
    ("index.upsert_content", "index", "Index content"),
    ("index.delete_content", "index", "Delete content from index"),
    ("index.bulk_index_conversation", "index", "Index conversation"),
    ("index.bulk_index_all_messages", "index", "Index all messages"),
    ("ingest.analyze_lead_profile", "ingest", "Analyze lead profile"),
    ("ingest.analyze_reddit_user", "ingest", "Analyze Reddit user"),
    ("ingest.backfill_conversations", "ingest", "Backfill conversations"),
    ("ingest.backfill_messages", "ingest", "Backfill messages"),
    ("ingest.browse_location", "ingest", "Browse location"),
    ("ingest.fetch_post", "ingest", "Fetch post"),
    ("ingest.fetch_profile", "ingest", "Fetch profile"),
    ("ingest.fetch_profile_items", "ingest", "Fetch profile items"),
    ("ingest.redownload_attachments", "ingest", "Fetch attachments again"),
    ("ingest.sync_delta", "ingest", "Sync"),
    ("ingest.sync_inbox_fast", "ingest", "Sync inbox"),
    ("maintenance.attachments_snapshot_local", "maintenance", "Attachments snapshot (core)"),
    ("maintenance.cleanup_scout_watch_history", "maintenance", "Clean up watch history"),
    ("maintenance.mysql_dump_local", "maintenance", "Database backup (core)"),
    ("maintenance.restore_test_local", "maintenance", "Restore test (core)"),
    ("multi_agent_analysis.analyze_lead", "multi_agent_analysis", "Analyze lead"),
    ("multi_agent_analysis.batch_analyze", "multi_agent_analysis", "Analyze leads in batch"),
    ("multi_agent_analysis.check_analysis_status", "multi_agent_analysis", "Check analysis status"),
    ("multi_agent_analysis.cleanup_failed_analyses", "multi_agent_analysis", "Clean up failed analyses"),
    ("scout.analyze_and_decide", "scout", "Analyze and decide"),
    ("scout.reanalyze_post", "scout", "Analyze post again"),
    ("scout.run_all_watches", "scout", "Run all watches"),
    ("scout.run_single_watch", "scout", "Run watch"),
]


@pytest.mark.parametrize(("task", "queue", "title"), TASKS)
def test_a_job_of_each_of_the_cores_tasks_has_a_name_and_is_retried_with_its_arguments(
    api: APIClient, task: str, queue: str, title: str
) -> None:
    payload = {"retention_days": 3} if "cleanup_scout" in task else {}
    job = make_job(task, queue_name=queue, payload=payload)
    assert api.get(f"/ops/jobs/{job.pk}").json()["type_title"] == title
    assert api.post(f"/ops/jobs/{job.pk}/retry").status_code == 200
    attempt = Dispatch.objects.get()
    assert (attempt.task, attempt.queue, attempt.in_core, attempt.at_most_once) == (task, queue, True, False)
    assert attempt.kwargs_json == ('{"retention_days": 3}' if payload else "{}")


def test_all_of_them_can_be_retried_together(api: APIClient) -> None:
    for task, queue, _ in TASKS:
        make_job(task, queue_name=queue, payload={})
    preview = api.post("/ops/jobs/retry", {"filter": {}, "dry_run": True}).json()
    assert (preview["will_retry"], preview["left_out"]) == (len(TASKS), [])


@pytest.mark.django_db(transaction=True)
def test_ingest_jobs_of_one_identity_are_handed_over_one_at_a_time_whatever_their_type(api: APIClient) -> None:
    alice = make_identity()
    for task in ("ingest.fetch_profile", "ingest.analyze_lead_profile", "ingest.sync_delta"):
        job = make_job(task, payload={"identity_id": alice.pk})
        assert api.post(f"/ops/jobs/{job.pk}/retry").status_code == 200
    assert set(Dispatch.objects.values_list("serial_key", flat=True)) == {f"ingest:{alice.pk}"}
    assert Dispatch.objects.exclude(published_at=None).count() == 1


@pytest.mark.parametrize(
    ("task", "facts"),
    [
        (
            "ingest.sync_delta",
            ["Can safely run more than once.", "Arguments: provider_id, identity_id.", "Concerns: an identity."],
        ),
        (
            "ingest.sync_inbox_fast",
            ["Can safely run more than once.", "Arguments: none.", "Concerns: the default identity."],
        ),
        (
            "message.send_manual",
            ["Runs at most once. A retry needs a confirmation.", "Argument: payload.", "Concerns: a message."],
        ),
        (
            "send_manual",
            ["Runs at most once. A retry needs a confirmation.", "Argument: payload.", "Concerns: a message."],
        ),
        (
            "maintenance.cleanup_scout_watch_history",
            [
                "Can safely run more than once.",
                "Arguments: retention_days.",
                "Concerns: watch history older than so many days.",
            ],
        ),
        ("scout.run_all_watches", ["Can safely run more than once.", "Arguments: none.", "Concerns: all watches."]),
        *(
            (
                task,
                [
                    "Unknown whether it can safely run more than once.",
                    "Arguments: unknown. All keys of the payload are passed.",
                    "Concerns: unknown.",
                ],
            )
            for task in ("agent.lead_scoring", "embed.generate", "index.upsert_content", "ingest.fetch_post")
        ),
        ("opsconsole.restore_test", None),
        ("somebody.elses", ["Unknown job type. Map it in OPS_JOB_TYPES."]),
        ("gpu.encode", ["Can safely run more than once.", "Arguments: attachment_id.", "Concerns: an attachment."]),
    ],
)
def test_a_job_says_what_is_known_about_its_type_and_what_is_not(
    api: APIClient, settings: Any, task: str, facts: list[str] | None
) -> None:
    settings.JOB_TYPES = {
        "gpu.encode": {
            "task": "gpu.encode",
            "queue": "gpu",
            "arguments": ["attachment_id"],
            "repeatable": True,
            "concerns": "an attachment",
        }
    }
    job = make_job(task, payload={})
    shown = api.get(f"/ops/jobs/{job.pk}").json()["type_facts"]
    assert shown == facts if facts else len(shown) == 3


def test_a_send_is_still_not_among_those_that_are_retried_together(api: APIClient) -> None:
    message = make_message(make_conversation(make_identity()), remote_visibility="unknown")
    make_job("message.send_manual", queue_name="messages", payload={"message_id": message.pk})
    make_job("index.upsert_content", queue_name="index", payload={})
    preview = api.post("/ops/jobs/retry", {"filter": {}, "dry_run": True}).json()
    assert preview["will_retry"] == 1
    assert [left["code"] for left in preview["left_out"]] == ["confirmation_required"]
    assert Job.objects.count() == 2
