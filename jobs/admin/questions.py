"""What is asked before jobs are cancelled or set failed: what will become of which, and what is left out and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from jobs import cancel_rules, stuck
from jobs.admin.looks import title_of
from jobs.cancel_rules import Consequence
from jobs.models import RUNNING
from jobs.queries import Row
from jobs.representation import candidate_of
from opsconsole.formatting import Tone, count

# Jobs that are named one by one beside what will become of them.
NAMED: Final = 12
STUCK: Final = "stuck"

_MOMENT: Final = "unless a worker has begun this very moment."
# What becomes of it, and of them.
_WORDS: Final[Mapping[Consequence, tuple[str, str]]] = {
    Consequence.NOT_BEGUN: ("has not begun, and will not run.", "have not begun, and will not run."),
    Consequence.WITHDRAWN: (
        f"was handed over, but not begun. The workers are told not to begin it, so it will not run, {_MOMENT}",
        f"were handed over, but not begun. The workers are told not to begin them, so they will not run, {_MOMENT}",
    ),
    Consequence.MAY_BEGIN: (
        f"has not begun, and should not run. {cancel_rules.MAY_BEGIN}",
        f"have not begun, and should not run. {cancel_rules.MAY_BEGIN}",
    ),
    Consequence.ASKED_TO_END: (
        "is running, and is asked to end. Until it has, for some 10 seconds, it is shown as cancelling.",
        "are running, and are asked to end. Until they have, for some 10 seconds, they are shown as cancelling.",
    ),
    Consequence.GOES_ON: (
        f"is running, and is cancelled at once. {cancel_rules.GOES_ON} What comes of it is kept with the attempt.",
        f"are running, and are cancelled at once. {cancel_rules.GOES_ON} What comes of it is kept with the attempts.",
    ),
}
_LOOKS: Final[Mapping[Consequence, tuple[Tone, str]]] = {
    Consequence.NOT_BEGUN: ("busy", "block"),
    Consequence.WITHDRAWN: ("busy", "block"),
    Consequence.MAY_BEGIN: ("warn", "warning"),
    Consequence.ASKED_TO_END: ("busy", "hourglass_top"),
    Consequence.GOES_ON: ("warn", "warning"),
}
_STILL_AT_IT: Final = (
    "Should a worker still be at it after all, its work goes on; what comes of it is kept with the attempt."
)


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What becomes of some jobs, or why nothing does; the jobs are named where there are several to choose from."""

    text: str
    tone: Tone
    icon: str
    jobs: Sequence[Mapping[str, Any]] = ()
    more: int = 0


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked before jobs are ended.

    Attributes:
        verb: what the button says that it does to the jobs, with their number: “Cancel 3 jobs”.
        job_ids: the jobs that it can be done to.
        effects: what becomes of them.
        left_out: what nothing is done to, and why.
        kinds: what kinds of effects there are. Of a kind that was not shown, the form is no consent.
        reason_needed: whether a reason must be given.
        offers_terminate: whether the process can be killed that runs one of them.
    """

    verb: str
    icon: str
    job_ids: Sequence[int]
    effects: Sequence[Effect]
    left_out: Sequence[Effect] = ()
    kinds: frozenset[str] = field(default_factory=frozenset)
    reason_needed: bool = False
    offers_terminate: bool = False

    @property
    def shown(self) -> str:
        """What the form says that was shown."""
        return ",".join(sorted(self.kinds)) or "nothing"

    def was_answered_by(self, form: Mapping[str, Any]) -> bool:
        """Say whether a form was made with all these effects in view."""
        return bool(form.get("shown")) and self.kinds <= set(str(form["shown"]).split(","))


def cancelling(rows: Sequence[Row], *, may_terminate: bool, alone: bool = False) -> Question:
    """Return what is asked before jobs are cancelled.

    Args:
        rows: the jobs.
        may_terminate: whether the caller may have processes killed.
        alone: it is about one job, which is not named.
    """
    groups: dict[Consequence, list[Row]] = {}
    refused: dict[str, list[Row]] = {}
    terminable = False
    for row in rows:
        candidate = candidate_of(row)
        refusal = cancel_rules.refusal(candidate)
        if refusal is None:
            groups.setdefault(candidate.consequence, []).append(row)
            terminable |= candidate.is_terminable
        else:
            refused.setdefault(refusal.message, []).append(row)
    effects = []
    for consequence in Consequence:
        if consequence in groups:
            tone, icon = _LOOKS[consequence]
            found = groups[consequence]
            one, many = _WORDS[consequence]
            subject = "It" if alone else count(len(found), "job")
            text = f"{subject} {one if len(found) == 1 else many}"
            effects.append(_effect(text, tone, icon, [] if alone else found))
    job_ids = [row["id"] for found in groups.values() for row in found]
    return Question(
        verb=f"Cancel {_jobs(job_ids)}",
        icon="block",
        job_ids=sorted(job_ids),
        effects=effects,
        left_out=_left_out(refused, alone=alone),
        kinds=frozenset(consequence.name for consequence in groups),
        offers_terminate=terminable and may_terminate,
    )


def failing(rows: Sequence[Row], *, alone: bool = False) -> Question:
    """Return what is asked before stuck jobs are set failed.

    Args:
        rows: the jobs, read with which are stuck.
        alone: it is about one job, which is not named.
    """
    found = [row for row in rows if row["stuck_cause"] is not None]
    refused: dict[str, list[Row]] = {}
    for row in rows:
        if row["stuck_cause"] is None:
            reason = f"This job is {row['status']}, and not stuck; only a stuck job can be set failed."
            refused.setdefault(reason, []).append(row)
    effects = []
    causes: dict[str, list[Row]] = {}
    for row in found:
        causes.setdefault(row["stuck_cause"], []).append(row)
    for cause, rows_of_cause in causes.items():
        many = len(rows_of_cause) > 1
        why = stuck.why(found[0]) if alone else f"{count(len(rows_of_cause), 'job')} {stuck.IN_WORDS[cause][many]}"
        effects.append(_effect(why, "bad", "report", [] if alone else rows_of_cause))
    if found:
        becomes = (
            "It becomes failed, with your reason as its error, and can be retried then."
            if len(found) == 1
            else "They become failed, with your reason as their error, and can be retried then."
        )
        effects.append(_effect(becomes, "busy", "error", []))
    if any(row["status"] == RUNNING or row["published_at"] for row in found):
        effects.append(_effect(_STILL_AT_IT, "warn", "warning", []))
    job_ids = [row["id"] for row in found]
    return Question(
        verb=f"Set {_jobs(job_ids)} failed",
        icon="error",
        job_ids=sorted(job_ids),
        effects=effects,
        left_out=_left_out(refused, alone=alone),
        kinds=frozenset({STUCK} if found else ()),
        reason_needed=True,
    )


def _jobs(job_ids: Sequence[int]) -> str:
    return f"job {job_ids[0]}" if len(job_ids) == 1 else count(len(job_ids), "job")


def _left_out(refused: Mapping[str, Sequence[Row]], *, alone: bool) -> list[Effect]:
    if alone:
        return [_effect(reason, "idle", "info", []) for reason in refused]
    return [
        _effect(f"{count(len(rows), 'job')} left out: {reason}", "idle", "info", rows)
        for reason, rows in refused.items()
    ]


def _effect(text: str, tone: Tone, icon: str, rows: Sequence[Row]) -> Effect:
    named = [{"id": row["id"], "title": title_of(row["job_type"])} for row in rows[:NAMED]]
    return Effect(text=text, tone=tone, icon=icon, jobs=named, more=len(rows) - len(named))
