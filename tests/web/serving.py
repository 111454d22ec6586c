"""The server of the front end's production build."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM

from devserver import front_end, loopback, node
from devserver.child import dying_with_parent, stop
from devserver.readiness import answers
from tests.waiting import PATIENCE, wait_until


@contextmanager
def serving(core: str, log: Path, folder: Path = front_end.FOLDER) -> Iterator[str]:
    """Serve the build, and give its address.

    Args:
        core: the address of the core and the console.
        log: where the server's lines go.
        folder: the application.
    """
    port = loopback.free_port()
    command = [str(node.node()), str(front_end.next_program(folder))]
    command += ["start", "--hostname", loopback.HOST, "--port", str(port)]
    environment = {**node.environment(os.environ), "CORE_API_URL": core, "NODE_ENV": "production"}
    environment.pop("OPS_API_URL", None)
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=dying_with_parent(SIGTERM),  # noqa: PLW1509 - it calls one function of the C library
        )
    try:
        wait_until(lambda: process.poll() is not None or answers(port, "/login"), timeout=2 * PATIENCE)
        assert process.poll() is None, log.read_text(encoding="utf-8")
        yield f"http://{loopback.HOST}:{port}"
    finally:
        stop(process, SIGTERM, grace=5.0)
