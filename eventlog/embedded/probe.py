"""Probes of a broker from outside: its ports, and whether it answers."""

import errno
import socket
import struct
import sys
from io import BufferedRWPair

from autolearn.eventlog.embedded.errors import PortTaken
from autolearn.schemas.errors import SettingsError

HOST = "127.0.0.1"
LAUNCHER = "launcher"
"""The user name of the process that launched the broker."""
_METADATA, _HANDSHAKE, _AUTHENTICATE = (3, 1), (17, 1), (36, 0)
_NO_ERROR, _CORRELATION, _NO_CLIENT_ID, _NO_TOPICS = 0, 1, -1, 0


class HeldPorts:
    """TCP ports of 127.0.0.1 that nobody else is given, for as long as this object lives.

    A held port is bound and not listened on. On Linux a server of ours can listen there all the
    same, because both allow reuse, while the system gives the port to nobody who requests any free
    one: neither to a server, nor as the source of a connection. Elsewhere a port can only be held
    until the server starts (`lend`).

    Args:
        ports: their numbers; 0 stands for any free one. All are bound at the same time, so that no
            two are the same.

    Raises:
        PortTaken: somebody listens on one of them.
    """

    def __init__(self, *ports: int) -> None:
        self._sockets: list[socket.socket] = []
        for port in ports:
            one = socket.socket()
            self._sockets.append(one)
            # As servers do: a port whose old connections linger in TIME_WAIT is free.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind((HOST, port))
            except OSError as error:
                self.release()
                raise PortTaken(
                    f"port {port} of {HOST} is in use",
                    f"another program listens there ({error.strerror})",
                    "end that program, or choose another one with --port (0 picks a free one)",
                ) from None
        self.numbers: list[int] = [one.getsockname()[1] for one in self._sockets]

    def lend(self) -> None:
        """Let our servers that start now listen on the ports."""
        if sys.platform != "linux":
            self.release()

    def release(self) -> None:
        """Let anybody have the ports. Idempotent."""
        while self._sockets:
            self._sockets.pop().close()

    def __del__(self) -> None:
        self.release()


def require_port(host: str, port: int) -> None:
    """Check that the API can listen on its port, before anything is started for it.

    Raises:
        SettingsError: it cannot; the message names the port, its address and the remedy.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise _no_address(host, error.strerror or str(error)) from None
    for family, kind, protocol, _, address in found:
        try:
            _bind(family, kind, protocol, address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise SettingsError(
                    f"Port {port} of {host} is taken: another program listens there.",
                    title="The API cannot have its port",
                    advice="End that program, or choose another port with --port or "
                    "AUTOLEARN_API_PORT; 0 takes a free one.",
                ) from None
            if error.errno in (errno.EACCES, errno.EPERM):
                raise SettingsError(
                    f"Port {port} of {host} may not be used by this user: {error.strerror}.",
                    title="The API cannot have its port",
                    advice="Choose one above 1023 with --port or AUTOLEARN_API_PORT.",
                ) from None
            if len(found) == 1:  # of several some may be missing, such as those of IPv6
                raise _no_address(host, error.strerror or str(error)) from None


def _no_address(host: str, why: str) -> SettingsError:
    return SettingsError(
        f"AUTOLEARN_API_HOST={host[:200]!r} is no address of this machine: {why}.",
        title="The API cannot listen there",
        advice="Name one of its addresses: 127.0.0.1 for this machine alone, 0.0.0.0 for all.",
    )


def _bind(family: int, kind: int, protocol: int, address: tuple[object, ...]) -> None:
    with socket.socket(family, kind, protocol) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # as servers do: the port of IPv4 is another
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)


def free_ports(count: int) -> list[int]:
    """Distinct TCP ports of 127.0.0.1 that are free at this moment."""
    return HeldPorts(*[0] * count).numbers


def answers(port: int, password: str = "", timeout: float = 1.0) -> bool:
    """Whether the broker answers a Metadata request and is itself in the answer.

    Before that it listens, but has not yet joined its own cluster. The request is hand-written,
    because a client library backs off between attempts, and those pauses would be most of the
    start. With `password` the launcher authenticates first. `timeout` is in seconds.
    """
    try:
        with socket.create_connection((HOST, port), timeout) as one, one.makefile("rwb") as stream:
            if password and not _authenticated(stream, password):
                return False
            (brokers,) = struct.unpack_from(
                ">i", _ask(stream, _METADATA, struct.pack(">i", _NO_TOPICS))
            )
            return int(brokers) > 0
    except (OSError, struct.error):
        return False


def _authenticated(stream: BufferedRWPair, password: str) -> bool:
    """Authenticate (SASL/PLAIN, RFC 4616); whether the broker accepts it."""
    token = f"\0{LAUNCHER}\0{password}".encode()
    errors = (
        struct.unpack_from(">h", _ask(stream, of, text))[0]
        for of, text in (
            (_HANDSHAKE, struct.pack(">h5s", 5, b"PLAIN")),
            (_AUTHENTICATE, struct.pack(">i", len(token)) + token),
        )
    )
    return all(error == _NO_ERROR for error in errors)


def _ask(stream: BufferedRWPair, what: tuple[int, int], body: bytes) -> bytes:
    """Send one request of the Kafka protocol, `what` with its version; return the answer's body."""
    request = struct.pack(">hhih", *what, _CORRELATION, _NO_CLIENT_ID) + body
    stream.write(struct.pack(">i", len(request)) + request)
    stream.flush()
    (length,) = struct.unpack(">i", stream.read(4))
    return stream.read(length)[4:]
