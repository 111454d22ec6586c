"""Places at which a process can be made to die, to prove that dying there loses nothing and doubles nothing.

`OPS_FAILPOINT=publish.sent` kills the process, as the kernel would, when it reaches the place of that name;
`publish.sent:3` lets it pass twice before. Without that variable, the places do nothing.
"""

import os
import signal
from collections import Counter

from django.conf import settings

_reached: Counter[str] = Counter()


def reach(name: str) -> None:
    """Die here if this is the place that `OPS_FAILPOINT` names."""
    wanted, _, times = settings.FAILPOINT.partition(":")
    if wanted != name:
        return
    _reached[name] += 1
    if _reached[name] >= int(times or 1):
        os.kill(os.getpid(), signal.SIGKILL)
