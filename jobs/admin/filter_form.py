"""The filters of the jobs list."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from jobs import catalog
from jobs.admin.looks import STATUS_LOOKS
from jobs.error_groups.reading import find
from jobs.filters import ALLOWED_STATUSES, FINGERPRINT, NO_FINGERPRINT, OTHER, JobFilter, from_validated
from opsconsole import names
from opsconsole.errors import NotFound
from opsconsole.filter_forms import Applied, FilterForm, IdField, MomentField, OpenChoiceField
from opsconsole.formatting import first_line

# Characters of an error in the words of a filter.
SAID_SHOWN = 60


class JobFilterForm(FilterForm):
    """The filters of the jobs list; the same parameters as the API's."""

    words = {
        "job_type": "Type: {}",
        "queue_name": "Queue: {}",
        "identity_id": "Identity: {}",
        "created_after": "Created after {}",
        "created_before": "Created before {}",
        "stuck": "{}",
        "fingerprint": "Errors like {}",
    }
    in_bar = ("q",)
    elsewhere = ("status", "fingerprint")

    status = forms.CharField(label="Status")
    q = forms.CharField(
        label="Search",
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "Search type and error", "type": "search"}),
    )
    job_type = OpenChoiceField(label="Type", max_length=64)
    queue_name = OpenChoiceField(label="Queue", max_length=64)
    identity_id = IdField(label="Identity")
    stuck = forms.ChoiceField(
        label="Stuck",
        choices=[("", "Stuck or not"), ("true", "Only stuck ones"), ("false", "Stuck or not")],
        error_messages={"invalid_choice": "“%(value)s” is neither true nor false."},
        widget=forms.Select(choices=[("", "Stuck or not"), ("true", "Only stuck ones")]),
    )
    created_after = MomentField(label="Created after (UTC)")
    created_before = MomentField(label="Created before (UTC)")

    fingerprint = forms.RegexField(FINGERPRINT, label="Errors", error_messages={"invalid": NO_FINGERPRINT})

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["stuck"].widget.choices = [("", "Stuck or not"), ("true", "Only stuck ones")]
        self._offer("job_type", "Any type", job_types())
        self._offer("queue_name", "Any queue", _queues())
        self.identities = names.identities()
        self.fields["identity_id"].widget = forms.Select(
            choices=[("", "Any identity"), *self.identities], attrs={"class": "oc-input"}
        )

    def _offer(self, name: str, any_of_them: str, choices: list[tuple[str, str]]) -> None:
        given = self.data.get(name, "") if self.data else ""
        if given and given not in dict(choices):
            choices = [(given, given), *choices]
        self.fields[name].choices = [("", any_of_them), *choices]  # type: ignore[attr-defined]

    def clean_status(self) -> tuple[str, ...]:
        """Return the statuses, each of which must be one that exists."""
        given = self.data.getlist("status") if hasattr(self.data, "getlist") else [self.data.get("status", "")]
        statuses = list(dict.fromkeys(part.strip() for value in given for part in value.split(",") if part.strip()))
        for status in statuses:
            if status not in ALLOWED_STATUSES:
                raise ValidationError(f"“{status[:50]}” is not a status; allowed are {', '.join(ALLOWED_STATUSES)}.")
        return tuple(statuses)

    def job_filter(self) -> JobFilter:
        """Return the filter that the address asks for."""
        data = self.cleaned_data
        return from_validated(data | {"statuses": data["status"], "stuck": data["stuck"] == "true"})

    def shown(self, name: str, value: Any) -> str:
        """Name the identity."""
        if name == "identity_id":
            return dict(self.identities).get(value, f"{value} (gone)")
        return super().shown(name, value)

    def applied(self) -> list[Applied]:
        """Leave out what restricts nothing, and say several statuses that no tab shows."""
        found = [one for one in super().applied() if one.words != "Stuck or not"]
        statuses: tuple[str, ...] = self.cleaned_data.get("status", ()) if self.is_valid() else ()
        if len(statuses) > 1:
            words = " or ".join(word_of(status).lower() for status in statuses)
            found.insert(0, Applied(words=f"Status: {words}", url_without="?" + self.query(without="status")))
        if fingerprint := self.cleaned_data.get("fingerprint") if self.is_valid() else "":
            words = self.words["fingerprint"].format(said_by(fingerprint))
            found.append(Applied(words=words, url_without="?" + self.query(without="fingerprint")))
        return found

    def chosen_status(self) -> str:
        """Return the status whose tab is open; empty for all of them, or for several at once."""
        statuses: tuple[str, ...] = self.cleaned_data.get("status", ()) if self.is_valid() else ()
        return statuses[0] if len(statuses) == 1 else ""


def said_by(fingerprint: str) -> str:
    """Return what the errors of a group say, in quotes; its fingerprint, where there is no such group."""
    try:
        message = find(fingerprint)["message"]
    except NotFound:
        return f"{fingerprint} (of which nothing is known)"
    return f"“{first_line(message, SAID_SHOWN)}”"


def job_types() -> list[tuple[str, str]]:
    """Return the catalog's types by title; two of the same title are told apart by their names."""
    titles = catalog.titles()
    shared = {title for title in titles.values() if list(titles.values()).count(title) > 1}
    named = ((name, f"{title} ({name})" if title in shared else title) for name, title in titles.items())
    return sorted(named, key=lambda item: item[1])


def _queues() -> list[tuple[str, str]]:
    return [(queue, queue) for queue in sorted(catalog.queues())]


def word_of(status: str) -> str:
    """Return a status as the tabs call it."""
    return "Other" if status == OTHER else STATUS_LOOKS[status].word
