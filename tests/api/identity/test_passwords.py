"""Passwords are checked by what the log has of them; not many wait for it."""

from __future__ import annotations

import asyncio

import pytest

from autolearn.api.http.problems import Problem
from autolearn.api.identity.passwords import Passwords
from autolearn.api.limits.executors import Bound, ThreadLane

PASSWORD = "correct horse battery"


def test_a_password_fits_its_verifier_and_no_other():
    async def story() -> None:
        here = Passwords(ThreadLane("tests", Bound(2, 8, 8)))
        verifier = await here.verifier(PASSWORD)
        assert verifier.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        assert verifier != await here.verifier(PASSWORD), "each has a salt of its own"
        assert await here.fits(verifier, PASSWORD)
        for other in (verifier, "", "no verifier"):
            assert not await here.fits(other, "another password")
        assert not await here.fits("", "nobody has this password")

    asyncio.run(story())


def test_one_too_many_is_told_so_and_takes_nobodys_place():
    async def story() -> None:
        here = Passwords(ThreadLane("tests", Bound(2, 1, 3)))
        asked = [asyncio.create_task(here.verifier(PASSWORD)) for _ in range(3)]
        await asyncio.sleep(0)  # all of them run or wait now
        with pytest.raises(Problem) as told:
            await here.verifier(PASSWORD)
        assert told.value.status_code == 429
        asked[2].cancel()  # whoever has gone away waits no longer
        await asyncio.gather(*asked, return_exceptions=True)
        assert await here.verifier(PASSWORD)

    asyncio.run(story())
