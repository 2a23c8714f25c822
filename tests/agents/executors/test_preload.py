"""A process that is forked ahead warms up only while a core is free."""

import socket
from types import ModuleType, SimpleNamespace
from typing import cast

import pytest

from autolearn.agents.executors.local import fork_server


@pytest.mark.parametrize("taken", [False, True])
def test_warming_waits_while_others_want_every_core(
    taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    ours, theirs = socket.socketpair()
    job, end = socket.socketpair()

    def cores_are_taken() -> bool:
        if taken or steps:
            socket.send_fds(ours, [b"j"], [job.fileno()])
        return taken

    monkeypatch.setattr(fork_server, "cores_are_taken", cores_are_taken)
    module = SimpleNamespace(warming=lambda: map(steps.append, range(9)))
    server = fork_server.ForkServer(ours, cast("ModuleType", module))
    ours.send(b"w")
    try:
        channel = server._await_job(theirs)
        assert channel is not None
        channel.close()
        assert len(steps) == (0 if taken else 2)
    finally:
        for one in (ours, theirs, job, end, server._wake, server._woken):
            one.close()
