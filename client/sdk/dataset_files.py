"""Files of datasets: their formats, and the names derived from theirs."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Literal

FileFormat = Literal["csv", "parquet", "arrow", "jsonl", "excel"]
_PACKED = (".gz", ".zst", ".zip")
_LONGEST = 64
"""Characters of a derived name."""


def dataset_name(path: Path | str) -> str:
    """Return the dataset name derived from a file's: lower case, words with dashes.

    `Données 2024.csv.gz` is donnees-2024. It is "dataset" where nothing is left.
    """
    stem = Path(path).name
    for ending in _PACKED:
        stem = stem.removesuffix(ending)
    stem = Path(stem).stem
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9._-]+", "-", plain)[:_LONGEST].strip("._-") or "dataset"
