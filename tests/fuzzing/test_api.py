"""Whatever is sent to the API, it answers as described: requests made up by Schemathesis, on rows of every odd kind."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from rest_framework.authtoken.models import Token

from devserver import loopback
from devserver.readiness import answers
from devserver.stack import PROJECT
from jobs import counts
from opsconsole.api.description import PATH
from tests.api.cast import insert_audit, insert_job, make_attempt, make_run, make_staff
from tests.backups.cast import make_backup, make_restore_test
from tests.cast import NOW, make_conversation, make_credential, make_identity, make_job, make_message
from tests.error_groups.rows import failed_job, fold
from tests.schedules.cast import make_schedule
from tests.statements.recorder import FOLDER
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

# What a description can promise. Left out: that whatever it allows is granted (an id may name nothing, a state may not
# allow it), and that whatever it doesn't is refused (a query parameter that nobody knows is passed over).
CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "unsupported_method",
    "allow_header_conformance",
)
SEED: Final = 20_260_131
ODD_PAYLOADS: Final = (
    "[]",
    '"text"',
    "7",
    "null",
    '{"identity_id": "7"}',
    '{"identity_id": -1}',
    '{"identity_id": 123456789012345678901234567890}',
    '{"a": {"b": [1, {"c": null}]}}',
    '{"text": "\\u00e9 \\u2028"}',
)


@pytest.mark.long
def test_no_answer_is_a_fault_of_the_servers_or_one_that_is_not_described(
    start_child: Callable[..., Any],
    wait_until: Callable[..., Any],
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    some_of_everything()
    counts.refresh(max_age_seconds=0)
    token = Token.objects.create(user=make_staff("fuzzer", is_superuser=True)).key
    port = loopback.free_port()
    command = ["-m", "gunicorn", "opsconsole.wsgi:application", "--config", "gunicorn.conf.py", "--workers", "1"]
    environment = {"OPS_BACKUP_DIR": str(tmp_path), "OPS_ATTACHMENTS_DIR": str(tmp_path)}
    # Made-up filters make statements that no other test sends, so they aren't recorded.
    environment[FOLDER] = ""
    start_child("web", *command, PORT=str(port), **environment)
    wait_until(lambda: answers(port, "/readyz"))
    seconds = pytestconfig.getoption("--fuzz-seconds")
    # A fixed seed in short runs, so that a failure points to a change. Long runs use random seeds.
    seed = [f"--seed={SEED}"] if seconds <= PATIENCE else []
    ended = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            str(PATH),
            f"--url=http://{loopback.HOST}:{port}",
            f"--header=Authorization: Token {token}",
            f"--checks={','.join(CHECKS)}",
            f"--max-time={seconds}",
            *seed,
            "--continue-on-failure",
            # With two threads it can end in a SystemError of Python 3.11's `ast.parse`, which Hypothesis calls: what
            # one thread parses disturbs the recursion depth that is counted for the other.
            "--workers=1",
            f"--request-timeout={PATIENCE:g}",
            "--suppress-health-check=all",
            "--warnings=off",
        ],
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzzing.hooks", "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    # With `-s` its summary can be read.
    sys.stdout.write(ended.stdout)
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[-20_000:]
    assert "No issues found" in ended.stdout, ended.stdout[-5_000:]


def some_of_everything() -> None:
    """Rows of every kind and status, with odd payloads among them."""
    jobs = [
        insert_job(
            payload,
            status=("failed", "queued", "running", "retrying", "done", "cancelled")[number % 6],
            job_type=("ingest.sync_delta", "nobody.knows", "")[number % 3],
            last_error=("", None, "x" * 10_000)[number % 3],
        )
        for number, payload in enumerate(ODD_PAYLOADS)
    ]
    for number in range(3):
        identity = make_identity(is_active=number != 1)
        make_credential(identity)
        make_message(make_conversation(identity))
        job = make_job(payload={"identity_id": identity.pk, "n": number})
        make_attempt(job.pk, started_at=NOW, ended_at=NOW, outcome="failed", error="Broken", result={"a": [1]})
        failed_job(f"{'abc'[number]} went wrong", payload={"identity_id": identity.pk, "new": number})
        jobs.append(job.pk)
        make_backup(("database", "attachments", "database")[number])
        insert_audit(request_json=('{"by": 7}', "[]", None)[number])
    fold()
    make_run(*jobs)
    make_run(10**9)
    make_schedule("opsconsole.housekeeping", "no json")
    make_schedule("opsconsole.sync", {"identity_id": 1})
    make_restore_test(make_backup(), checks_json=[{"check_name": 7}, "odd"])
