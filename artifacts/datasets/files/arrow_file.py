"""Opens the bytes of a file for Arrow."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from autolearn.artifacts.datasets.files.content import FileContent


def arrow_file(content: FileContent) -> pa.NativeFile:
    """Open a file for Arrow."""
    if isinstance(content, Path):
        return pa.OSFile(str(content), "rb")
    return pa.PythonFile(content.open("rb"), mode="r")  # type: ignore[arg-type]
