"""A relay between the console and PostgreSQL: a proxy that closes idle connections, or a pooler like PgBouncer.

The relay speaks as much of PostgreSQL's protocol as a pooler must. As a pooler, the relay invents process ids, refuses
parameters, and hands out the server's sessions by transaction.
"""

import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

_PROTOCOL_MAJOR = 3
_REFUSED = (80877103, 80877104)  # asks for TLS, for GSSAPI
_MADE_UP_SESSION = 987_654_321


class Relay:
    """Listens on the loopback address, and relays to a server there.

    Args:
        port: the server's.
        pools: names sessions of its own making, as poolers do.
        shares: hands out the server's sessions by transaction: the one that was used last, as PgBouncer does.
        in_turn: hands them out one after the other, as PgBouncer does with `server_round_robin`.
        takes_options: lets a client set something when it connects.
    """

    def __init__(
        self, port: int, *, pools: bool = False, shares: bool = False, in_turn: bool = False, takes_options: bool = True
    ) -> None:
        self._server = ("127.0.0.1", port)
        self._pools = pools or shares
        self._shares = shares
        self._in_turn = in_turn
        self._takes_options = takes_options
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.clients: list[Client] = []
        self._idle: dict[str, list[socket.socket]] = defaultdict(list)
        self._returned = threading.Condition()
        self._closed = False
        self._threads: list[threading.Thread] = []
        self._begin(self._accept)

    def close(self) -> None:
        """Close all connections and stop listening."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self.clients:
            client.end()
        with self._returned:
            self._closed = True
            self._returned.notify_all()
        for thread in self._threads:
            thread.join(10)
        for sessions in self._idle.values():
            for session in sessions:
                session.close()

    def _begin(self, target: Callable[..., None], *args: Any) -> None:
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._begin(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with closing(connection), suppress(OSError, EOFError):
            parameters, startup = _startup(connection)
            if "options" in parameters and not self._takes_options:
                said = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
                connection.sendall(b"E" + struct.pack("!i", len(said) + 4) + said)
                return
            session = socket.create_connection(self._server)
            session.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client = Client(parameters, connection, session)
            self.clients.append(client)
            session.sendall(startup)
            self._log_in(connection, session)
            if self._shares:
                pool = "\0".join(parameters.get(name, "") for name in ("user", "database", "options"))
                with self._returned:
                    # Put the new session behind the idle ones: a pooler opens another only if none is idle.
                    self._idle[pool].insert(0, session)
                self._hand_out(connection, pool)
            else:
                with closing(session):
                    client.relay()

    def _log_in(self, connection: socket.socket, session: socket.socket) -> None:
        while True:
            kind, body = _message(session)
            if kind == b"K" and self._pools:
                body = struct.pack("!i", _MADE_UP_SESSION) + body[4:]
            _send(connection, kind, body)
            # All but "ok" and SASL's last word ask for an answer.
            if kind == b"R" and struct.unpack("!i", body[:4])[0] not in (0, 12):
                _send(session, *_message(connection))
            if kind == b"Z":
                return

    def _hand_out(self, connection: socket.socket, pool: str) -> None:
        session: socket.socket | None = None
        try:
            while True:
                kind, body = _message(connection)
                if kind == b"X":
                    return
                session = session or self._take(pool)
                _send(session, kind, body)
                if kind in (b"Q", b"S"):
                    while kind != b"Z":
                        kind, body = _message(session)
                        _send(connection, kind, body)
                    if body == b"I":
                        self._give_back(pool, session)
                        session = None
        finally:
            if session is not None:
                session.close()

    def _take(self, pool: str) -> socket.socket:
        with self._returned:
            self._returned.wait_for(lambda: self._idle[pool] or self._closed)
            if self._closed:
                raise EOFError
            return self._idle[pool].pop(0 if self._in_turn else -1)

    def _give_back(self, pool: str, session: socket.socket) -> None:
        with self._returned:
            self._idle[pool].append(session)
            self._returned.notify_all()


class Client:
    """A connection that is relayed.

    Attributes:
        name: what it says that it is.
        said: how often it has said something.
    """

    def __init__(self, parameters: dict[str, str], connection: socket.socket, session: socket.socket) -> None:
        self.name = parameters.get("application_name", "")
        self.said = 0
        self.ended = False
        self._connection = connection
        self._session = session

    def relay(self) -> None:
        """Pass on what both sides send, until one of them closes."""
        answers = threading.Thread(target=self._copy, args=(self._session, self._connection, int), daemon=True)
        answers.start()
        self._copy(self._connection, self._session, self._count)
        answers.join(10)

    def end(self) -> None:
        """Close both sides without a message, as proxies do."""
        self.ended = True
        for end in (self._connection, self._session):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _count(self) -> None:
        self.said += 1

    def _copy(self, source: socket.socket, target: socket.socket, each: Callable[[], object]) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                each()
                target.sendall(data)
        self.end()


def _startup(connection: socket.socket) -> tuple[dict[str, str], bytes]:
    while True:
        length, code = struct.unpack("!ii", _exactly(connection, 8))
        body = _exactly(connection, length - 8)
        if code >> 16 == _PROTOCOL_MAJOR:
            words = body.decode().split("\0")
            return dict(zip(words[::2], words[1::2], strict=False)), struct.pack("!ii", length, code) + body
        if code not in _REFUSED:
            raise EOFError
        connection.sendall(b"N")


def _message(source: socket.socket) -> tuple[bytes, bytes]:
    kind, length = struct.unpack("!ci", _exactly(source, 5))
    return kind, _exactly(source, length - 4)


def _send(target: socket.socket, kind: bytes, body: bytes) -> None:
    target.sendall(kind + struct.pack("!i", len(body) + 4) + body)


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = source.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data
