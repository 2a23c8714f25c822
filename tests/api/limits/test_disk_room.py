"""Room: below the reserve of the disk nothing is taken, and uploads have bounds."""

import asyncio
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.requests import Request

from autolearn.api.http.problems import Problem
from autolearn.api.limits.disk_room import Uploads, require_disk
from autolearn.api.limits.executors import Executors
from autolearn.api.shared.uploads import received
from autolearn.runtime.disk_usage import reserve_of, shortage
from autolearn.schemas.bounds import UPLOADED, UPLOADS
from autolearn.schemas.settings import Settings, load


def test_a_reserve_is_a_size_or_a_share():
    assert reserve_of("1024", 10**12) == 1 << 30
    assert reserve_of("5%", 10**12) == 5 * 10**10
    assert reserve_of("0", 10**12) == 0


def test_below_the_reserve_it_is_refused_with_the_figures(tmp_path: Path):
    require_disk(load({"AUTOLEARN_DISK_RESERVE": "0"}).limits, [tmp_path])
    with pytest.raises(Problem) as refused:
        require_disk(load({"AUTOLEARN_DISK_RESERVE": "9999999"}).limits, [tmp_path])
    problem = refused.value
    assert (problem.status_code, problem.kind) == (507, "disk-low")
    assert f"{9999999 << 20:,} must stay so" in problem.detail
    assert "AUTOLEARN_DISK_RESERVE, which is 9999999" in problem.detail
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(Problem, match="more are wanted"):
        require_disk(load({"AUTOLEARN_DISK_RESERVE": "0"}).limits, [tmp_path], free * 2)


def test_a_worker_hears_which_disk_is_low(tmp_path: Path):
    assert shortage("0", [tmp_path]) == shortage("9999999", [tmp_path / "nothing"]) == ""
    assert f"{tmp_path} has" in shortage("9999999", [tmp_path])
    assert "AUTOLEARN_DISK_RESERVE is 9999999" in shortage("9999999", [tmp_path])


def test_uploads_are_counted_and_weighed_and_given_back(tmp_path: Path):
    settings = load({"AUTOLEARN_MAX_UPLOAD": "1000", "AUTOLEARN_DISK_RESERVE": "0"})
    uploads = Uploads(settings.limits, [tmp_path])
    with uploads.room("") as one, uploads.room("") as two:
        one.take(1000)
        two.take(1000 * (UPLOADED - 1))
        with pytest.raises(Problem, match="AUTOLEARN_MAX_UPLOAD"):
            two.take(1)
    assert not uploads.counts
    assert not uploads.bytes
    with ExitStack() as stack:
        for _ in range(UPLOADS):
            stack.enter_context(uploads.room(""))
        with pytest.raises(Problem, match=f"It has {UPLOADS} uploads") as refused:
            stack.enter_context(uploads.room("grace"))
    assert refused.value.status_code == 429


def test_one_user_leaves_room_for_the_uploads_of_others(tmp_path: Path):
    settings = load({"AUTOLEARN_MAX_UPLOAD": "1000", "AUTOLEARN_DISK_RESERVE": "0"})
    uploads = Uploads(settings.limits, [tmp_path])
    with ExitStack() as stack:
        mine = [stack.enter_context(uploads.room("ada")) for _ in range(UPLOADS // 4)]
        with pytest.raises(Problem, match="You have 8 uploads here, at most 8") as refused:
            stack.enter_context(uploads.room("ada"))
        assert refused.value.status_code == 429
        other = stack.enter_context(uploads.room("grace"))
        mine[0].take(600)
        mine[1].take(400)
        with pytest.raises(Problem, match=r"Your uploads have 1,000 bytes here, and 1,000 at most"):
            mine[2].take(1)
        other.take(1000)
    assert not uploads.counts
    assert not uploads.bytes


def test_an_upload_that_does_not_come_is_parted_from(tmp_path: Path):
    room = Uploads(load({"AUTOLEARN_DISK_RESERVE": "0"}).limits, [tmp_path])

    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    async def run() -> None:
        executors = Executors(Settings().limits)
        request = Request({"type": "http", "method": "PUT", "headers": []}, receive)
        try:
            with room.room("ada") as mine:
                coming = received(tmp_path, executors.uploads, request, mine, 0.05)
                async with asyncio.timeout(5), coming:
                    raise AssertionError("it never came")
        finally:
            executors.close()

    with pytest.raises(Problem, match="50,000 bytes") as refused:
        asyncio.run(run())
    assert (refused.value.status_code, refused.value.kind) == (408, "body-too-slow")
    assert not room.counts
    assert not list(tmp_path.iterdir())


def test_a_small_file_system_is_not_all_reserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    mib = 1 << 20
    monkeypatch.setattr(shutil, "disk_usage", lambda _: (500 * mib, 440 * mib, 60 * mib))
    assert "500 MiB must stay" in shortage("1024", [tmp_path])
    assert shortage("1024", [tmp_path], 10) == ""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: (500 * mib, 460 * mib, 40 * mib))
    assert "50 MiB must stay" in shortage("1024", [tmp_path], 10)
