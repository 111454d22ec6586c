"""Cancelling jobs and setting them failed from pages: first a page that asks, then what its form says."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from jobs import operations
from jobs.admin.questions import Question
from jobs.admin.refusals import tell_refusals
from jobs.cancel_rules import TERMINATE_WARNING
from jobs.receipts import BulkCancelled
from opsconsole.admin.base import reason_in, tell, tell_done
from opsconsole.errors import OpsError

if TYPE_CHECKING:
    from opsconsole.admin.base import ReadOnlyAdmin

    Base = ReadOnlyAdmin[Model]
else:
    Base = object

CHANGED = "Things have changed since this page was loaded. Look again at what will happen now."
# What the operations of both kinds of pages take.
PERMISSIONS = {
    "cancel": "jobs.cancel_job",
    "terminate": "jobs.terminate_job",
    "fail": "jobs.fail_job",
}


class EndsJobs(Base):
    """What the pages of jobs and of runs share that end jobs."""

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Say whether the caller may cancel jobs."""
        return self.may(request, "cancel")

    def has_fail_permission(self, request: HttpRequest) -> bool:
        """Say whether the caller may set stuck jobs failed."""
        return self.may(request, "fail")

    def ask_or_act(
        self,
        request: HttpRequest,
        question: Question,
        act: Callable[[bool, str], None],
        *,
        title: str,
        about: Mapping[str, Any],
        back: str,
    ) -> HttpResponse:
        """Show a question; or do what its form says, and go back.

        Args:
            request: who asks.
            question: what it does as things stand now.
            act: does it and tells so, with whether to terminate and the reason.
            title: the page's title.
            about: what it is about: its name for a refusal, and where it is one thing, its title, look and address.
            back: where to go afterwards.
        """
        reason = reason_in(request)
        lacks_reason = question.reason_needed and not reason
        if request.method != "POST" or not question.was_answered_by(request.POST) or lacks_reason:
            return self._question_page(request, question, title=title, about=about, back=back)
        terminate = request.POST.get("terminate") == "yes"
        if terminate and not self.may(request, "terminate"):
            raise PermissionDenied
        try:
            act(terminate, reason)
        except OpsError as error:
            tell(request, error, about=about["name"])
        return HttpResponseRedirect(back)

    def tell_ended(self, request: HttpRequest, result: BulkCancelled) -> None:
        """Say what came of ending several jobs."""
        tell_done(request, result.message, warn=not result.done or bool(result.cancelling or result.warnings))
        tell_refusals(request, result.refused, verb=result.verb)

    def _question_page(
        self, request: HttpRequest, question: Question, *, title: str, about: Mapping[str, Any], back: str
    ) -> HttpResponse:
        problem, status = "", HTTPStatus.OK
        if request.method == "POST" and "shown" in request.POST:
            if question.was_answered_by(request.POST):
                problem, status = operations.REASON_NEEDED, HTTPStatus.BAD_REQUEST
            else:
                problem, status = CHANGED, HTTPStatus.CONFLICT
        context: dict[str, Any] = {
            "question": question,
            "problem": problem,
            "about": about,
            "reason": reason_in(request),
            "terminate_warning": TERMINATE_WARNING,
            "action": request.get_full_path(),
            "back_url": back,
        }
        return self.page(request, "jobs/confirm_ending.html", context, title=title, status=status)
