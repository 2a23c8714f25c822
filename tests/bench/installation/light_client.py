"""How many bytes the light client brings, installed from the registry into an empty environment.

Beside it those of the whole package, whose locked requirements lie in this environment.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import venv
from importlib import metadata
from pathlib import Path

from tests.system.test_wheel import locked

ROOT = Path(__file__).parents[3]


async def light_client() -> dict[str, float]:
    """Measure in this process, without a system."""
    return await asyncio.to_thread(measure)


def measure() -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="autolearn-bench-") as name:
        folder = Path(name)
        build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", name]
        subprocess.run([*build, str(ROOT / "client")], check=True, capture_output=True)
        (wheel,) = folder.glob("*.whl")
        venv.create(folder / "venv", symlinks=True)
        python = folder / "venv" / "bin" / "python"
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
        subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
        light = sum(one.stat().st_size for one in folder.rglob("site-packages/**/*"))
    whole = sum(map(size, locked()))
    return {
        "client_wheel_install_mb": light / 1e6,
        "whole_install_mb": (light + whole) / 1e6,
        "client_vs_whole_install": light / (light + whole),
    }


def size(of: metadata.Distribution) -> int:
    """The bytes of the files of a distribution."""
    found = (Path(str(of.locate_file(file))) for file in of.files or ())
    return sum(path.stat().st_size for path in found if path.is_file())
