"""One prediction: what an artifact says about all rows of a file, in their order."""

from __future__ import annotations

import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from autolearn.artifacts.datasets.table import DatasetTable
from autolearn.artifacts.datasets.typed_inspection import Each
from autolearn.artifacts.store.run_files import Artifacts
from autolearn.ml.captured_warnings import heard
from autolearn.ml.cluster import connected, withdraw
from autolearn.ml.environment import environment, one_thread
from autolearn.ml.errors import InputError
from autolearn.ml.estimators.estimator import LABELS, distribution_of, methods_of
from autolearn.ml.evaluation.categories import Categories, FoundValues, known_categories
from autolearn.ml.evaluation.rows import batches_for, require_columns, secret_columns, steps_in
from autolearn.ml.evaluation.stored_artifact import StoredArtifact, has_own_estimator, open_folder
from autolearn.ml.prediction.answer_comparison import AnswerComparison
from autolearn.ml.prediction.batch_predictor import BatchPredictor, predicted_batch
from autolearn.ml.prediction.batch_records import batch_record, score_edges, shortened, together
from autolearn.ml.prediction.row_files import RowFiles
from autolearn.schemas.bounds import PREDICTED_ROWS, cut, listed
from autolearn.schemas.datasets.meanings import depends_on_others
from autolearn.schemas.events import PredictionRequested
from autolearn.schemas.results import PredictedBatch, PredictionResult

Array = np.ndarray[Any, Any]
Report = Callable[[str], None]
_BATCH = 10_000
"""Rows that are read, predicted, and written, at a time."""
_REPORTED = 0.5
"""Seconds between two reports of the rows that are done."""
_VALUES = 1_000
"""Different values of a column that are kept to understand those of a batch."""


def predict(request: PredictionRequested, store: Artifacts, report: Report) -> PredictionResult:
    """Predict all rows of a file, batch by batch, and store the rows.

    `report` receives reading, and predicting with the rows that are done. Raises InputError when
    the file does not fit the artifact, or there are too many rows or bytes.
    """
    started, cpu_started = time.perf_counter(), time.process_time()
    one_thread()
    report("reading")
    with (
        tempfile.TemporaryDirectory(prefix="autolearn-") as scratch,
        tempfile.TemporaryDirectory(prefix="autolearn-") as folder,
        heard(),
    ):
        folder_of_model = store.fetch_folder(request.artifact, Path(scratch))
        if not has_own_estimator(folder_of_model):
            withdraw()
        model = open_folder(folder_of_model)
        if (steps := steps_in(model.pipeline)) is not None and not steps.are_own():
            withdraw()
        if LABELS in methods_of(model.pipeline):
            raise InputError(
                f"{model.training.estimator} assigns no rows but those that it was fitted on",
                advice="Choose another clusterer, such as k-means.",
            )
        edges = score_edges(folder_of_model)
        file = store.fetch_dataset(request.dataset, Path(scratch))
        batches = _Batches(model, folder_of_model, file, request)
        told = time.monotonic()
        report("predicting")
        records: list[PredictedBatch] = []
        compared: AnswerComparison | None = None
        if request.backtest is not None:
            compared = AnswerComparison(model.training.task, hidden=batches.hides_target)
        with RowFiles(Path(folder), request.form) as files, connected() as cluster:
            for said, rows in batches.predicted(_here if cluster is None else cluster.each):
                files.add(rows)
                if compared is not None:
                    compared.add(said, rows)
                warned = batches.warned_here
                records.append(batch_record(said, edges, warned, hidden=batches.hides_target))
                if time.monotonic() - told > _REPORTED:
                    told = time.monotonic()
                    report(f"predicting, {batches.done:,} rows")
        output = store.put_folder(Path(folder))
    unseen, all_rows = batches.categories.most_unseen(batches.unseen), together(records)
    return PredictionResult(
        output=output,
        rows=batches.rows,
        columns=tuple(batches.columns),
        environment=environment(*distribution_of(model.estimator.factory)),
        seconds=time.perf_counter() - started,
        cpu_seconds=time.process_time() - cpu_started,
        counts=all_rows.counts,
        unseen=unseen,
        notes=(*batches.categories.told(), *batches.notes()),
        batches=shortened(records),
        score_edges=edges,
        comparison=None if compared is None else compared.result(),
        warned=all_rows.warned,
    )


def _here(function: Callable[[Any, Any], Any], shared: Any, parts: Iterable[Any]) -> Iterator[Any]:
    """Do the parts in this process (`cluster.DaskCluster.each`)."""
    return (function(shared, part) for part in parts)


class _Batches:
    """The batches of a file, predicted one after the other, and what was odd about them."""

    def __init__(
        self, model: StoredArtifact, folder: Path, file: Path, request: PredictionRequested
    ) -> None:
        self.model, self.folder, self.file, self.request = model, folder, file, request
        self.secret = secret_columns(model, request.sensitive)
        self.wanted = [column.name for column in model.schema.columns]
        self.categories = Categories(DatasetTable({}, {}, 0), self.secret)
        self.rows, self.done = 0, 0
        self.unseen, self.gaps = Counter[str](), Counter[str]()
        self.warned = Counter[tuple[str, str]]()
        self.warned_here = Counter[str]()
        """The warnings of the last batch by kind; `warned` are all of them by kind and column."""
        self.columns, self.ours = list[str](), set[str]()
        self.elsewhere: dict[str, FoundValues] = {}

    @property
    def hides_target(self) -> bool:
        """Whether the target's classes are hidden."""
        target = self.model.schema.target
        return target is not None and target.name in self.secret

    def read(self, wanted: Collection[str]) -> Iterator[DatasetTable]:
        """Yield some columns of the file, batch by batch."""
        return batches_for(self.model, self.file, self.request.read, _BATCH, wanted)

    def predicted(self, each: Each) -> Iterator[tuple[dict[str, Array], pa.RecordBatch]]:
        """Yield the columns of the predictions, and the rows of the output.

        `each` has batches predicted. Raises InputError.
        """
        read = self.read({*self.wanted, *self.request.input_columns})
        if (first := next(read, None)) is None:
            return
        require_columns(self.model, first)
        self.categories.table = first
        predictor = BatchPredictor(self.model, self.folder, self.secret, self._elsewhere(first))
        begun = deque[DatasetTable]()
        batches = self._begun(first, read, begun)
        for said in each(predicted_batch, predictor, batches):
            table = begun.popleft()
            for name, stand_for in said.taken.items():
                self.categories.taken.setdefault(name, {}).update(stand_for)
            self.done += table.rows
            self.unseen.update(said.unseen)
            self.gaps.update({name: table.arrays[name].null_count for name in self.wanted})
            self.warned.update(said.warned)
            self.warned_here = Counter[str]()
            for (kind, _), many in said.warned.items():
                self.warned_here[kind] += many
            rows = {
                name: table.arrays[name]
                for name in self.request.input_columns
                if name in table.arrays and name not in said.columns
            }
            rows |= {
                name: pa.array(np.ascontiguousarray(one)) for name, one in said.columns.items()
            }
            self.columns, self.ours = list(rows), {*said.columns}
            yield said.columns, pa.RecordBatch.from_pydict(rows)

    def _begun(
        self, first: DatasetTable, read: Iterator[DatasetTable], begun: deque[DatasetTable]
    ) -> Iterator[tuple[int, DatasetTable]]:
        """Yield the number of the first row of each batch with it, and keep what is `begun`."""
        for table in chain((first,), read):
            begin, self.rows = self.rows, self.rows + table.rows
            if self.rows > PREDICTED_ROWS:
                raise InputError(
                    f"there are more than {PREDICTED_ROWS:,} rows, the most that are predicted at "
                    "once",
                    advice="Send them in parts.",
                )
            begun.append(table)
            yield begin, table

    def _elsewhere(self, table: DatasetTable) -> dict[str, FoundValues]:
        """Return values of all rows, of the columns of which a batch cannot be understood alone."""
        imported = self.model.training.imported
        known = {} if imported else known_categories(self.model.pipeline)
        columns = {
            column.name
            for column in self.model.schema.columns
            if column.type in ("string", "boolean")
            and table.types[column.name] != "boolean"
            and depends_on_others(known.get(column.name, column.categories) or ())
        }
        found = {name: FoundValues({}, {}) for name in columns}
        for batch in self.read(columns) if columns else ():
            for name in columns:
                if len(found[name].texts) < _VALUES:
                    values = Categories(batch).values(name)
                    found[name].texts.update(values.texts)
                    found[name].numbers.update(values.numbers)
        return found

    def notes(self) -> list[str]:
        """Say which columns have no value, are not used, or are left out of the output."""
        types, shown = self.categories.table.types, self.request.input_columns
        used, target = {*self.wanted}, self.model.training.target
        empty = [name for name in types if name in used and self.gaps[name] == self.rows]
        idle = [name for name in types if name not in used and name != target and name not in shown]
        gone = [name for name in shown if name in self.ours]
        told = {"without any value, so imputed": empty, "not used by the model": idle}
        told["left out, as the predictions have columns of that name"] = gone
        told["outside the training's range"] = self._warned("outside")
        told["gaps where the training had none"] = self._warned("gap")
        return [f"{what}: {listed(list(map(cut, which)))}" for what, which in told.items() if which]

    def _warned(self, which: str) -> list[str]:
        found = (one for one in self.warned.most_common() if one[0][0] == which)
        return [f"{name} ({many:,})" for (_, name), many in found]
