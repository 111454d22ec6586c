"""`python -m devserver`: what script/server runs."""

import os
import sys
from collections.abc import Callable

from devserver.choices import Choices
from devserver.errors import StartError
from devserver.stack import Stack


def main(make: Callable[[Choices], Stack] = Stack) -> int:
    """Run the console until it is told to stop; returns the exit code.

    Args:
        make: Makes it of what whoever starts it has chosen.
    """
    # The programs of the environment that this Python belongs to, for the commands of the Procfile.
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])  # noqa: PTH120
    try:
        make(Choices.read(os.environ)).run()
    except StartError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
