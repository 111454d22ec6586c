"""The forms that start backups and restore tests, and what the buttons that lead to them may do."""

from collections.abc import Sequence
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from backups import queries, recent
from backups.admin.looks import name_of
from backups.models import ATTACHMENTS, KINDS, RUNNING, SUCCEEDED, BackupRun
from backups.operations import ALL, NOT_CONFIGURED, TITLES, trigger_backup, trigger_restore_test, why_no_test, why_not
from jobs.receipts import Submitted
from opsconsole.admin.base import PagesAdmin, View, actor_of, reason_in, tell, tell_done
from opsconsole.errors import OpsError, Refused
from opsconsole.formatting import count
from opsconsole.links import page_of
from opsconsole.row_ids import row_id

# They run one after the other.
MAX_TESTS: Final = 10


def is_configured() -> bool:
    """Say whether any kind of backup can be made here."""
    return not all(why_not(kind) for kind in KINDS)


def why_not_tested(run: BackupRun) -> str:
    """Return why a backup can't be tested, in a sentence, or an empty text when it can be."""
    if run.status == RUNNING:
        return "It is still being made."
    if run.status != SUCCEEDED or not run.storage_key:
        return "It did not succeed, so there is nothing to test."
    return "Retention removed its file." if run.is_removed else ""


class Starts(PagesAdmin[BackupRun]):
    """Backing up and testing from the pages of backups; the permissions are those of the operations."""

    operation_permissions = {"back_up": "backups.start_backuprun", "test": "backups.start_restoretest"}

    def starting_views(self) -> Sequence[tuple[str, View, str]]:
        """Return the addresses of the forms."""
        return (("back-up/", self.back_up_view, "back_up"), ("restore-test/", self.test_view, "test"))

    def header_links(self, request: HttpRequest) -> list[dict[str, str]]:
        """Return the buttons that the caller may use, none where nothing is configured."""
        if not is_configured():
            return []
        links = []
        if self.may(request, "back_up"):
            links.append({"title": "Back up now…", "icon": "backup", "url": self.url("back_up")})
        if self.may(request, "test"):
            links.append({"title": "Test restore…", "icon": "verified", "url": self.url("test")})
        return links

    def back_up_view(self, request: HttpRequest) -> HttpResponse:
        """Ask what to back up; start it."""
        self.demand(request, "back_up")
        if request.method == "POST":
            kind = request.POST.get("kind", "")
            try:
                submitted = trigger_backup(kind=kind, actor=actor_of(request), reason=reason_in(request))
            except OpsError as error:
                return self._refused(request, error, back="back_up")
            return self._watched(request, [submitted])
        refusals = {kind: why_not(kind) for kind in KINDS}
        # “All” of one kind is that kind.
        offered = KINDS if any(refusals.values()) else (ALL, *KINDS)
        possible = [kind for kind in offered if not refusals.get(kind)]
        asked = request.GET.get("kind", ALL)
        context = {
            "choices": [
                {
                    "kind": kind,
                    "title": TITLES[kind],
                    "refusal": refusals.get(kind, ""),
                    "chosen": kind in possible and kind == (asked if asked in possible else possible[0]),
                }
                for kind in offered
            ],
            "refusal": "" if possible else NOT_CONFIGURED,
            "back_url": self.list_url(request),
        }
        return self.page(request, "backups/back_up.html", context, title="Back up now")

    def test_view(self, request: HttpRequest) -> HttpResponse:
        """Say which backups are tested, and how; start it."""
        self.demand(request, "test")
        given = (request.POST if request.method == "POST" else request.GET).getlist("backup")
        chosen = sorted({pk for value in given[:1_000] if (pk := row_id(value))}, reverse=True)
        if request.method == "POST":
            return self._test(request, chosen, named=bool(given))
        if problem := why_no_test():
            refused = {"refusal": problem, "back_url": self.list_url(request)}
            return self.page(request, "backups/test.html", refused, title="Test restore")
        found = self._found(chosen) if given else queries.newest_testable()
        testable = [run for run in found if not why_not_tested(run)]
        context = {
            "newest": not given,
            "runs": [(run, name_of(run.kind, run.pk)) for run in testable[:MAX_TESTS]],
            "left_out": [
                *((name_of(run.kind, run.pk), why) for run in found if (why := why_not_tested(run))),
                *(
                    (name_of(run.kind, run.pk), f"At most {MAX_TESTS} are tested at once.")
                    for run in testable[MAX_TESTS:]
                ),
            ],
            "with_attachments": any(run.kind == ATTACHMENTS for run in testable[:MAX_TESTS]),
            "nothing": "None of them exists." if given else "There is no backup to test yet; make one first.",
            "back_url": self.list_url(request),
        }
        title = f"Test {name_of(testable[0].kind, testable[0].pk)}" if given and len(testable) == 1 else "Test restore"
        return self.page(request, "backups/test.html", context, title=title)

    def _found(self, chosen: Sequence[int]) -> list[BackupRun]:
        return list(recent.backups().filter(pk__in=chosen).order_by("-pk"))

    def _test(self, request: HttpRequest, chosen: Sequence[int], *, named: bool) -> HttpResponse:
        """Start a restore test of each, or of the newest ones when none was named; say of each why not."""
        if named and not 0 < len(chosen) <= MAX_TESTS:
            sentence = f"From 1 to {MAX_TESTS} backups are tested at once; nothing was started."
            tell(request, Refused(sentence, code="bad_arguments"))
            return HttpResponseRedirect(self.url("changelist"))
        wanted: Sequence[int | None] = chosen if named else [None]
        values: dict[str, Any] = {
            "all_files": request.POST.get("all_files") == "yes",
            "actor": actor_of(request),
            "reason": reason_in(request),
        }
        started: list[Submitted] = []
        for pk in wanted:
            try:
                started.append(trigger_restore_test(backup_run_id=pk, **values))
            except OpsError as error:
                tell(request, error)
        return self._watched(request, started) if started else HttpResponseRedirect(self.url("changelist"))

    def _refused(self, request: HttpRequest, error: OpsError, *, back: str) -> HttpResponse:
        tell(request, error)
        return HttpResponseRedirect(self.url(back) if error.code == "invalid_kind" else self.url("changelist"))

    def _watched(self, request: HttpRequest, started: Sequence[Submitted]) -> HttpResponse:
        """Redirect to the started run. Redirect to the list if there are several or the user can't see runs."""
        warn = any(submitted.needs_attention for submitted in started)
        if len(started) > 1:
            text = f"{count(len(started), 'restore test')} queued. They run one after the other."
            tell_done(request, text, warn=warn)
            return HttpResponseRedirect(self.url("changelist"))
        (submitted,) = started
        tell_done(request, submitted.message, warn=warn)
        run = page_of("run", submitted.run_id) if request.user.has_perm("jobs.view_run") else None
        return HttpResponseRedirect(run or self.url("changelist"))
