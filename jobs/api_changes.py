"""Changing jobs through the API: what it takes, who may, and what is answered."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers, status
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import operations, queries, run_representation
from jobs.models import Run
from jobs.receipts import BulkCancelled, Cancelled, Retried, SetFailed, Submitted
from jobs.representation import jobs_as_json
from opsconsole.api.fields import Input, ReasonField


class CancelInput(Input):
    """What cancelling takes."""

    terminate = serializers.BooleanField(
        required=False, default=False, error_messages={"invalid": "This must be true or false."}
    )
    reason = ReasonField()


class FailInput(Input):
    """What setting stuck jobs failed takes."""

    reason = ReasonField(needed=operations.REASON_NEEDED)


def check_terminate(request: Request, given: Mapping[str, Any]) -> None:
    """Raise PermissionDenied when a termination is asked for by somebody who may only cancel."""
    if given["terminate"] and not request.user.has_perm("jobs.terminate_job"):
        raise PermissionDenied("You may cancel jobs, but not terminate their tasks; leave out “terminate”.")


def job_changed(receipt: Retried | Cancelled | SetFailed, **more: Any) -> Response:
    """Return the answer of what changes one job: what happened, and the job as it is now."""
    (job,) = jobs_as_json([queries.get(receipt.job_id)], error_length=queries.DETAIL_ERROR_LENGTH)
    return Response({"id": receipt.job_id, "status": job["status"], "message": receipt.message, **more, "job": job})


def run_changed(run: Run, result: BulkCancelled) -> Response:
    """Return the answer of what changes a run's jobs: which were changed, which not, and the run as it is now."""
    shown = run_representation.run_as_json(run)
    return Response(
        {
            "id": run.pk,
            "status": shown["status"],
            "message": result.message,
            "done": result.done,
            "cancelling": result.cancelling,
            "refused": [{"id": job_id, "detail": why} for job_id, why in result.refused.items()],
            "warnings": sorted(result.warnings),
            "run": shown,
        }
    )


def accepted(submitted: Submitted) -> Response:
    """Return the 202 of every operation that starts a run."""
    new = set(submitted.job_ids) - set(submitted.already_active)
    return Response(
        {
            "job_id": str(submitted.run_id),
            "status": "queued",
            "message": submitted.message,
            "jobs": list(submitted.job_ids),
            "already_active": list(submitted.already_active),
            # Nothing is known of jobs that were joined: somebody else hands them over.
            "handed_over": submitted.handed_over == len(new) if new else None,
            "left_out": [one.as_json() for one in submitted.left_out],
            "conversations": [one.as_json() for one in submitted.conversations],
        },
        status=status.HTTP_202_ACCEPTED,
    )
