"""Which runs a list shows."""

import hashlib
from typing import Any, ClassVar, get_args

import orjson
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from django_filters.utils import translate_validation

from jobs.models import Run
from opsconsole.audit import Via
from opsconsole.filter_forms import MomentField


class _MomentFilter(filters.Filter):  # type: ignore[misc]  # django-filter has no types
    """A moment in UTC; the library's own keeps an offset that PostgreSQL may not know."""

    field_class = MomentField


class RunFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """The filters of the runs list."""

    operation = filters.CharFilter()
    requested_by = filters.CharFilter()
    via = filters.ChoiceFilter(
        choices=[(via, via) for via in get_args(Via)],
        error_messages={"invalid_choice": f"“%(value)s” is no way in; allowed are {', '.join(get_args(Via))}."},
    )
    created_after = _MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = _MomentFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Run
        fields: ClassVar[list[str]] = ["operation", "requested_by", "via", "created_after", "created_before"]

    def runs(self) -> QuerySet[Run]:
        """Return the runs that pass.

        Raises:
            ValidationError: a value is outside the allowed ones (DRF's, with the sentences by field).
        """
        if not self.is_valid():
            raise translate_validation(self.errors)
        found: QuerySet[Run] = self.qs
        return found

    def digest(self) -> str:
        """Return a short name of the values, by which a cursor knows the list that it belongs to."""
        values: dict[str, Any] = {name: value for name, value in self.form.cleaned_data.items() if value}
        return hashlib.blake2s(orjson.dumps(values, option=orjson.OPT_SORT_KEYS), digest_size=9).hexdigest()
