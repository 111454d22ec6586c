"""The base of the console's pages: nothing can be added, changed or deleted, only operations change things."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from opsconsole.audit import MAX_REASON_LENGTH, Actor
from opsconsole.errors import Conflict, NotFound, OpsError
from opsconsole.links import page_of
from opsconsole.row_ids import row_id

if TYPE_CHECKING:
    # Unfold's has no types; it is Django's with another look.
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin

M = TypeVar("M", bound=Model)

View = Callable[..., HttpResponse]


def actor_of(request: HttpRequest) -> Actor:
    """Return the caller as an actor that came through these pages."""
    return Actor(name=request.user.get_username(), via="admin")


def reason_in(request: HttpRequest) -> str:
    """Return the reason that was typed into a form."""
    return request.POST.get("reason", "").replace("\x00", "").strip()[:MAX_REASON_LENGTH]


def tell(request: HttpRequest, error: OpsError, *, about: str = "") -> None:
    """Show an operation's refusal as a message: the one mapping of this family of errors for pages.

    Args:
        request: whose next page shows it.
        error: what was refused.
        about: what it was about, such as “Job 12”.
    """
    level = messages.WARNING if isinstance(error, Conflict) else messages.ERROR
    text = f"{about}: {error.message}" if about else error.message
    job_id = error.details.get("job_id")
    url = page_of("job", job_id) if request.user.has_perm("jobs.view_job") else None
    messages.add_message(request, level, _with_link(text, url, f"Open job {job_id}") if url else text)


def tell_done(request: HttpRequest, text: str, *, url: str = "", link: str = "", warn: bool = False) -> None:
    """Show what was done, with a link to what came of it."""
    message = _with_link(text, url, link) if url else format_html("{}", text)
    messages.add_message(request, messages.WARNING if warn else messages.SUCCESS, message)


def _with_link(text: str, url: str, link: str) -> SafeString:
    return format_html('{} <a class="oc-message-link" href="{}">{}</a>', text, url, link)


class PagesAdmin(ModelAdmin[M]):
    """An admin with pages and operations of its own.

    A subclass says in `operation_permissions` which permission each of its operations takes.
    """

    operation_permissions: dict[str, str] = {}

    def may(self, request: HttpRequest, operation: str) -> bool:
        """Say whether the caller may use one of the operations."""
        return request.user.has_perm(self.operation_permissions[operation])

    def demand(self, request: HttpRequest, operation: str = "view") -> None:
        """Raise PermissionDenied unless the caller may see these pages and use the operation."""
        if not self.has_view_permission(request) or (operation != "view" and not self.may(request, operation)):
            raise PermissionDenied

    def url(self, name: str, *args: Any, query: str = "") -> str:
        """Return the address of one of this model's pages."""
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=args)
        return f"{url}?{query}" if query else url

    def page(
        self,
        request: HttpRequest,
        template: str,
        context: dict[str, Any],
        *,
        title: str,
        status: int = 200,
        shown: M | None = None,
    ) -> TemplateResponse:
        """Return a page in the console's frame.

        Args:
            request: who asks.
            template: one that extends `opsconsole/page.html`.
            context: what it shows.
            title: the page's title.
            status: the answer's HTTP status.
            shown: the row that it is about.
        """
        request.current_app = self.admin_site.name
        frame = {
            **self.admin_site.each_context(request),
            "title": title,
            "list_title": str(self.opts.verbose_name_plural).capitalize(),
            "list_url": self.list_url(request),
            "shown": shown,
            "is_fullwidth": "1",
        }
        return TemplateResponse(request, template, frame | context, status=status)

    def list_url(self, request: HttpRequest) -> str:
        """Return the address of the list with the filter that the caller came from."""
        return self.url("changelist", query=request.GET.get("_changelist_filters", ""))

    def missing(self, request: HttpRequest, error: OpsError) -> TemplateResponse:
        """Return the page that says that there is no such thing."""
        return self.page(request, "opsconsole/missing.html", {"sentence": error.message}, title="Not found", status=404)


class ReadOnlyAdmin(PagesAdmin[M]):
    """Pages of a model that nobody edits.

    A subclass says in `operation_permissions` which permission each of its operations takes, lists its own addresses in
    `extra_views`, and shows one row by overriding `change_view`.
    """

    actions_on_bottom = False
    list_fullwidth = True
    list_disable_select_all = True
    show_facets = ShowFacets.NEVER

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is added here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is edited here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is deleted here."""
        return False

    def extra_views(self) -> Sequence[tuple[str, View, str]]:
        """Return the addresses beside list and page: path, view, and what follows the model in the address's name."""
        return ()

    def get_urls(self) -> list[URLPattern]:
        """Serve the list, the pages and `extra_views`, and nothing that edits."""
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"

        def named(route: str, view: View, name: str) -> URLPattern:
            return path(route, self.admin_site.admin_view(view), name=f"{prefix}_{name}")

        return [
            named("", self.changelist_view, "changelist"),
            *(named(route, view, name) for route, view, name in self.extra_views()),
            named("<path:object_id>/change/", self.change_view, "change"),
        ]

    def details(self, shown: M) -> list[tuple[str, Any]]:
        """Return what the page of a row shows: labels and values, all of its columns unless a subclass knows better."""
        return [
            (str(getattr(field, "verbose_name", field.name)).capitalize(), getattr(shown, field.attname))
            for field in shown._meta.concrete_fields
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one row."""
        self.demand(request)
        known = row_id(object_id) is not None
        shown = self.get_queryset(request).filter(pk=object_id).first() if known else None
        if shown is None:
            name = self.opts.verbose_name
            return self.missing(request, NotFound(f"There is no {name} {object_id[:50]}."))
        context = {"details": self.details(shown), **(extra_context or {})}
        title = str(shown)
        return self.page(request, "opsconsole/details.html", context, title=title[:1].upper() + title[1:], shown=shown)

    def fragment(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        """Return a part of a page, for htmx to put in place."""
        return TemplateResponse(request, template, context).render()

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Only those see the application who may see this model."""
        return self.has_view_permission(request)
