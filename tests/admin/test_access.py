"""Who sees what: being staff opens nothing, and nobody sees a button that they can't use."""

import pytest
from django.test import Client
from django.urls import reverse

from jobs.models import Job, Run
from tests.admin.conftest import browser_of
from tests.admin.reading import text
from tests.api.cast import make_run, make_staff
from tests.cast import make_conversation, make_identity, make_job

LISTS = [
    "jobs_job",
    "jobs_run",
    "identities_identity",
    "identities_conversation",
    "opsconsole_auditlog",
    "backups_backuprun",
    "backups_restoretest",
    "django_celery_results_taskresult",
    "django_celery_results_groupresult",
]


@pytest.fixture
def bare(db: None) -> Client:
    return browser_of(make_staff("bob"))


def test_nobody_comes_in_without_logging_in(client: Client, db: None) -> None:
    for name in LISTS:
        response = client.get(reverse(f"admin:{name}_changelist"))
        assert response.status_code == 302
        assert "/admin/login/" in response["Location"]


def test_being_staff_alone_opens_nothing(bare: Client) -> None:
    identity = make_identity()
    job, conversation = make_job(), make_conversation(identity)
    run = make_run(job.pk)
    closed = [reverse(f"admin:{name}_changelist") for name in LISTS]
    closed += [
        f"/admin/jobs/job/{job.pk}/change/",
        f"/admin/jobs/job/{job.pk}/live/",
        "/admin/jobs/job/counts/",
        f"/admin/jobs/run/{run.pk}/change/",
        f"/admin/jobs/run/{run.pk}/live/",
        f"/admin/identities/identity/{identity.pk}/change/",
        "/admin/identities/identity/backfill/",
        "/admin/identities/conversation/backfill/",
        f"/admin/identities/conversation/{conversation.pk}/change/",
        f"/admin/identities/conversation/{conversation.pk}/attachments/",
    ]
    assert {url: bare.get(url).status_code for url in closed} == dict.fromkeys(closed, 403)


def test_home_tells_somebody_without_permissions_whom_to_ask(bare: Client) -> None:
    response = bare.get("/admin/")
    assert response.status_code == 200
    assert "You may not see anything here yet" in text(response)


def test_a_viewer_sees_no_button(viewing: Client) -> None:
    identity = make_identity()
    job = make_job(payload={"identity_id": identity.pk})
    make_conversation(identity)
    for url in (
        "/admin/jobs/job/",
        f"/admin/jobs/job/{job.pk}/change/",
        "/admin/identities/identity/",
        f"/admin/identities/identity/{identity.pk}/change/",
        "/admin/identities/conversation/",
    ):
        response = viewing.get(url)
        assert response.status_code == 200, url
        body = response.content.decode()
        assert "Retry" not in text(response).replace("Retrying", "").replace("Retry many jobs", ""), url
        assert "Backfill…" not in text(response), url
        assert 'name="action"' not in body, url
        assert 'name="_selected_action"' not in body, url


def test_a_viewer_can_start_nothing_by_posting(viewing: Client) -> None:
    identity = make_identity()
    job, conversation = make_job(), make_conversation(identity)
    for url in (
        f"/admin/jobs/job/{job.pk}/retry/",
        "/admin/identities/identity/backfill/",
        "/admin/identities/conversation/backfill/",
        f"/admin/identities/conversation/{conversation.pk}/attachments/",
    ):
        assert viewing.post(url, {"identity": identity.pk, "conversation": conversation.pk}).status_code == 403
    viewing.post("/admin/jobs/job/", {"action": "retry_selected", "index": 0, "_selected_action": [job.pk]})
    assert Job.objects.get(pk=job.pk).status == "failed"
    assert not Run.objects.exists()


def test_nothing_changes_without_a_csrf_token(operator: object) -> None:
    from django.contrib.auth.models import User

    client = browser_of(User.objects.get(username="olivia"), enforce_csrf_checks=True)
    job = make_job()
    response = client.post(f"/admin/jobs/job/{job.pk}/retry/")
    assert response.status_code == 403
    assert "CSRF" in text(response)
    assert Job.objects.get(pk=job.pk).status == "failed"


@pytest.mark.parametrize("verb", ["add", "delete", "history"])
def test_nothing_of_the_cores_can_be_edited(root: Client, verb: str) -> None:
    job = make_job()
    path = "/admin/jobs/job/add/" if verb == "add" else f"/admin/jobs/job/{job.pk}/{verb}/"
    assert root.get(path).status_code == 404
    assert root.post(path, {}).status_code == 404
    assert root.post(f"/admin/jobs/job/{job.pk}/change/", {"status": "done"}).status_code == 200
    assert Job.objects.get(pk=job.pk).status == "failed"


@pytest.mark.parametrize("given", ["0", "-1", "abc", str(2**70), "1'--", "%00", "3f0c2f5e-8a53-4c53-9d7e-0d7c3f9c2b11"])
def test_an_id_that_does_not_exist_gets_a_page_that_says_so(root: Client, given: str) -> None:
    for path in (
        f"/admin/jobs/job/{given}/change/",
        f"/admin/jobs/run/{given}/change/",
        f"/admin/identities/identity/{given}/change/",
        f"/admin/identities/conversation/{given}/change/",
        f"/admin/identities/conversation/{given}/attachments/",
        f"/admin/opsconsole/auditlog/{given}/change/",
        f"/admin/backups/backuprun/{given}/change/",
        f"/admin/django_celery_results/taskresult/{given}/change/",
        f"/admin/django_celery_results/groupresult/{given}/change/",
    ):
        response = root.get(path)
        assert response.status_code == 404, path
        assert "There is no" in text(response), path
