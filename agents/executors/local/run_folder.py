"""The files of a run on the agent's side: fetch its input, store its output.

The run's process is not trusted: its output is first moved to where nothing of the run may write,
should something have survived it; then it is checked, and only plain files are stored.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from autolearn.artifacts.store.content_names import is_digest
from autolearn.artifacts.store.errors import ArtifactError
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.results import CatalogResult
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.reports.retrain import Comparison
from autolearn.schemas.results import PredictionResult, StepResult, TrainingResult
from autolearn.schemas.values import DatasetRef
from autolearn.schemas.work_kinds import WORK


class _Request(Struct):
    """The part of a run's request (`schemas.work_kinds.WORK`) that names files."""

    dataset: DatasetRef | None = None
    tables: tuple[DatasetSpec, ...] = ()
    artifact: str = ""
    sent: bool = False


class RunFolder:
    """The folder of one run: `in`, `out` and `tmp`, and later `kept`. All methods block.

    `store` has the key of the run's session or pipeline, if there is one; the run has not. `keys`
    are those of its inputs, by the digest of what is stored.
    """

    def __init__(self, path: Path, store: ArtifactStore, keys: Mapping[str, bytes] = {}) -> None:
        self.path, self._store, self._keys = path, store, keys

    def fetch(self, kind: str, request: bytes) -> list[str]:
        """Make the folder, with the request's input; return other readable paths.

        Raises ArtifactError.
        """
        self.path.mkdir(mode=0o700)
        for name in ("in", "out", "tmp"):
            (self.path / name).mkdir()
        datasets, models, sent = _needs(kind, request)
        inputs = self.path / "in"
        found = [
            self._store_of(one.place, sent=sent).bring_dataset(one, inputs) for one in datasets
        ]
        found += [self._store_of(one).bring_folder(one, inputs / one) for one in models]
        return [str(path) for path in found if not path.is_relative_to(self.path)]

    def _store_of(self, place: str, *, sent: bool = False) -> ArtifactStore:
        """Return the store with the key of an input, or with that of the run."""
        key = self._keys.get(place)
        store = self._store.with_key(key or self._store.key, key)
        return store.passing() if sent else store

    def keep(self, result: Any) -> Any:
        """Store the files that the result names, and return the updated result.

        Raises ArtifactError: the files do not match the result.
        """
        match result:
            case TrainingResult():
                folder = self._left_folder(result.artifact.digest)
                kept = replace(self._store.put_folder(folder), methods=result.artifact.methods)
                return replace(result, artifact=kept)
            case StepResult():
                folder = self._left_folder(result.artifact.digest)
                stored = self._store.put_folder(folder)
                table = result.table and replace(result.table, folder=stored.folder)
                return replace(result, artifact=stored, table=table)
            case PredictionResult():
                folder = self._left_folder(result.output.digest)
                return replace(result, output=self._store.passing().put_folder(folder))
            case CatalogResult():
                for version in {spec.version for spec in result.datasets}:
                    blob = self._store.put_blob(self._left(version, stat.S_ISREG))
                    if blob.digest != version:
                        raise _unfit(version)
        return result

    def _left_folder(self, digest: str) -> Path:
        """Move a folder of plain files out of the run's reach, and return it."""
        folder = self._left(digest, stat.S_ISDIR)
        for path in folder.iterdir():
            _check(path, stat.S_ISREG)
        return folder

    def _left(self, digest: str, kind: Any) -> Path:
        """Move the output of a digest out of the run's reach, and return it."""
        path = self.path / "kept" / digest
        if not is_digest(digest):
            raise _unfit(digest)
        path.parent.mkdir(exist_ok=True)
        try:
            (self.path / "out" / digest).rename(path)
        except OSError:
            raise _unfit(digest) from None
        _check(path, kind)
        return path


def _needs(kind: str, request: bytes) -> tuple[Iterable[DatasetRef], set[str], bool]:
    """Return the datasets and artifacts that a request names, and whether its rows were sent."""
    if kind in WORK:
        asked = msgspec.json.decode(request, type=_Request)
        named = [one.ref for one in asked.tables] + ([asked.dataset] if asked.dataset else [])
        by_version = {one.version: one for one in named}  # the same table may come twice
        return by_version.values(), {asked.artifact} - {""}, asked.sent
    if kind == "comparison":
        both = msgspec.json.decode(request, type=Comparison)
        refs = {data.dataset.version: data.dataset for data in both.data}
        return refs.values(), {both.recorded, both.present}, False
    return (), set(), False


def _check(path: Path, kind: Any) -> None:
    """Raise ArtifactError unless this is a folder or a file of that kind, without links."""
    try:
        found = path.lstat()
    except OSError:
        raise _unfit(path.name) from None
    if not kind(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink != 1):
        raise _unfit(path.name)


def _unfit(name: str) -> ArtifactError:
    return ArtifactError(f"the run has not left {name[:100]!r} as plain files of its own")
