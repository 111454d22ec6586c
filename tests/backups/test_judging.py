"""What the result of a core's backup task means for its job."""

from typing import Any

import pytest

from jobs.gateway import TaskState
from jobs.outcomes import judge

GOOD = {"check_name": "rows", "passed": True, "error": None}
BAD = {"check_name": "orphans", "passed": False, "error": "12 rows"}


@pytest.mark.parametrize(
    ("result", "outcome", "error"),
    [
        ({"status": "success", "file_size": 5}, "done", None),
        ({"status": "completed"}, "done", None),
        ({"status": "passed", "integrity_checks": [GOOD, GOOD]}, "done", None),
        ({"status": "failed", "error": "disk full"}, "failed", "disk full"),
        ({"status": " Failed "}, "failed", "The task returned the status 'failed'."),
        ({"status": "error", "error": "mysqldump: Got error 2013"}, "failed", "mysqldump: Got error 2013"),
        ({"status": "could_not_verify"}, "failed", "The task returned the status 'could_not_verify'."),
        ({"status": "failed", "integrity_checks": [BAD], "error": "broken"}, "failed", "broken"),
        ({"status": "success", "integrity_checks": [GOOD, BAD]}, "failed", "1 of 2 checks failed: orphans (12 rows)"),
        ({"integrity_checks": [BAD]}, "failed", "1 of 1 checks failed: orphans (12 rows)"),
        (
            {"status": "success", "integrity_checks": [None]},
            "failed",
            "1 of 1 checks failed: unnamed (no reason given)",
        ),
        ({"status": "success", "integrity_checks": []}, "done", None),
        ({"status": "success", "integrity_checks": "all"}, "done", None),
        ({"status": "success", "integrity_checks": [BAD] * 1_000, "errors": ["x"]}, "failed", None),
    ],
    ids=str,
)
def test_a_backup_tasks_result(result: dict[str, Any], outcome: str, error: str | None) -> None:
    verdict = judge(TaskState(state="SUCCESS", result=result))
    assert verdict.outcome == outcome
    if len(result.get("integrity_checks") or ()) < 100:
        assert verdict.error == error
    else:
        assert len(str(verdict.error)) <= 5_000
