"""How a provider fails: by the number of the attempt, so that a retry goes through where it can."""

import pytest

from demo.cast import Behaviour
from demo.core_provider import Trouble, trouble_of


@pytest.mark.parametrize(
    ("behaviour", "troubles"),
    [
        (Behaviour.HEALTHY, [None, None, None, None]),
        (Behaviour.SLOW, [None, None, None, None]),
        (Behaviour.BROKEN_IMAGES, [None, None, None, None]),
        (Behaviour.RATE_LIMITED, [Trouble.RATE_LIMIT, None, None, Trouble.RATE_LIMIT]),
        (Behaviour.STALE_TOKEN, [Trouble.UNAUTHORIZED, None, None, Trouble.UNAUTHORIZED]),
        (Behaviour.TIMES_OUT, [Trouble.SLOW_ANSWER, None, Trouble.UNCAUGHT_TIMEOUT, None]),
        (Behaviour.EXPIRED_TOKEN, [Trouble.UNAUTHORIZED] * 4),
        (Behaviour.ALWAYS_ERROR, [Trouble.NONSENSE, Trouble.UNREADABLE] * 2),
    ],
)
def test_the_attempt_decides_what_goes_wrong(behaviour: Behaviour, troubles: list[Trouble | None]) -> None:
    assert [trouble_of(behaviour, attempt) for attempt in (1, 2, 3, 4)] == troubles
