"""kill -9 of what serves and monitors models, and of the broker, while clients ask."""

from __future__ import annotations

import os
import signal
import time

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from tests.faults.serving_ground import DURABLE, FAST, Asker, Questions, ServingGround
from tests.support.waiting import until

_GOES_ON = 50
"""Answers from memory that are waited for while the broker is away."""


def kill_serving(on: ServingGround, questions: Questions, kills: int) -> None:
    """Kill an instance at a random moment, again and again; it is back when it answers."""
    by_hand = Asker(DURABLE, on.random.getrandbits(32), on.serving)
    for _ in range(kills):
        time.sleep(2 * on.random.random())
        part = on.random.choice(on.fleet.of("serve"))
        before = questions.since(DURABLE, 0.0)
        killed = part.kill()
        until(lambda p=part: not by_hand.ask(on.serving_urls[p.name]), f"{part.name} answers")
        on.tally.counts["kills"] += 1
        on.tally.recovered("kill -9 of serve: it answers again", time.monotonic() - killed)
        others = questions.since(DURABLE, 0.0) - before
        on.tally.counts["durable answers while one of two was away"] += others
    questions.askers.append(by_hand)


def restart_broker(on: ServingGround, questions: Questions, broker: EmbeddedBroker) -> None:
    """Kill the broker: fast answers go on, durable ones are refused until it is back."""
    time.sleep(on.random.random())
    killed = time.monotonic()
    broker.kill()
    refuses(on, questions, killed, "kill -9 of the broker")
    broker.start(120)
    on.tally.counts["broker_restarts"] += 1
    returns(on, questions, "kill -9 of the broker")


def pause_broker(on: ServingGround, questions: Questions, broker: EmbeddedBroker) -> None:
    """SIGSTOP of the broker, and then SIGCONT."""
    time.sleep(on.random.random())
    paused = time.monotonic()
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        refuses(on, questions, paused, "SIGSTOP of the broker")
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    on.tally.counts["hangs"] += 1
    returns(on, questions, "SIGSTOP of the broker")


def refuses(on: ServingGround, questions: Questions, moment: float, what: str) -> None:
    """Wait until every instance refuses durable answers, while fast ones go on."""
    by_hand = Asker(DURABLE, on.random.getrandbits(32), on.serving)
    for url in on.serving():
        while not by_hand.ask(url):
            pass  # the record was there in time
    assert set(by_hand.refused) == {"not-recorded"}, by_hand.refused
    took = max(one.slowest for one in (*questions.askers, by_hand) if one.model == DURABLE)
    on.tally.recovered(f"{what}: a durable answer is refused", took)
    since = time.monotonic()
    until(lambda: questions.since(FAST, since) >= _GOES_ON, "fast answers go on", 60)
    on.tally.counts["fast answers without the broker"] += questions.since(FAST, moment)
    questions.askers.append(by_hand)


def returns(on: ServingGround, questions: Questions, what: str) -> None:
    """Wait until every instance gives durable answers again."""
    up = time.monotonic()
    by_hand = Asker(DURABLE, on.random.getrandbits(32), on.serving)
    for url in on.serving():
        until(lambda u=url: not by_hand.ask(u), "a durable answer")
    on.tally.recovered(f"{what}, and back: durable answers again", time.monotonic() - up)
    on.fleet.until_ready(180)
    questions.askers.append(by_hand)


def kill_monitor(on: ServingGround, *, others: bool) -> None:
    """Kill the process that counts; with `others` it stays away until another has taken over.

    It has recovered when everything is counted that was on the log when it was killed.
    """
    part = until(on.acting, "a process counts", 60, 0.2)
    time.sleep(2 * on.random.random())
    part.wanted = not others
    killed = part.kill()
    name = f"kill -9 of monitor, {'taken over' if others else 'restarted'}"
    records = len(on.records())
    if others:
        until(lambda: on.acting() not in (None, part), "another process counts", 60, 0.1)
        on.tally.recovered(f"{name}: another process has the hours", time.monotonic() - killed)
    until(lambda: on.counted() >= records, "what was on the log is counted", 120, 0.2)
    on.tally.recovered(f"{name}: what was on the log is counted", time.monotonic() - killed)
    on.tally.counts["kills"] += 1
    part.wanted = True
    on.ready(part)
