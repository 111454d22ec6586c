"""TCP ports of this machine."""

import random
import socket
from typing import Final

HOST = "127.0.0.1"
# Below the ports of outgoing connections: one of these could take a server's port while that restarts.
_FIRST, _LAST = 10_240, 32_767
_random: Final = random.SystemRandom()


def free_port() -> int:
    """Return an unused port. It isn't reserved, so use it soon."""
    while not is_free(port := _random.randint(_FIRST, _LAST)):
        pass
    return port


def is_free(port: int) -> bool:
    """Say whether a server could listen on `port` of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do; without it the connections of a server that has just stopped count as one that runs.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
