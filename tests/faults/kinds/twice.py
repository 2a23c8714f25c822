"""The same request, with the same Idempotency-Key, through two API processes at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.faults.ground import Ground
from tests.faults.load import QUICK, Client


def ask_twice(ground: Ground, requests: int) -> None:
    """Every request is sent four times, to two processes at the same time; the answers agree."""
    seed = ground.random.getrandbits(32)
    clients = [
        Client(seed, lambda url=url: [url])
        for url in [*ground.urls.values()] * 2  # type: ignore[misc]
    ]
    with ThreadPoolExecutor(len(clients)) as pool:
        for _ in range(requests):
            # Clients of one seed choose the same keys and the same bodies.
            sessions = set(pool.map(Client.open, clients))
            assert len(sessions) == 1, f"one key, several sessions: {sessions}"
            (session,) = sessions
            runs = set(pool.map(lambda c, s=session: c.train(s, QUICK), clients))
            assert len(runs) == 1, f"one key, several trainings: {runs}"
    first, *others = clients
    for other in others:
        other.sent.clear()  # the same requests: they count once
    for client in (first, *others):
        ground.keep(client)
        client.close()
    ground.tally.counts["sent_twice"] += 2 * requests
