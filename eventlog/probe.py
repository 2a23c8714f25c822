"""Looking at a broker from outside: free ports, and whether it answers."""

import socket
import struct

HOST = "127.0.0.1"
_METADATA, _VERSION, _CORRELATION, _NO_CLIENT_ID, _NO_TOPICS = 3, 1, 1, -1, 0
_REQUEST = struct.pack(">hhihi", _METADATA, _VERSION, _CORRELATION, _NO_CLIENT_ID, _NO_TOPICS)


def free_ports(count: int) -> list[int]:
    """Distinct TCP ports of 127.0.0.1 that are free at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as one:
        # As the JVM does: a port whose old connections linger in TIME_WAIT is free.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((HOST, port))
        except OSError:
            return False
        return True


def answers(port: int, timeout: float = 1.0) -> bool:
    """Whether the broker answers a Metadata request and is itself in the answer.

    Before that it listens, but has not yet joined its own cluster. Spoken by hand, because a
    client library backs off between attempts, and those pauses would be most of the start.
    `timeout` is in seconds.
    """
    try:
        with socket.create_connection((HOST, port), timeout) as one:
            one.sendall(struct.pack(">i", len(_REQUEST)) + _REQUEST)
            with one.makefile("rb") as stream:
                head = stream.read(12)
    except OSError:
        return False
    # length, correlation id, number of brokers
    return len(head) == 12 and struct.unpack(">iii", head)[2] > 0
