"""Room: below the reserve of the disk nothing is taken, and uploads have bounds."""

import shutil
from pathlib import Path

import pytest

from autolearn.api.disk import MOST_UPLOADS, Uploads, require_disk
from autolearn.api.problems import Problem
from autolearn.eventlog.disk import reserve_of, shortage
from autolearn.schemas.settings import load


def test_a_reserve_is_a_size_or_a_share():
    assert reserve_of("1024", 10**12) == 1 << 30
    assert reserve_of("5%", 10**12) == 5 * 10**10
    assert reserve_of("0", 10**12) == 0


def test_below_the_reserve_it_is_refused_with_the_figures(tmp_path: Path):
    require_disk(load({"AUTOLEARN_DISK_RESERVE": "0"}), [tmp_path])
    with pytest.raises(Problem) as refused:
        require_disk(load({"AUTOLEARN_DISK_RESERVE": "9999999"}), [tmp_path])
    problem = refused.value
    assert (problem.status_code, problem.kind) == (507, "disk-low")
    assert f"{9999999 << 20:,} must stay so" in problem.detail
    assert "AUTOLEARN_DISK_RESERVE, which is 9999999" in problem.detail
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(Problem, match="more are wanted"):
        require_disk(load({"AUTOLEARN_DISK_RESERVE": "0"}), [tmp_path], free * 2)


def test_a_worker_hears_which_disk_is_low(tmp_path: Path):
    assert shortage("0", [tmp_path]) == shortage("9999999", [tmp_path / "nothing"]) == ""
    assert f"{tmp_path} has" in shortage("9999999", [tmp_path])
    assert "AUTOLEARN_DISK_RESERVE is 9999999" in shortage("9999999", [tmp_path])


def test_uploads_are_counted_and_weighed_and_given_back(tmp_path: Path):
    settings = load({"AUTOLEARN_MAX_UPLOAD": "1000", "AUTOLEARN_DISK_RESERVE": "0"})
    uploads = Uploads(settings, [tmp_path])
    with uploads.room() as one, uploads.room() as two:
        one.take(1000)
        two.take(1000)
        with pytest.raises(Problem, match="AUTOLEARN_MAX_UPLOAD"):
            two.take(1)
    assert (uploads.count, uploads.bytes) == (0, 0)
    uploads.count = MOST_UPLOADS
    with pytest.raises(Problem) as refused, uploads.room():
        pass
    assert refused.value.status_code == 429
