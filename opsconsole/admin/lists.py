"""Lists of the console: pages by key, never counted on the way, filters in words, all of their state in the address."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import helpers
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from opsconsole.admin.base import ReadOnlyAdmin
from opsconsole.api import cursors
from opsconsole.errors import BadAddress, OpsError
from opsconsole.filter_forms import FilterForm
from opsconsole.row_ids import MAX_ID, row_id

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
else:
    from unfold.views import ChangeList

M = TypeVar("M", bound=Model)

ROWS_PER_PAGE = 50
# As many as the longest list shows at once.
MAX_CHOSEN = 1_000
# The look-ups of Django's filters: by a value, by a related row, or by whether there is a value.
_LOOKUPS = ("__exact", "__id__exact", "__isnull")


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """Where a page of a list starts: beyond a row's key, in the list's order or backwards."""

    key: int
    backwards: bool = False


@dataclass(frozen=True, kw_only=True)
class ListPage(Generic[M]):
    """One page of a list.

    Attributes:
        rows: its rows, in the list's order.
        next_key: the key that the next page starts beyond, or None when there is none.
        previous_key: likewise, backwards.
        total: how many rows there are in all, in words, where that is known.
    """

    rows: Sequence[M]
    next_key: int | None = None
    previous_key: int | None = None
    total: str = ""


@dataclass(frozen=True, kw_only=True)
class EmptyList:
    """What is said where a list has no rows at all."""

    icon: str = "inbox"
    title: str = "Nothing here yet"
    text: str = ""


@dataclass(kw_only=True)
class ListState:
    """What the list's template shows around its rows."""

    form: FilterForm
    problems: list[str] = field(default_factory=list)
    next_url: str = ""
    previous_url: str = ""
    total: str = ""


class CheckedListMixin:
    """An admin with Django's own list that accepts only its own filters. Anything else in the address is a 400.

    By itself, Django accepts look-ups such as regular expressions, and the database may then fail with a 500.
    """

    list_filter: ClassVar[Any]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Allow only the look-ups of the list's own filters.

        Args:
            lookup: the look-up, such as `name__exact`.
            value: what it compares with.
            request: the request.

        Returns:
            Whether the look-up is allowed.
        """
        return lookup in {f"{name}{how}" for name in self.list_filter for how in _LOOKUPS}

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list that the address asks for.

        Raises:
            BadAddress: there is no such filter, value or page.
        """
        if any("\x00" in text for name, values in request.GET.lists() for text in (name, *values)):
            raise BadAddress("The address contains a NUL character. Remove it.")
        try:
            return super().get_changelist_instance(request)  # type: ignore[misc]
        except (IncorrectLookupParameters, DisallowedModelAdminLookup) as error:
            allowed = ", ".join(map(str, self.list_filter)) or "none"
            raise BadAddress(f"This list has no such filter, value or page. Allowed filters: {allowed}.") from error

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Run an action on the chosen rows.

        Args:
            request: the request, with the chosen ids.
            args: Django's other arguments.
            kwargs: Django's other arguments, by name.

        Returns:
            The action's answer.

        Raises:
            BadAddress: a chosen id isn't one.
        """
        if any(row_id(chosen) is None for chosen in request.POST.getlist(helpers.ACTION_CHECKBOX_NAME)):
            raise BadAddress(f"Chosen rows must be numbers from 1 to {MAX_ID}.")
        return super().response_action(request, *args, **kwargs)  # type: ignore[misc]


class ConsoleChangeList(ChangeList):
    """Takes its rows from its admin's `fetch` instead of a queryset; broken input becomes a sentence."""

    def get_filters(self, request: HttpRequest) -> Any:
        """None of Django's: the admin's own form reads the address."""
        return [], False, {}, False, False

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """Return a queryset that nobody evaluates."""
        return self.root_queryset

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page that the address asks for."""
        admin: Any = self.model_admin
        form: FilterForm = admin.filter_form_class(request.GET)
        self.state = ListState(form=form)
        page: ListPage[Any] = ListPage(rows=[])
        if not form.is_valid():
            self.state.problems = form.sentences()
        else:
            listed = admin.listed(form)
            try:
                page = admin.fetch(request, form, self._cursor(request, listed))
            except OpsError as error:
                self.state.problems = [error.message]
            else:
                self.state.next_url = self._link(form, listed, page.next_key, backwards=False)
                self.state.previous_url = self._link(form, listed, page.previous_key, backwards=True)
                self.state.total = page.total
        self.result_list = list(page.rows)
        # Django says with these how many there are; the list says so itself, and doesn't count for it.
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = False
        self.can_show_all = False
        self.multi_page = False

    @staticmethod
    def _cursor(request: HttpRequest, listed: str) -> Cursor | None:
        given = request.GET.get("cursor", "")
        if not given:
            return None
        key, backwards = cursors.decode(given, listed=listed)
        return Cursor(key=key, backwards=backwards)

    @staticmethod
    def _link(form: FilterForm, listed: str, key: int | None, *, backwards: bool) -> str:
        if key is None:
            return ""
        cursor = cursors.encode(listed=listed, key=key, backwards=backwards)
        return "?" + urlencode([*form.pairs(), ("cursor", cursor)])


class ListAdmin(ReadOnlyAdmin[M]):
    """Read-only pages of a model whose list is paged by key.

    A subclass names its columns as Django does, and says in `fetch` where a page comes from; without one it is the
    model's own rows, newest first.
    """

    change_list_template = "opsconsole/change_list.html"
    list_per_page = ROWS_PER_PAGE
    filter_form_class: type[FilterForm] = FilterForm
    empty_list = EmptyList()
    list_before_template = "opsconsole/_list_top.html"
    # What the ways to the pages before and after this one are called.
    page_words = ("Newer", "Older")
    # Shown above the list, such as status tabs.
    list_tabs_template = ""
    ordering = ()
    # Nothing can be sorted by a column that no index carries.
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ConsoleChangeList]:
        """Page by key."""
        return ConsoleChangeList

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Have Unfold draw its tool bar where there are filters; the search itself is one of them."""
        return ("pk",) if self.filter_form_class.base_fields else ()

    def listed(self, form: FilterForm) -> str:
        """Return the name of the list that a cursor is good for."""
        return f"admin:{self.opts.model_name}:{form.digest()}"

    def fetch(self, request: HttpRequest, form: FilterForm, cursor: Cursor | None) -> ListPage[M]:
        """Return the page that starts at a cursor; one query."""
        backwards = cursor is not None and cursor.backwards
        found = self.get_queryset(request).order_by("pk" if backwards else "-pk")
        if cursor is not None:
            found = found.filter(**{"pk__gt" if backwards else "pk__lt": cursor.key})
        rows = list(found[: self.list_per_page + 1])
        return list_page(rows, cursor=cursor, limit=self.list_per_page)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list; what is wrong with the address is said on the page, as a 400."""
        response = super().changelist_view(request, (extra_context or {}) | {"list_admin": self})
        context = getattr(response, "context_data", None) or {}
        if "cl" in context:
            context["title"] = str(self.opts.verbose_name_plural).capitalize()
            if context["cl"].state.problems:
                response.status_code = 400
        return response

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[M], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Run an action on the rows that were ticked, never on all that match."""
        chosen = chosen_ids(request)
        if not chosen:
            self.message_user(request, "Nothing that exists was chosen; nothing was done.", messages.WARNING)
            return HttpResponseRedirect(request.get_full_path())
        # Django takes whatever was ticked for ids.
        given = request.POST.copy()
        given.setlist(helpers.ACTION_CHECKBOX_NAME, [str(pk) for pk in chosen])
        request.POST = given  # type: ignore[assignment]
        # Actions read what was ticked from the request: the queryset is not to be trusted with “select across”.
        return super().response_action(request, queryset.none(), *args, **kwargs)


def chosen_ids(request: HttpRequest) -> list[int]:
    """Return the ids of the rows that were ticked, those that can be ids, bounded."""
    given = request.POST.getlist(helpers.ACTION_CHECKBOX_NAME)[:MAX_CHOSEN]
    return list(dict.fromkeys(pk for value in given if (pk := row_id(value))))


def list_page(
    found: Sequence[M], *, cursor: Cursor | None, limit: int, more: bool | None = None, total: str = ""
) -> ListPage[M]:
    """Return the page that some rows make.

    Args:
        found: the rows beyond the cursor, in the order in which they were walked (in the list's order when `more` is
            given): one more than the page has, if there is one.
        cursor: where they start.
        limit: rows a page.
        more: whether there are more that way, for rows that are the page's own already.
        total: how many there are in all, in words.
    """
    backwards = cursor is not None and cursor.backwards
    rows = list(found[:limit])
    if more is None:
        more = len(found) > limit
        if backwards:
            rows.reverse()
    has_next = bool(rows) and (backwards or more)
    has_previous = bool(rows) and (more if backwards else cursor is not None)
    return ListPage(
        rows=rows,
        next_key=rows[-1].pk if has_next else None,
        previous_key=rows[0].pk if has_previous else None,
        total=total,
    )
