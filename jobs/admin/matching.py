"""Retrying or cancelling all jobs that match the list's filters: the page that says what will happen, and its form."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from jobs.admin.filter_form import JobFilterForm, job_types, word_of
from jobs.admin.looks import of_job
from jobs.filters import JobFilter
from jobs.glance import glances
from jobs.matching import operations
from jobs.matching.preview import ERROR_LENGTH, Preview, preview
from jobs.matching.selection import CANCEL, POSSIBLE, RETRY, Verb
from jobs.models import Job
from jobs.receipts import Submitted
from opsconsole.admin.base import View, actor_of, reason_in, tell_done
from opsconsole.errors import OpsError
from opsconsole.formatting import count
from opsconsole.row_ids import row_id

if TYPE_CHECKING:
    from opsconsole.admin.base import ReadOnlyAdmin

    Base = ReadOnlyAdmin[Job]
else:
    Base = object

# How many go first, if somebody wants that.
CANARY: Final = 5
ICONS: Final[dict[Verb, str]] = {RETRY: "replay", CANCEL: "block"}


class MatchingPages(Base):
    """The pages about all jobs that match."""

    def matching_views(self) -> Sequence[tuple[str, View, str]]:
        """Return the addresses where it is asked and done."""
        return (
            ("matching/retry/", self.retry_matching_view, "retry_matching"),
            ("matching/cancel/", self.cancel_matching_view, "cancel_matching"),
        )

    def matching_links(self, request: HttpRequest, form: JobFilterForm) -> list[dict[str, str]]:
        """Return the links from a list to these pages: for what makes sense of the statuses that it shows."""
        if not form.is_valid():
            return []
        statuses = form.job_filter().statuses
        links = []
        for verb in (RETRY, CANCEL):
            if not self.may(request, verb) or not (set(statuses) <= set(POSSIBLE[verb])):
                continue
            if verb == RETRY and form.job_filter().stuck:
                continue
            title = (
                f"{verb.capitalize()} all{'' if statuses else ' failed' if verb == RETRY else ' active'} that match…"
            )
            links.append({"url": self.url(f"{verb}_matching", query=form.query()), "title": title, "icon": ICONS[verb]})
        return links

    def retry_matching_view(self, request: HttpRequest) -> HttpResponse:
        """Say what retrying all failed jobs that match will do; have it done."""
        return self._matching(request, RETRY)

    def cancel_matching_view(self, request: HttpRequest) -> HttpResponse:
        """Say what cancelling all active jobs that match will do; have it done."""
        return self._matching(request, CANCEL)

    def _matching(self, request: HttpRequest, verb: Verb) -> HttpResponse:
        self.demand(request, verb)
        form = JobFilterForm(request.GET)
        if not form.is_valid():
            return self._matching_page(request, verb, form, None, problem=" ".join(form.sentences()), status=400)
        problem, status = "", HTTPStatus.OK.value
        if request.method == "POST":
            try:
                submitted = self._submit(request, verb, form.job_filter())
            except OpsError as refusal:
                problem, status = refusal.message, refusal.status
            else:
                tell_done(request, submitted.message, warn=submitted.needs_attention)
                if request.user.has_perm("jobs.view_run"):
                    return HttpResponseRedirect(reverse("admin:jobs_run_change", args=[submitted.run_id]))
                return HttpResponseRedirect(self.url("changelist", query=form.query()))
        try:
            shown = preview(verb, form.job_filter())
        except OpsError as refusal:
            shown, problem, status = None, refusal.message, refusal.status
        return self._matching_page(request, verb, form, shown, problem=problem, status=status)

    def _submit(self, request: HttpRequest, verb: Verb, job_filter: JobFilter) -> Submitted:
        seen: dict[str, Any] = {
            "up_to_id": row_id(request.POST.get("up_to_id")) or 0,
            "expected": row_id(request.POST.get("expected")) or 0,
            "reason": reason_in(request),
            "actor": actor_of(request),
        }
        if verb == CANCEL:
            return operations.cancel_matching(job_filter, **seen)
        return operations.retry_matching(
            job_filter, **seen, canary=CANARY if request.POST.get("canary") == "yes" else 0
        )

    def _matching_page(
        self,
        request: HttpRequest,
        verb: Verb,
        form: JobFilterForm,
        shown: Preview | None,
        *,
        problem: str,
        status: int,
    ) -> HttpResponse:
        context: dict[str, Any] = {
            "verb": verb,
            "icon": ICONS[verb],
            "preview": shown,
            "problem": problem,
            "filters": _filters_in_words(form, verb),
            "reason": reason_in(request),
            "canary": CANARY if verb == RETRY and shown and shown.will > CANARY else 0,
            "wants_canary": request.POST.get("canary") == "yes" or request.method != "POST",
            "action": request.get_full_path(),
            "back_url": self.url("changelist", query=form.query()),
        }
        if shown is not None:
            titles = dict(job_types())
            context |= {
                "types": [(titles.get(name, name), n) for name, n in shown.by_type.items()],
                "sample": [
                    job | {"look": of_job(job)}
                    for job in glances(shown.sample, shown.concerns, error_length=ERROR_LENGTH)
                ],
                "button": f"{verb.capitalize()} {'' if shown.is_whole else 'up to '}{count(shown.at_most, 'job')}",
            }
        title = f"{verb.capitalize()} all {'failed' if verb == RETRY else 'active'} jobs that match?"
        return self.page(request, "jobs/matching.html", context, title=title, status=status)


def _filters_in_words(form: JobFilterForm, verb: Verb) -> list[str]:
    """Return what restricts the jobs that are meant, in words."""
    if not form.is_valid():
        return []
    statuses = [status for status in form.job_filter().statuses if status in POSSIBLE[verb]] or POSSIBLE[verb]
    words = [f"Status: {' or '.join(word_of(status).lower() for status in statuses)}"]
    if q := form.cleaned_data.get("q"):
        words.append(f"Type or error contains “{q}”")
    return words + [one.words for one in form.applied() if not one.words.startswith("Status:")]
