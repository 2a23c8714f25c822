"""A step of a pipeline that needs more memory, time or disk than there is.

Its run fails with a word that says so, nothing of it is half done, and a repeat goes on from there.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.ground import Tally
from tests.faults.kinds.disk import full, small_disk
from tests.faults.parts import Part
from tests.faults.pipeline_ground import PipelineClient, PipelineGround
from tests.support.waiting import until

Run = dict[str, Any]
TABLE = 16 << 10
"""Bytes that the files of a step need on a disk, with less left than a delivery needs."""
FULL, NEARLY_FULL = "the disk is full", "The disk is nearly full"
"""What is said of a worker's step, and of a delivery: an API process looks before it writes."""


def exceed_memory(on: PipelineGround) -> None:
    """Run a step that takes more memory than its limit."""
    _exceed(on, "memory", "memory: it used", mebibytes=600, seconds=2.5)


def exceed_time(on: PipelineGround) -> None:
    """Run a step that takes more time than its limit."""
    _exceed(on, "time", "time: it took longer than its limit of 3 s", seconds=60)


def _exceed(on: PipelineGround, what: str, words: str, **burden: float) -> None:
    with _client(on) as client:
        at, began = on.random.getrandbits(30), time.monotonic()
        run = client.begin("heavy", at, fails=True, burden=burden)
        failed = _failed(client, run, "burden", words)
        _recovered(on, f"a step beyond its limit of {what}: its run has failed", began)
        done, skipped = (
            _ends(failed, "completed") | _ends(failed, "cached"),
            _ends(failed, "skipped"),
        )
        assert (done.keys(), skipped.keys()) == ({"source", "nap"}, {"after", "deliver"}), failed
        _repeated(on, client, failed, "heavy", at)
    on.tally.counts[f"steps beyond their limit of {what}"] += 1


class SmallDisks(PipelineGround):
    """A system whose artifacts, and whose workers' temporary files, have small disks."""

    def __init__(self, kafka: str, folder: Path, seed: int, tally: Tally, *disks: Path) -> None:
        self.artifacts, self.scratch = disks
        url = (self.artifacts / "store").as_uri()
        more = {"AUTOLEARN_ARTIFACTS": url, "AUTOLEARN_DISK_RESERVE": "0"}
        super().__init__(kafka, folder, seed, tally, **more)

    def add_worker(self, name: str) -> Part:
        """Start a worker, whose temporary files are on the small disk."""
        return self.fleet.add(name, "autolearn.agents", "work", TMPDIR=str(self.scratch))


@contextmanager
def small_disks(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Make both disks."""
    with small_disk(folder / "artifacts", 64) as one, small_disk(folder / "scratch", 64) as other:
        yield one, other


def fill_artifacts(on: SmallDisks) -> None:
    """Fill the disk of the artifacts while a step works."""
    _fill(on, on.artifacts, "the artifacts")


def fill_scratch(on: SmallDisks) -> None:
    """Fill the disk of the workers' temporary files while a step works."""
    _fill(on, on.scratch, "the workers")


def _fill(on: SmallDisks, disk: Path, whose: str) -> None:
    with _client(on) as client:
        at = on.random.getrandbits(30)
        run = client.begin("slow", at, fails=True)
        until(lambda: len(_ends(client.seen(run), "completed")) > 1, "a step is done")
        with full(disk):
            began = time.monotonic()
            failed = _failed(client, run, "nap-", FULL)
            _recovered(on, f"a full disk of {whose}: the run has failed", began)
        _repeated(on, client, failed, "slow", at)
    on.tally.counts[f"full disks of {whose} under a step"] += 1


def fill_at_delivery(on: SmallDisks) -> None:
    """Leave room for the table of a step alone: an API process cannot deliver it."""
    with _client(on) as client:
        at = on.random.getrandbits(30)
        with full(on.artifacts, left=TABLE):
            began = time.monotonic()
            run = client.begin("give", at, fails=True)
            failed = _failed(client, run, "deliver", NEARLY_FULL)
            _recovered(on, "a full disk at a delivery: the run has failed", began)
        _repeated(on, client, failed, "give", at)
    on.tally.counts["full disks under a delivery"] += 1


FAULTS = (exceed_memory, exceed_time)
DISK_FAULTS = (fill_artifacts, fill_scratch, fill_at_delivery)


@contextmanager
def _client(on: PipelineGround) -> Iterator[PipelineClient]:
    with on.client() as client:
        assert isinstance(client, PipelineClient)
        yield client


def _recovered(on: PipelineGround, words: str, since: float) -> None:
    on.tally.recovered(words, time.monotonic() - since)


def _ends(run: Run, status: str = "") -> dict[str, str]:
    """Return the statuses of the steps of a run, or those with one status."""
    ends = {step["name"]: step["status"] for step in run["steps"]}
    return {name: end for name, end in ends.items() if not status or end == status}


def _failed(client: PipelineClient, run: str, step: str, words: str) -> Run:
    """Wait for the end of a run; it says which step has failed, and why."""
    failed = client.until_ended(run)
    assert failed["status"] == "failed", failed
    assert f"step {step}" in failed["detail"], failed
    assert words in failed["detail"], failed
    return failed


def _repeated(on: PipelineGround, client: PipelineClient, failed: Run, name: str, at: int) -> None:
    """Check that nothing is half done; run it once more: what was done comes from the cache."""
    _check_store(on)
    began = time.monotonic()
    again = client.until_ended(client.begin(name, at))
    _recovered(on, "the run was repeated", began)
    assert again["status"] == "completed", again
    kept = _ends(failed, "completed") | _ends(failed, "cached")
    assert _ends(again, "cached").keys() == kept.keys(), (failed, again)


def _check_store(on: PipelineGround) -> None:
    """Check that the artifacts are whole, and that nothing is left that was to become one."""
    home = Path(on.environment["AUTOLEARN_HOME"])
    store = on.artifacts / "store" if isinstance(on, SmallDisks) else home / "artifacts"
    if isinstance(on, SmallDisks):
        runs = "autolearn-runs-*/*"
        until(lambda: not [*on.scratch.glob(runs)], "the files of ended runs are deleted")
        assert not [*(store / "incoming").iterdir()], "something is left on its way in"
    for folder in (store / "models").iterdir():
        for name, digest in json.loads((folder / "manifest.json").read_bytes()).items():
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            assert found == digest, f"{folder / name} is not whole"
