"""Each purpose has an executor of its own, and each user a share of it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from autolearn.api.http.problems import Problem
from autolearn.api.limits.executors import ASKER, Bound, Executors, ThreadLane
from autolearn.schemas.settings import Settings


def asked(executor: ThreadLane, user: str, call, *, names: list[str] | None = None) -> asyncio.Task:
    """A call of a user, in a task of its own."""

    async def run() -> object:
        ASKER.set(user)
        result = await executor.run(call)
        if names is not None:
            names.append(user)
        return result

    return asyncio.create_task(run())


def test_a_user_who_asks_for_much_leaves_a_thread_to_others_and_takes_turns():
    async def run() -> None:
        executor, gate = ThreadLane("tests", Bound(2, 100, 50)), threading.Event()
        try:
            first = [asked(executor, "ada", lambda: gate.wait(10)) for _ in range(20)]
            async with asyncio.timeout(5):
                assert await asked(executor, "grace", lambda: "at once") == "at once"
            names: list[str] = []
            others = [asked(executor, "grace", int, names=names) for _ in range(3)]
            gate.set()
            async with asyncio.timeout(5):
                await asyncio.gather(*first, *others)
            assert names == ["grace"] * 3
            assert not executor.queues
            assert not executor.running
        finally:
            gate.set()
            executor.close()

    asyncio.run(run())


def test_turns_are_taken_by_user_for_what_is_done_elsewhere():
    async def run() -> None:
        executor = ThreadLane("tests", Bound(2, 100, 5))
        order: list[str] = []

        async def examined(user: str, over: asyncio.Event) -> None:
            ASKER.set(user)
            async with executor.turn():
                order.append(user)
                await over.wait()

        over = asyncio.Event()
        hers = [asyncio.create_task(examined("ada", over)) for _ in range(5)]
        await asyncio.sleep(0)
        his = asyncio.create_task(examined("grace", over))
        await asyncio.sleep(0)
        assert order == ["ada", "grace"], "one place is left to him"
        with pytest.raises(Problem, match="5 of your requests"):
            await asyncio.create_task(examined("ada", over))
        over.set()
        await asyncio.gather(*hers, his)
        assert not executor.running
        assert not executor.queues

    asyncio.run(run())


def test_what_is_too_much_is_refused_with_the_bound():
    async def run() -> None:
        executor, gate = ThreadLane("tests", Bound(1, 5, 3)), threading.Event()
        try:
            mine = [asked(executor, "ada", gate.wait) for _ in range(3)]
            await asyncio.sleep(0)
            with pytest.raises(Problem, match=r"3 of your requests .* and 3 may"):
                await asked(executor, "ada", int)
            others = [asked(executor, f"user-{n}", int) for n in range(3)]
            await asyncio.sleep(0)
            with pytest.raises(Problem, match=r"5 requests .* and 5 may") as refused:
                await asked(executor, "grace", int)
            assert refused.value.status_code == 429
            for one in mine[1:]:
                one.cancel()  # whoever goes away leaves the queue
            await asyncio.wait(mine[1:])
            last = asked(executor, "grace", lambda: "let in")
            gate.set()
            async with asyncio.timeout(5):
                await asyncio.gather(mine[0], *others)
                assert await last == "let in"
            assert not executor.queues
            assert not executor.running
        finally:
            gate.set()
            executor.close()

    asyncio.run(run())


def test_a_purpose_that_is_held_up_holds_up_no_other():
    async def run() -> None:
        executors, gate = Executors(Settings().limits), threading.Event()
        try:
            held = [asked(executors.log, f"user-{n}", gate.wait) for n in range(50)]
            async with asyncio.timeout(5):
                for executor in vars(executors).values():
                    if executor is not executors.log:
                        assert await asked(executor, "grace", lambda: True)
            gate.set()
            async with asyncio.timeout(5):
                await asyncio.gather(*held)
        finally:
            gate.set()
            executors.close()

    asyncio.run(run())
