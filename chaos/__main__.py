"""`python -m chaos`: what script/chaos runs."""

import argparse
import json
import os
import random
import sys
from dataclasses import replace

from chaos import own_types
from chaos.run import Options, Run
from devserver.choices import Choices
from devserver.errors import StartError
from devserver.stack import PROJECT, Stack, read_procfile

# Slow enough that a task can be caught in the middle, quick enough that thousands end within minutes.
_PAGES_PER_SECOND = "60"


def main() -> int:
    """Start a console, break it, and say what became of the work; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="script/chaos",
        description="Starts the console as script/server does, asks for work while every process of it is killed and "
        "started again, and checks that nothing was lost and nothing done twice.",
    )
    parser.add_argument("--seconds", type=float, default=300, help="how long there is load, and things go wrong (300)")
    parser.add_argument("--seed", type=int, help="what all choices are made from; another one each time, if not given")
    parser.add_argument(
        "--no-repeat", action="store_true", help="don't ask again for what got no answer, by its Idempotency-Key"
    )
    given = parser.parse_args()
    # The programs of the environment that this Python belongs to, for the commands of the Procfile.
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])  # noqa: PTH120
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(10_000)
    try:
        return run(seconds=given.seconds, seed=seed, repeat=not given.no_repeat)
    except StartError as error:
        print(error, file=sys.stderr, flush=True)
        return 1


def run(*, seconds: float, seed: int, repeat: bool) -> int:
    """Do one run; returns the exit code.

    Raises:
        StartError: Something doesn't start, or doesn't come back.
    """
    choices = replace(Choices.read(os.environ), demo=True)
    if choices.database_url is not None or choices.redis_urls is not None:
        raise StartError(
            "This kills the PostgreSQL and the Redis under the console, so it starts its own: "
            "unset DATABASE_URL, CELERY_BROKER_URL and what goes with them."
        )
    folder = choices.data_dir.absolute() / "chaos"
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    options = Options(seconds=seconds, seed=seed, repeat=repeat, port=choices.port, folder=folder)
    _tell_the_processes(options)
    # Under another name until the folder is ours: a run may be going on there.
    log_path = folder / f"processes.{os.getpid()}.log"
    try:
        with log_path.open("w", encoding="utf-8") as log:
            stack = Stack(choices, processes=_processes(), output=log)
            one = Run(stack, options, say)

            def attend() -> None:
                log_path.rename(folder / "processes.log")
                one.attend()

            say(f"Starting. What the processes print goes to {folder / 'processes.log'}")
            stack.run(attend)
    finally:
        log_path.unlink(missing_ok=True)
    if one.verdict is None:
        return 1
    say("")
    say(str(one.verdict))
    return 0 if one.verdict.good else 1


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def _tell_the_processes(options: Options) -> None:
    """Set what the processes read from their environment, beside what somebody has set."""
    modules = [os.environ.get("OPS_TASK_MODULES", ""), "chaos.tasks"]
    os.environ["OPS_TASK_MODULES"] = ",".join(filter(None, modules))
    os.environ["OPS_JOB_TYPES"] = json.dumps({**json.loads(os.environ.get("OPS_JOB_TYPES") or "{}"), **own_types.TYPES})
    os.environ.setdefault("DEMO_PAGES_PER_SECOND", _PAGES_PER_SECOND)
    os.environ["CHAOS_WITNESS"] = str(options.witness)


def _processes() -> dict[str, str]:
    processes = read_procfile(PROJECT / "Procfile")
    processes["core"] += " --include chaos.witness"
    return processes


if __name__ == "__main__":
    sys.exit(main())
