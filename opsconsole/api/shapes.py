"""What answers look like: serializers that only describe, for the schema, the docs and the contract tests.

Nothing is rendered through them. Every key is always there unless it says `required=False`.
"""

from typing import Any, ClassVar, Final, get_args

from rest_framework import serializers

from opsconsole.api.words import AnyJson, KnownWord, Scalar
from opsconsole.audit import Via
from opsconsole.audit_queries import ACTORS, RESULTS

WAYS_IN: Final = get_args(Via)


class Shape(serializers.Serializer[Any]):
    """The base of all that describes an answer.

    Attributes:
        has_more: it has further keys than those that it names, with whatever JSON values.
    """

    has_more: ClassVar[bool] = False


def text(words: str = "", **options: Any) -> serializers.CharField:
    """Return a text that is always there."""
    return serializers.CharField(help_text=words, **options)


def maybe_text(words: str = "", **options: Any) -> serializers.CharField:
    """Return a text or null."""
    return serializers.CharField(help_text=words, allow_null=True, **options)


def word(*allowed: str, words: str = "", **options: Any) -> serializers.ChoiceField:
    """Return one of a few words."""
    return serializers.ChoiceField(choices=list(allowed), help_text=words, **options)


def known(name: str, *known_words: str, words: str = "", **options: Any) -> KnownWord:
    """Return a text that is one of the known words, or another one; clients get the known ones by the name."""
    return KnownWord(name, known_words, help_text=words, **options)


def number(words: str = "", **options: Any) -> serializers.IntegerField:
    """Return a whole number."""
    return serializers.IntegerField(help_text=words, **options)


def maybe_number(words: str = "", **options: Any) -> serializers.IntegerField:
    """Return a whole number or null."""
    return serializers.IntegerField(help_text=words, allow_null=True, **options)


def maybe_float(words: str = "", **options: Any) -> serializers.FloatField:
    """Return a number or null."""
    return serializers.FloatField(help_text=words, allow_null=True, **options)


def flag(words: str = "", **options: Any) -> serializers.BooleanField:
    """Return true or false."""
    return serializers.BooleanField(help_text=words, **options)


def moment(words: str = "", **options: Any) -> serializers.DateTimeField:
    """Return a moment in UTC, ISO 8601 ending in `Z`."""
    return serializers.DateTimeField(help_text=words, **options)


def maybe_moment(words: str = "", **options: Any) -> serializers.DateTimeField:
    """Return a moment or null."""
    return serializers.DateTimeField(help_text=words, allow_null=True, **options)


def far_text() -> serializers.CharField:
    """Return the text of a moment that is null since it is infinite, before the year 1 or after 9999; else left out."""
    words = "Where the moment is infinite, before the year 1 or after 9999, and so null: what the database says."
    return serializers.CharField(help_text=words, required=False)


def anything(words: str = "", **options: Any) -> AnyJson:
    """Return any JSON value, null too."""
    return AnyJson(help_text=words, **options)


def scalar(words: str = "") -> Scalar:
    """Return a text, a number, true, false or null."""
    return Scalar(help_text=words)


def mapping(words: str = "", **options: Any) -> serializers.DictField:
    """Return an object with any keys, and any JSON values."""
    return serializers.DictField(child=AnyJson(), help_text=words, **options)


def counts(words: str = "", **options: Any) -> serializers.DictField:
    """Return an object whose values are whole numbers."""
    return serializers.DictField(child=serializers.IntegerField(), help_text=words, **options)


def numbers(words: str = "", **options: Any) -> serializers.ListField:
    """Return a list of whole numbers."""
    return serializers.ListField(child=serializers.IntegerField(), help_text=words, **options)


def texts(words: str = "", **options: Any) -> serializers.ListField:
    """Return a list of texts."""
    return serializers.ListField(child=serializers.CharField(), help_text=words, **options)


class LeftOutOfRun(Shape):
    """Something that was asked for together with others and was not started."""

    identity_id = maybe_number("The identity that it concerns.")
    code = known(
        "LeftOutCode",
        "provider_switched_off",
        "credential_missing",
        "blocked_by_foreign_job",
        "more",
        words="Why; of a run also `more`, which stands for all others.",
    )
    reason = text("Why, and what to do.")
    job_id = maybe_number("The job that stands in the way.")


class Problem(Shape):
    """Why a request was not granted, and what else there is to know of it."""

    detail = text("What was wrong and what is allowed, in a sentence.")
    code = text("What a program can tell it by, in snake_case.")
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="What is wrong with each field of the body or of the query.",
    )
    job_id = maybe_number("The job that stands in the way, or does it already.", required=False)
    stuck = flag("That job is stuck.", required=False)
    matched = number("How many jobs match now.", required=False)
    left_out = LeftOutOfRun(many=True, required=False)


class Subject(Shape):
    """The identity that something is about."""

    id = number()
    display_name = text()


class Links(Shape):
    """The base of every page of a list."""

    next = maybe_text("The address of the next page.")
    previous = maybe_text("The address of the page before.")


class AuditEntry(Shape):
    """One thing that a user, the system or an agent did."""

    id = number()
    at = maybe_moment()
    at_text = far_text()
    actor = known("AuditActor", *ACTORS)
    action = text("Such as `job.retry`.")
    by = anything("Who did it.")
    via = anything(f"Through which door: {', '.join(f'`{via}`' for via in WAYS_IN)}.")
    reason = anything("The reason that was given.")
    provider_id = maybe_text()
    identity_id = maybe_number()
    entity_type = maybe_text()
    entity_id = maybe_number()
    result = known("AuditResult", *RESULTS)
    error = maybe_text()
    request = anything("What was asked for, without what is private.")
    response = anything("What came of it, likewise.")
    error_cut = flag("The page was too large, and its errors are shortened.", required=False)
    request_cut = flag("It has more than 2 KiB, and only what stands above is shown of it.", required=False)
    request_size = number("Bytes of what is cut.", required=False)
    response_cut = flag("It has more than 2 KiB, and is not shown.", required=False)
    response_size = number("Bytes of what is cut.", required=False)


class AuditPage(Links):
    """A page of the audit log, newest first."""

    entries = AuditEntry(many=True)
