"""The filters above a list: what the address may hold, what is wrong with it, and what applies, in words."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime

from opsconsole.formatting import exact
from opsconsole.row_ids import MAX_ID

# The range of years that a filter accepts.
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2200


@dataclass(frozen=True, kw_only=True)
class Applied:
    """One filter that applies: what it is in words, and the address without it."""

    words: str
    url_without: str


class OpenChoiceField(forms.ChoiceField):
    """A choice from what is known that takes any other short text too: the tables hold values that no list knows."""

    def __init__(self, *, max_length: int = 128, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_length = max_length

    def validate(self, value: Any) -> None:
        """Take any text that the column could hold."""
        if len(value) > self.max_length:
            raise ValidationError(f"This has more than {self.max_length} characters.")
        if "\x00" in value:
            raise ValidationError("This holds a NUL character.")


class IdField(forms.IntegerField):
    """The id of a row."""

    def __init__(self, **kwargs: Any) -> None:
        message = f"This must be a whole number from 1 to {MAX_ID}."
        errors = dict.fromkeys(("invalid", "min_value", "max_value"), message)
        super().__init__(min_value=1, max_value=MAX_ID, error_messages=errors, **kwargs)

    def to_python(self, value: Any) -> int | None:
        """Return the number. Underscores between digits, which Python's `int` allows, are refused."""
        if "_" in str(value):
            raise ValidationError(self.error_messages["invalid"])
        return super().to_python(value)


class MomentInput(forms.DateTimeInput):
    """The browser's own input for a moment."""

    input_type = "datetime-local"

    def format_value(self, value: Any) -> str | None:
        """Return the value as the browser wants it, whatever spelling the address has."""
        try:
            moment = parse_datetime(value) if isinstance(value, str) else value
            if not isinstance(moment, datetime):
                return None
            if moment.tzinfo is not None:
                moment = moment.astimezone(UTC)
        except (OverflowError, ValueError):
            return None
        return moment.strftime("%Y-%m-%dT%H:%M")


class MomentField(forms.DateTimeField):
    """A moment, UTC unless it says otherwise."""

    widget = MomentInput

    def __init__(self, **kwargs: Any) -> None:
        invalid = "This must be a moment in UTC, such as 2026-01-31T03:00."
        super().__init__(error_messages={"invalid": invalid}, **kwargs)

    def to_python(self, value: Any) -> datetime | None:
        """Return the moment in UTC, within what a database can compare."""
        try:
            # A `+` that the address turned into a space is taken as what was meant.
            moment = super().to_python(value.replace(" ", "+") if isinstance(value, str) and "T" in value else value)
            moment = moment.astimezone(UTC) if moment is not None else None
        except (OverflowError, ValueError) as error:
            raise ValidationError(self.error_messages["invalid"]) from error
        if moment is not None and not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValidationError(f"The year must be {FIRST_YEAR}–{LAST_YEAR} in UTC, not {moment.year}.")
        return moment


class FilterForm(forms.Form):
    """The filters of a list; its field names are the parameters of the address.

    Attributes:
        words: how each filter reads when it applies; `{}` is its value as people know it.
        in_bar: fields that are always in sight, such as the search.
        elsewhere: fields that are chosen elsewhere, such as a status by its tab; they stay in the address.
    """

    words: ClassVar[dict[str, str]] = {}
    in_bar: ClassVar[tuple[str, ...]] = ()
    elsewhere: ClassVar[tuple[str, ...]] = ()

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, prefix=None, auto_id="filter-%s", use_required_attribute=False)
        for name, field in self.fields.items():
            field.required = False
            kind = "oc-check" if isinstance(field, forms.BooleanField) else "oc-input"
            field.widget.attrs["class"] = kind
            if name in self.in_bar:
                field.widget.attrs["aria-label"] = field.label or name

    def pairs(self, *, without: str = "") -> list[tuple[str, str]]:
        """Return what applies as the parameters of an address, as they were given."""
        return [
            (name, value)
            for name in self.fields
            if name != without
            for value in (self.data.getlist(name) if hasattr(self.data, "getlist") else [])
            if value
        ]

    def query(self, *, without: str = "") -> str:
        """Return what applies as the query of an address."""
        return urlencode(self.pairs(without=without))

    def digest(self) -> str:
        """Return a short name of what applies, by which a cursor knows the list that it belongs to."""
        return hashlib.blake2s(urlencode(sorted(self.pairs())).encode(), digest_size=9).hexdigest()

    def sentences(self) -> list[str]:
        """Return what is wrong with the address."""
        found = []
        for name, errors in self.errors.items():
            label = self.fields[name].label or name if name in self.fields else ""
            found += [f"{label}: {error}" if label else str(error) for error in errors]
        return found

    def applied(self) -> list[Applied]:
        """Return the filters that apply, in words, without those that are always in sight."""
        if not self.is_valid():
            return []
        return [
            Applied(
                words=self.words.get(name, "{}").format(self.shown(name, value)),
                url_without="?" + self.query(without=name),
            )
            for name, value in self.cleaned_data.items()
            if value not in (None, "", False, (), []) and name not in (*self.in_bar, *self.elsewhere)
        ]

    def shown(self, name: str, value: Any) -> str:
        """Return a filter's value as people know it."""
        if isinstance(value, datetime):
            return exact(value)
        field = self.fields[name]
        for key, label in getattr(field, "choices", ()):
            if str(key) == str(value):
                return str(label)
        return str(value)

    def is_filtered(self) -> bool:
        """Say whether anything but what is chosen elsewhere restricts the list."""
        return any(name not in self.elsewhere for name, _ in self.pairs())

    def hidden(self) -> list[tuple[str, str]]:
        """Return what the form has to carry along: what is chosen elsewhere."""
        return [(name, value) for name, value in self.pairs() if name in self.elsewhere]

    def bar_fields(self) -> Iterator[forms.BoundField]:
        """Return the fields that are always in sight."""
        return (self[name] for name in self.in_bar)

    def drawer_fields(self) -> list[forms.BoundField]:
        """Return the fields that are folded away."""
        return [self[name] for name in self.fields if name not in (*self.in_bar, *self.elsewhere)]
