"""What the pages may load: nothing from another host, no inline script; Unfold's needs only in the admin."""

from django.test import Client

from tests.cast import make_job


def policy(client: Client, path: str) -> dict[str, str]:
    header = client.get(path)["Content-Security-Policy"]
    return {part.split(" ", 1)[0]: part.split(" ", 1)[1] for part in header.split("; ")}


def test_admin_pages_are_granted_what_unfold_needs_and_no_more(page: Client) -> None:
    job = make_job()
    for path in ("/admin/", "/admin/jobs/job/", f"/admin/jobs/job/{job.pk}/change/", "/admin/login/"):
        found = policy(page, path)
        assert found["default-src"] == "'self'"
        assert found["script-src"] == "'self' 'unsafe-eval'"
        assert found["style-src"] == "'self' 'unsafe-inline'"
        assert found["object-src"] == "'none'"
        assert not any("http" in value or "*" in value for value in found.values())


def test_other_pages_do_without(page: Client) -> None:
    for path in ("/ops/jobs", "/healthz", "/nowhere"):
        found = policy(page, path)
        assert found["script-src"] == "'self'"
        assert "unsafe" not in " ".join(found.values())


def test_no_page_has_an_inline_script_or_another_host(root: Client) -> None:
    import re

    job = make_job(last_error="<script src='https://evil.example/x.js'></script>")
    for path in ("/admin/", "/admin/jobs/job/", f"/admin/jobs/job/{job.pk}/change/", "/admin/identities/identity/"):
        body = root.get(path).content.decode()
        assert not re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", body), path
        assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"']?(?:https?:)?//", body), path
        assert not re.findall(r"\son(?:click|load|error|submit)=", body), path
