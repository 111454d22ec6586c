"""`python -m devserver.web`, which script/web runs: the console, its front end, and a stand-in for the core's login."""

import http.client
import json
import os
import sys
from contextlib import ExitStack

from devserver import front_end, loopback, node
from devserver.__main__ import main
from devserver.choices import Choices
from devserver.errors import StartError
from devserver.stack import Stack
from devserver.web_choices import CORE_NEEDED, DEMO_USERS, WebChoices

_LOGIN = "login"
_FRONT_END = "front end"
# What each of them answers when it does its work.
_READY = {_LOGIN: ("/auth/me", 401), _FRONT_END: ("/login", 200)}


class WebStack(Stack):
    """The console, its front end, and what stands for the core between them."""

    def __init__(self, choices: Choices) -> None:
        """Describe it; nothing is started yet.

        Raises:
            StartError: A choice is outside the allowed ones, or Node.js is missing.
        """
        super().__init__(choices)
        self._web = WebChoices.read(os.environ, choices)
        self._awaited: dict[str, int] = {}
        self._passwords: dict[str, str] = {}
        self._node = node.node()
        self.environment |= node.SETTINGS

    def _ports(self) -> dict[str, int]:
        return super()._ports() | {"WEB_PORT": self._web.port}

    def _more_steps(self) -> dict[str, list[str]]:
        # It takes the longest, and needs nothing of the others.
        return {_FRONT_END: [sys.executable, "-m", "devserver.front_end"]}

    def _prepare(self, cleanup: ExitStack) -> None:
        super()._prepare(cleanup)
        if self.supervisor.stop_requested:
            return
        environment = self.environment
        if self._web.core_url is not None:
            environment |= {"CORE_API_URL": self._web.core_url}
            environment["OPS_API_URL"] = environment.get("OPS_API_URL") or self._console
        elif environment["OPS_DEMO"] == "1":
            self._prepare_login()
        else:
            raise StartError(CORE_NEEDED)
        self._folder.keep_environment(environment)

    def _prepare_login(self) -> None:
        """Have users of the core's who can log in, each with a role in the console."""
        environment, port = self.environment, loopback.free_port()
        self._passwords = {name: self._folder.demo_password(name) for name in DEMO_USERS}
        environment |= {"DEMO_CORE_PORT": str(port), "CORE_API_URL": f"http://{loopback.HOST}:{port}"}
        environment["DEMO_PASSWORDS"] = json.dumps(self._passwords)
        try:
            for name in ("demo.core_users", "devserver.demo_users"):
                if not self.supervisor.run_to_end({"users": [sys.executable, "-m", name]}):
                    return
        finally:
            del environment["DEMO_PASSWORDS"]  # nobody else needs it
        self._awaited[_LOGIN] = port

    def _commands(self) -> dict[str, str | list[str]]:
        commands = super()._commands()
        if _LOGIN in self._awaited:
            commands[_LOGIN] = "gunicorn demo.core_api:application --config demo/core_api_server.py"
        self._awaited[_FRONT_END] = self._web.port
        program = [str(self._node), str(front_end.next_program(front_end.FOLDER))]
        start = ["start", "--hostname", loopback.HOST, "--port", str(self._web.port)]
        # Next.js serves the folder that it is started in.
        there = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', str(front_end.FOLDER)]
        return {**commands, _FRONT_END: [*there, *program, *start]}

    def _more_awaited(self) -> list[str]:
        return [name for name, port in self._awaited.items() if not _answers(port, *_READY[name])]

    def _ready_line(self) -> str:
        people = ", ".join(f"{name} with password {password}" for name, password in self._passwords.items())
        who = f"log in as {people}" if people else f"log in as in {self._web.core_url}"
        return f"Ready: http://{loopback.HOST}:{self._web.port}/ops  ({who}; console: {self._console}/admin/)"

    @property
    def _console(self) -> str:
        return f"http://{loopback.HOST}:{self._choices.port}"


def _answers(port: int, path: str, status: int) -> bool:
    """Say whether a GET of `path` on the loopback address is answered with a status within some seconds."""
    connection = http.client.HTTPConnection(loopback.HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == status
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def make(choices: Choices) -> Stack:
    """Return the whole, by what whoever starts it has chosen."""
    return WebStack(choices)


if __name__ == "__main__":
    sys.exit(main(make))
