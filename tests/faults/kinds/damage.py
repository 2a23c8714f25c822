"""RocksDB folders deleted under their processes, and damaged between two lives of them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.faults.ground import Ground
from tests.faults.parts import Part
from tests.support.waiting import until


def delete_folder(ground: Ground) -> None:
    """Delete a folder while its process works; half of the processes are killed then."""
    folder = ground.random.choice(folders(ground))
    print(f"  deleted: {folder.relative_to(ground.folder)}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    ground.tally.counts["folders_deleted"] += 1
    if ground.random.random() < 0.5:
        part = owner(ground, folder)
        starts = part.starts
        part.kill()
        until(lambda: part.starts > starts, f"{part.name} starts again")
        ground.ready(part)


def damage_folder(ground: Ground, harm: str) -> None:
    """Damage a folder while its process is down; it must start, and say that it has rebuilt."""
    said = harm in ("no manifest", "nonsense in CURRENT")
    # A folder of a partition that has moved to another process is not opened again.
    sure = [each for each in folders(ground) if not said or not re.fullmatch(r"p\d+", each.name)]
    folder = ground.random.choice(sure)
    part = owner(ground, folder)
    print(f"  {harm}: {folder.relative_to(ground.folder)}", flush=True)
    part.wanted = False
    part.kill()
    part.popen.wait(10)
    HARMS[harm](folder)
    part.wanted = True
    until(lambda: part.popen.poll() is None, f"{part.name} starts again")
    ground.ready(part)
    ground.tally.counts["folders_damaged"] += 1
    if said:
        until(lambda: "rebuilt from the log" in part.said(), f"{part.name} says that it rebuilds")


def folders(ground: Ground) -> list[Path]:
    """Every RocksDB folder of the running system, in an order that the seed can repeat."""
    return sorted({at.parent for at in (ground.folder / "home" / "state").glob("**/CURRENT")})


def owner(ground: Ground, folder: Path) -> Part:
    """The process that has a folder: state/decide-a/p0, state/work-b/runs …"""
    name = folder.relative_to(ground.folder / "home" / "state").parts[0]
    kind, instance = name.partition("-")[0], name.rpartition("-")[2]
    return ground.fleet[f"{kind}-{instance}"]


def newest(folder: Path, pattern: str) -> Path:
    return max(folder.glob(pattern), key=lambda file: file.stat().st_mtime)


def cut_log(folder: Path) -> None:
    """As a crash of the machine leaves it: the end of the write-ahead log is missing."""
    file = newest(folder, "*.log")
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])


HARMS = {
    "a torn write-ahead log": cut_log,
    "no manifest": lambda folder: newest(folder, "MANIFEST-*").unlink(),
    "nonsense in CURRENT": lambda folder: (folder / "CURRENT").write_text("nonsense"),
}
