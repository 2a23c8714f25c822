"""Damaged tables through the whole system: what it says and trains on is as in process."""

from __future__ import annotations

import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from msgspec import to_builtins

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.table import read_table
from autolearn.client.sdk.client import AutoLearn
from autolearn.client.sdk.errors import Problem
from autolearn.schemas.rest.catalog import Dataset
from tests.api.conftest import System
from tests.artifacts.datasets.damage import File, Made
from tests.artifacts.datasets.damage.check import damaged, damaged_file, fault_in, refused
from tests.artifacts.datasets.read_case import Reading, read_as_a_user_would

FEW = 8
"""Rows with a target below which none is learned."""
GENERATED = [Phase.explicit, Phase.generate]
"""Failures are not shrunk here, where an example takes seconds: tests in process do that."""


class Examples:
    """Uploads damaged tables, trains where there is a target, and counts what became of them."""

    def __init__(self, system: System, folder: Path) -> None:
        self.client = AutoLearn(system.first.url)
        self.folder = folder
        self.seen: Counter[str] = Counter()

    def check(self, example: Any) -> None:
        file = damaged_file(example)
        fault = self.fault_of(file)
        self.seen["examples"] += 1
        assert not fault, f"{example[1]}: {fault}\n{file.content[:2000]!r}"

    def fault_of(self, file: File) -> str:
        """Return what is silently wrong, or not as in process, "" if nothing is."""
        path = self.folder / "data"
        path.write_bytes(file.content)
        here, words = in_process(path, file)
        dataset, problem = self.uploaded(path, file)
        if dataset is None or here is None:
            self.seen["refused"] += 1
            assert (problem and problem.kind, problem and problem.detail) == (
                "dataset-refused",
                words,
            )
            return refused(file, words)
        assert said(dataset) == said(here.spec)
        assert dataset.read == here.spec.read
        assert (dataset.columns, dataset.rows) == (here.spec.columns, here.spec.rows)
        self.client.download_dataset(dataset.name, self.folder / "kept", dataset.version)
        self.train(dataset, file.table)
        return fault_in(Reading(dataset, read_table(self.folder / "kept", dataset.read)), file)

    def uploaded(self, path: Path, file: File) -> tuple[Dataset | None, Problem | None]:
        name = f"damaged-{uuid.uuid4().hex[:12]}"
        try:
            self.client.upload_dataset(path, name, **to_builtins(file.hints))
        except Problem as problem:
            return None, problem
        return self.client.dataset(name).data, None

    def train(self, dataset: Dataset, truth: Made) -> None:
        """Learn a column as what it was before the damage: done, or a refusal names findings.

        About every fifth table has a target and rows enough.
        """
        target, model = learnable(dataset, truth)
        if not target:
            return
        session = self.client.sessions.open()
        severe = [one.words for one in dataset.findings if one.severe]
        try:
            run = session.train(model, dataset.name, target=target, wait=60)
        except Problem as problem:
            self.seen["not trained"] += 1
            named = f"{problem.detail} {problem.errors}"
        else:
            self.seen["trained"] += 1
            assert not severe
            assert (run.status, run.read) == ("completed", dataset.read), run.detail
            return
        if severe:
            assert all(words in named for words in severe), named
        else:
            assert f"dataset show {dataset.name} --findings" in named
            assert any(one.column == target for one in dataset.findings)


def in_process(path: Path, file: File) -> tuple[Reading | None, str]:
    """Return what is read of a file in this process, or the words of its refusal."""
    try:
        return read_as_a_user_would(path, file.hints), ""
    except DatasetRefused as refusal:
        return None, refusal.detail


def said(spec: Any) -> list[Any]:
    return [(one.code, one.column, one.count, one.of, one.examples) for one in spec.findings]


def learnable(dataset: Dataset, truth: Made) -> tuple[str, str]:
    """Return a target and a model for what it is in truth, "" if there is none."""
    there = {column.name: dataset.rows - column.missing for column in dataset.columns}
    for name, kind in truth.kinds.items():
        if there.get(name, 0) < FEW:
            continue
        if kind in ("integer", "number"):
            return name, "ridge"
        rows = Counter(value for value in truth.values[name] if value is not None)
        if kind in ("boolean", "text") and len(rows) > 1 and min(rows.values()) > 3:
            return name, "decision-tree"
    return "", ""


def run_examples(system: System, folder: Path, many: int) -> Counter[str]:
    examples = Examples(system, folder)

    @settings(max_examples=many, phases=GENERATED)
    @given(damaged)
    def check(example: Any) -> None:
        examples.check(example)

    with examples.client:
        check()
    return examples.seen


def test_damaged_tables(system: System, tmp_path: Path) -> None:
    assert run_examples(system, tmp_path, 5)["examples"] == 5


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_hundred_damaged_tables(system: System, tmp_path: Path) -> None:
    seen = run_examples(system, tmp_path, 100)
    assert seen["examples"] == 100
    assert min(seen["refused"], seen["trained"]) > 0, seen
