"""The guards of acting on many jobs: that each is changed once, and none that nobody has seen."""

from typing import Final

from tests.mutations.guard import Edit, Guard

_RETRYING: Final = "tests/matching/test_retrying_all.py::"
_CANARY: Final = "tests/matching/test_canary.py::"

MATCHING: Final = (
    Guard(
        name="frozen selection",
        keeps="Of all jobs that match, none is changed that came after somebody looked.",
        edits=(Edit("jobs/matching/selection.py", '"jobs.id <= %s"', '"(true OR jobs.id <= %s)"'),),
        tests=(_RETRYING + "test_what_failed_after_the_look_is_not_swept_in",),
    ),
    Guard(
        name="position of a batch",
        keeps="How far it has come is written with each batch, so that what has failed again isn't retried once more.",
        edits=(
            Edit(
                "jobs/matching/carrying_out.py",
                "position=max(dealt_with, default=asked.position),",
                "position=asked.position,",
            ),
        ),
        tests=(_RETRYING + "test_an_attempt_that_goes_on_does_not_retry_what_has_failed_again",),
    ),
    Guard(
        name="the few that go first",
        keeps="When one of those that go first doesn't succeed, the others stay as they are.",
        edits=(Edit("jobs/matching/carrying_out.py", "        if bad:\n", "        if bad and False:\n"),),
        tests=(_CANARY + "test_when_one_of_the_first_does_not_succeed_the_others_stay_as_they_are",),
    ),
    Guard(
        name="identical among many",
        keeps="Of several that do the same work, one is retried.",
        edits=(Edit("jobs/matching/assessing.py", "        if key in seen:\n", "        if key in seen and False:\n"),),
        tests=(_RETRYING + "test_what_must_not_run_again_is_left_as_it_was_with_the_reason",),
    ),
)
