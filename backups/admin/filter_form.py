"""The filters of the lists of backups and restore tests."""

from typing import Any, ClassVar

from django import forms

from backups.admin.looks import KINDS, STATES
from backups.models import COULD_NOT_VERIFY, FAILED, PASSED, RUNNING, SUCCEEDED
from opsconsole.filter_forms import FilterForm


class BackupFilterForm(FilterForm):
    """The filters of the list of backups."""

    in_bar = ("kind", "status")
    statuses: ClassVar[tuple[str, ...]] = (RUNNING, SUCCEEDED, FAILED)

    kind = forms.ChoiceField(label="Kind")
    status = forms.ChoiceField(label="State")

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self._offer("kind", "Any kind", KINDS)
        self._offer("status", "Any state", {status: STATES[status].word for status in self.statuses})

    def conditions(self) -> dict[str, str]:
        """Return what applies, by column."""
        return {name: self.cleaned_data[name] for name in ("kind", "status") if self.cleaned_data[name]}

    def _offer(self, name: str, nothing: str, words: dict[str, str]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", nothing), *words.items()]
        field.error_messages["invalid_choice"] = f"This must be one of {', '.join(words)}."
        field.widget.attrs["data-submit"] = "change"


class RestoreTestFilterForm(BackupFilterForm):
    """The filters of the list of restore tests."""

    statuses = (RUNNING, PASSED, FAILED, COULD_NOT_VERIFY)

    def conditions(self) -> dict[str, str]:
        """Return what applies, by column; the kind is the backup's."""
        found = super().conditions()
        return {{"kind": "backup_run__kind"}.get(name, name): value for name, value in found.items()}
