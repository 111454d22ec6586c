"""The form of a periodic task: beat's, in the console's look, and without what is private."""

from typing import Any

from django_celery_beat import admin as beat
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from opsconsole.redaction import REDACTED, redact_text


class TaskSelectWidget(UnfoldAdminSelectWidget, beat.TaskSelectWidget):  # type: ignore[misc]
    """Beat's choice of the tasks that are registered."""


class PeriodicTaskForm(beat.PeriodicTaskForm):  # type: ignore[misc]
    """Beat's form with Unfold's inputs, and without what is private: that is kept unless it is written anew."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept = {
            name: value
            for name in self.fields
            if isinstance(value := self.initial.get(name), str) and redact_text(value) != value
        }
        self.initial |= {name: redact_text(value) for name, value in self._kept.items()}
        # Someone who may only look is given no inputs at all.
        if "task" in self.fields:
            self.fields["task"].widget = UnfoldAdminTextInputWidget()
            self.fields["regtask"].widget = TaskSelectWidget()

    def clean(self) -> Any:
        """Put back what was not shown; a value that was changed must be whole."""
        data = super().clean()
        for name, kept in self._kept.items():
            given = data.get(name)
            if given == self.initial[name]:
                data[name] = kept
            elif isinstance(given, str) and REDACTED in given:
                self.add_error(name, f"Write out what is shown as {REDACTED}, or leave the whole field as it was.")
        return data
