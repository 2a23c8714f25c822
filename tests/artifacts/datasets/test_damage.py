"""Whatever happened to a file: the same table comes back, or it is said what happened to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from tests.artifacts.datasets.damage import DAMAGES, KINDS, made_table
from tests.artifacts.datasets.damage.check import damaged, damaged_file, fault_of


def check(example: Any, folder: Path) -> None:
    file = damaged_file(example)
    fault = fault_of(folder / "data", file)
    assert not fault, f"{example[1]}: {fault}\n{file.content[:2000]!r}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damage")


def test_there_are_thirty_ways() -> None:
    assert len(DAMAGES) >= 30


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage(name: str, folder: Path) -> None:
    """Each of them, on tables that have every kind of column."""
    for seed in range(3):
        table = made_table([*KINDS], 8 + seed * 7, seed, [0.0, 0.2][seed % 2])
        check((table, name, seed), folder)


@settings(max_examples=100)
@given(damaged)
def test_damaged_tables(folder: Path, example: Any) -> None:
    check(example, folder)


@pytest.mark.long
@pytest.mark.timeout(1200)
@settings(max_examples=10_000)
@given(damaged)
def test_ten_thousand_damaged_tables(folder: Path, example: Any) -> None:
    check(example, folder)
