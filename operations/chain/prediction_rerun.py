"""Computes a proved answer again from its artifact, and compares it bit for bit."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autolearn.artifacts.store.content_names import manifest_of
from autolearn.ml.errors import InputError
from autolearn.ml.evaluation.stored_artifact import open_folder
from autolearn.ml.prediction.online import OnlineModel
from autolearn.operations.chain.prediction_check import ProvedPrediction
from autolearn.operations.chain.proof import ProofRefused
from autolearn.schemas.values import TrainedArtifact


def answer_again(found: ProvedPrediction, folder: Path) -> str:
    """Answer the rows of a proof with the artifact in a folder, and describe the result.

    The folder is an export of the version (`--as python`), or the downloaded artifact of its
    training; other files in it do not matter.

    Raises:
        ProofRefused: it is another artifact, or its answer is another one.
    """
    if found.source is None:
        raise ProofRefused("The proof does not say which artifact the version has.")
    _check_files(found.source.artifact, folder)
    record, content = found.record, found.statement.content
    try:
        model = OnlineModel(open_folder(folder))
        model.warm(folder)
        said = model.answer_columns(content.inputs, record.rows, content.inputs)
    except InputError as error:
        raise ProofRefused(f"The artifact does not answer these rows: {error.detail}") from None
    part = f"{record.model}@{record.version}."
    told = {
        name.removeprefix(part): values
        for name, values in content.outputs.items()
        if name.startswith(part)
    } or content.outputs
    again = {name: values.tolist() for name, values in said.columns.items()}
    if differs := _difference(told, again):
        raise ProofRefused(f"The artifact gives another answer: {differs}.")
    rows = f"{record.rows} {'row' if record.rows == 1 else 'rows'}"
    return (
        f"The artifact {found.source.artifact.digest}, computed again here, gives this answer of "
        f"{record.model}@{record.version} bit for bit ({rows}, {len(told)} columns)."
    )


def _check_files(artifact: TrainedArtifact, folder: Path) -> None:
    """Raise ProofRefused unless the files of an artifact are in a folder."""
    missing = sorted(name for name in artifact.files if not (folder / name).is_file())
    if missing:
        raise ProofRefused(
            f"{folder} lacks {', '.join(missing)} of the artifact {artifact.digest}.",
            advice="`autolearn model export NAME@VERSION --as python` writes such a folder.",
        )
    _, _, digest = manifest_of({name: folder / name for name in artifact.files})
    if digest != artifact.digest:
        raise ProofRefused(
            f"The files in {folder} are not those of the artifact {artifact.digest}."
        )


def _difference(told: Mapping[str, Sequence[Any]], again: Mapping[str, Sequence[Any]]) -> str:
    """Return where two answers differ, "" if they are the same bits."""
    if {*told} != {*again}:
        return f"columns {', '.join(sorted({*told} ^ {*again}))}"
    for name, values in told.items():
        for row, (one, other) in enumerate(zip(values, again[name], strict=True)):
            if not _is_same(one, other):
                return f"row {row}, {name}: recorded {one!r}, computed {other!r}"
    return ""


def _is_same(one: Any, other: Any) -> bool:
    """Return whether a recorded value and a computed one are the same; JSON has null for NaN."""
    if isinstance(other, float):
        if one is None:
            return math.isnan(other)
        return isinstance(one, float) and struct.pack("<d", one) == struct.pack("<d", other)
    return type(one) is type(other) and bool(one == other)
