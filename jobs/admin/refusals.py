"""Saying of several jobs why they were left alone."""

from collections.abc import Mapping
from typing import Final

from django.contrib import messages
from django.http import HttpRequest

# Messages on one page, and jobs that one of them names.
REASONS_SHOWN: Final = 10
JOBS_NAMED: Final = 10


def tell_refusals(request: HttpRequest, refused: Mapping[int, str], *, verb: str) -> None:
    """Show a message for each reason, with the jobs that it holds for.

    Args:
        request: whose next page shows them.
        refused: why, by job.
        verb: what was not done to them, such as “retried”.
    """
    reasons: dict[str, list[int]] = {}
    for job_id, reason in refused.items():
        reasons.setdefault(reason, []).append(job_id)
    for reason, job_ids in list(reasons.items())[:REASONS_SHOWN]:
        named = ", ".join(str(job_id) for job_id in job_ids[:JOBS_NAMED]) + (" …" if len(job_ids) > JOBS_NAMED else "")
        text = f"Not {verb}: job{'s' if len(job_ids) > 1 else ''} {named}. {reason}"
        messages.add_message(request, messages.WARNING, text)
