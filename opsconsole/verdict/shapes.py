"""What the answers about the whole look like: the verdict, who calls, and what works here."""

from rest_framework import serializers

from opsconsole.api.shapes import Shape, flag, maybe_moment, maybe_text, moment, text, texts, word

STATUSES = ("ok", "warning", "critical", "unknown")


class VerdictReason(Shape):
    """One thing that is wrong, or that nobody can tell."""

    code = text()
    part = text("What it is about: `database`, `broker`, `workers`, `beat`, `queue`, `failures`, `sync` or `backup`.")
    severity = word("critical", "warning", "unknown")
    message = text("What is wrong and what to do.")
    link = maybe_text("The path of the admin's page where that is done.")
    since = maybe_moment()


class PartState(Shape):
    """How one part is doing."""

    status = word(*STATUSES)


class Health(Shape):
    """Whether anything is wrong with the whole."""

    status = word(*STATUSES)
    reasons = VerdictReason(many=True)
    parts = serializers.DictField(child=PartState())
    as_of = moment()


class Caller(Shape):
    """Who calls."""

    username = text()
    groups = texts()
    is_superuser = flag()


class Support(Shape):
    """Whether something works here."""

    configured = flag()
    problem = maybe_text()


class Supports(Shape):
    """What works in this installation."""

    cancel = flag("The ledger knows the status.")
    core_results = flag("It is known how the core's tasks end.")
    schedules = flag("Beat reads the schedules that are changed here.")
    backup = serializers.DictField(child=Support())
    restore_test = Support()


class Meta(Shape):
    """Who calls, what they may do, what works here, and from when on something counts as wrong."""

    user = Caller()
    may = serializers.DictField(child=serializers.BooleanField())
    supports = Supports()
    thresholds = serializers.DictField(child=serializers.FloatField())
    version = text()
