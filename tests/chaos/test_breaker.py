"""Breaking and mending, on small processes instead of the console's."""

import io
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from chaos.breaker import Breaker
from chaos.plan import Act, Fault
from devserver.stack import Stack
from devserver.supervisor import Supervisor
from tests import waiting

# It prints the pid of its child, and lives until it is killed.
FAMILY = ["/bin/sh", "-c", "sleep 600 & echo $!; wait"]


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(output: io.StringIO, tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(environment=os.environ, folder=tmp_path, output=output)
    supervisor.start("family", FAMILY)
    wait_until(supervisor, lambda: "family" in output.getvalue())
    yield supervisor
    supervisor.stop(grace=1)


def wait_until(supervisor: Supervisor, condition: Callable[[], bool]) -> None:
    def after_a_tick() -> bool:
        supervisor.tick()
        return condition()

    waiting.wait_until(after_a_tick)


def breaker(supervisor: Supervisor, *faults: Fault) -> Breaker:
    stack = cast("Stack", SimpleNamespace(supervisor=supervisor, servers=[], environment={}))
    breaker = Breaker(stack, faults, supervisor.say)
    breaker.watch()
    return breaker


def child_of(output: io.StringIO) -> int:
    return int([line for line in output.getvalue().splitlines() if line.startswith("family")][-1].rpartition(" ")[2])


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2]
    except (FileNotFoundError, ProcessLookupError):
        # It may go between the opening of the file and the reading.
        return "gone"


def test_what_is_killed_is_started_again_when_its_time_has_come(supervisor: Supervisor, output: io.StringIO) -> None:
    mischief = breaker(supervisor, Fault(1.0, "family", Act.KILL, 5.0))
    child = child_of(output)
    mischief.tick(0.9)
    assert mischief.whole
    mischief.tick(1.0)
    wait_until(supervisor, lambda: supervisor.ended() is not None)
    assert state_of(child) in {"gone", "Z"}
    mischief.tick(5.9)
    assert (mischief.whole, mischief.away) == (False, ["family"])
    mischief.tick(6.0)
    assert mischief.whole
    wait_until(supervisor, lambda: child_of(output) != child)
    assert mischief.damage.faults == {("family", Act.KILL): 1}


def test_what_ends_by_itself_is_counted_and_started_again(supervisor: Supervisor) -> None:
    mischief = breaker(supervisor)
    supervisor.member("family").process.kill()
    wait_until(supervisor, lambda: supervisor.ended() is not None)
    mischief.tick(1.0)
    mischief.tick(2.0)
    assert mischief.whole
    assert supervisor.ended() is None
    assert mischief.damage.ended_by_itself == {"family": 1}


def test_what_a_killed_parent_leaves_behind_lives_until_all_is_cleared_away(
    supervisor: Supervisor, output: io.StringIO
) -> None:
    mischief = breaker(supervisor, Fault(1.0, "family", Act.KILL_PARENT, 0.0))
    child = child_of(output)
    mischief.tick(1.0)
    assert state_of(child) == "S"
    mischief.clear_away()
    wait_until(supervisor, lambda: state_of(child) in {"gone", "Z"})
    assert mischief.damage.left_behind == 1


def test_what_is_paused_goes_on_at_the_latest_when_all_is_mended(supervisor: Supervisor, output: io.StringIO) -> None:
    mischief = breaker(supervisor, Fault(1.0, "family", Act.PAUSE, 99.0))
    child = child_of(output)
    mischief.tick(1.0)
    wait_until(supervisor, lambda: state_of(child) == "T")
    assert mischief.away == ["family (paused)"]
    mischief.mend()
    wait_until(supervisor, lambda: state_of(child) == "S")
    assert mischief.whole


def test_what_is_not_there_is_spared(supervisor: Supervisor) -> None:
    mischief = breaker(
        supervisor,
        Fault(1.0, "nobody", Act.KILL, 0.0),
        Fault(2.0, "family", Act.PAUSE, 9.0),
        Fault(3.0, "family", Act.KILL, 0.0),
    )
    mischief.tick(3.0)
    assert mischief.damage.spared == 2
    mischief.clear_away()


def test_a_child_can_be_killed_alone(supervisor: Supervisor, output: io.StringIO) -> None:
    mischief = breaker(supervisor, Fault(1.0, "family", Act.KILL_CHILD, 0.0))
    child = child_of(output)
    mischief.tick(1.0)
    wait_until(supervisor, lambda: state_of(child) in {"gone", "Z"})
    assert supervisor.member("family").process.returncode != -signal.SIGKILL
