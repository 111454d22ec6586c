"""How many queries each page takes, whatever the number of rows; and that none counts or sorts a big table."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from jobs import counts
from jobs.error_groups.fingerprint import fingerprint
from tests.admin.syncs import attempted, counted, synced
from tests.api.cast import insert_audit, make_attempt, make_run
from tests.cast import NOW, make_conversation, make_credential, make_identity, make_job, make_message
from tests.error_groups.rows import DOWN, failed_job, walk

pytestmark = pytest.mark.slow

MAX_QUERIES = 12


class Rows:
    """Some of everything, to add to."""

    job = running = identity = conversation = audit = 0
    run: object = None
    group = ""

    def add(self, times: int) -> None:
        """Add as many of each kind, all of one run."""
        jobs = []
        for number in range(times):
            identity = make_identity()
            make_credential(identity)
            conversation = make_conversation(identity)
            message = make_message(conversation, remote_visibility="unknown")
            jobs += [
                make_job(payload={"identity_id": identity.pk}).pk,
                make_job("ingest.backfill_messages", payload={"conversation_id": conversation.pk}).pk,
                make_job("message.send_manual", payload={"message_id": message.pk, "identity_id": identity.pk}).pk,
                make_job("custom.thing", payload={"n": number, "identity_id": identity.pk}).pk,
                make_job(status="running", payload={"identity_id": identity.pk, "n": number}).pk,
            ]
            for pk in jobs[-5:]:
                make_attempt(pk, started_at=NOW, serial_key=f"ingest:{identity.pk}", ended_at=NOW)
            self.running = jobs[-1]
            self.job, self.identity, self.conversation = jobs[-5], identity.pk, conversation.pk
            self.audit = insert_audit(entity_type="identity", entity_id=identity.pk)
            synced(identity)
            counted(identity)
            attempted(identity, job_id=self.job)
            failed_job(DOWN, payload={"identity_id": identity.pk, "new": number})
            failed_job(f"{'abcdefgh'[number]} went wrong", job_type="custom.thing")
        walk()
        self.group = fingerprint("ingest.sync_delta", DOWN)
        self.run = make_run(*jobs).pk


@pytest.fixture
def rows(db: None) -> Rows:
    rows = Rows()
    rows.add(3)
    counts.refresh(max_age_seconds=0)
    return rows


PAGES = [
    "/admin/",
    "/admin/machinery/",
    "/admin/django_celery_beat/periodictask/",
    "/admin/django_celery_beat/intervalschedule/",
    "/admin/django_celery_beat/crontabschedule/",
    "/admin/django_celery_results/taskresult/",
    "/admin/django_celery_results/groupresult/",
    "/admin/jobs/job/home/",
    "/admin/jobs/job/",
    "/admin/jobs/job/?status=failed",
    "/admin/jobs/job/?status=queued",
    "/admin/jobs/job/?q=time&identity_id=1&stuck=true",
    "/admin/jobs/job/?stuck=true",
    "/admin/jobs/job/?q=time",
    "/admin/jobs/job/counts/?q=time",
    "/admin/jobs/job/{job}/change/",
    "/admin/jobs/job/{job}/live/",
    "/admin/jobs/job/{job}/cancel/",
    "/admin/jobs/job/{job}/fail/",
    "/admin/jobs/job/cancel/?job={job}&job={running}",
    "/admin/jobs/job/fail/?job={job}&job={running}",
    "/admin/jobs/errorgroup/",
    "/admin/jobs/errorgroup/?window=7d&ordering=-failures",
    "/admin/jobs/errorgroup/{group}/change/",
    "/admin/jobs/run/",
    "/admin/jobs/run/{run}/change/",
    "/admin/jobs/run/{run}/live/",
    "/admin/jobs/run/{run}/cancel/",
    "/admin/jobs/run/{run}/fail/",
    "/admin/identities/identity/",
    "/admin/identities/identity/backfill/?all=1",
    "/admin/identities/identity/live/",
    "/admin/identities/identity/sync/?all=1",
    "/admin/identities/identity/{identity}/change/",
    "/admin/identities/identity/{identity}/live/",
    "/admin/identities/conversation/",
    "/admin/identities/conversation/backfill/?conversation={conversation}",
    "/admin/identities/conversation/{conversation}/change/",
    "/admin/opsconsole/auditlog/",
    "/admin/opsconsole/auditlog/{audit}/change/",
]


def queries_of(page: Client, url: str) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = page.get(url)
    assert response.status_code == 200, url
    return [query["sql"] for query in captured]


@pytest.mark.parametrize("address", PAGES)
def test_a_page_takes_few_queries_and_no_more_for_more_rows(page: Client, rows: Rows, address: str) -> None:
    url = address.format(**vars(rows))
    queries_of(page, url)
    few = queries_of(page, url)
    rows.add(5)
    counts.refresh(max_age_seconds=0)
    many = queries_of(page, address.format(**vars(rows)))
    # What bounds a slow filter in time (savepoints and settings) asks nothing of any table.
    asking = [sql for sql in many if re.match(r"\s*(SELECT|WITH|UPDATE|INSERT|DELETE)", sql, re.IGNORECASE)]
    assert len(many) <= len(few)
    assert len(asking) <= MAX_QUERIES, "\n".join(asking)


@pytest.mark.parametrize(
    "address", ["/admin/", "/admin/jobs/job/", "/admin/jobs/job/?status=queued", "/admin/opsconsole/auditlog/"]
)
def test_no_page_counts_a_big_table(page: Client, rows: Rows, address: str) -> None:
    for sql in queries_of(page, address):
        # The jobs of the runs that are shown may be counted.
        assert "count(" not in sql.lower() or "jobs_statuscount" in sql or "jobs_runjob" in sql, sql
        assert not re.search(r"OFFSET [1-9]", sql), sql
        assert "DISTINCT" not in sql or "auth_permission" in sql, sql


def test_the_largest_run_takes_no_more(page: Client, db: Any) -> None:
    jobs = [make_job(status="done", payload={"n": n}).pk for n in range(300)]
    run = make_run(*jobs)
    assert len(queries_of(page, f"/admin/jobs/run/{run.pk}/change/")) <= MAX_QUERIES
