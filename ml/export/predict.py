"""Print the answers of the model in this folder to rows. It needs scikit-learn and skops only.

    python predict.py ROWS.csv            a line of CSV for each row
    python predict.py ROWS.json -o json   a line of JSON for each row
    python predict.py - < ROWS.json       rows in CSV or JSON from standard input

A row of JSON is an object of values by column, null for a gap. In CSV (UTF-8, with a header) an
empty field is a gap. schema.json has the columns. The answers are those of AutoLearn.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from threadpoolctl import threadpool_limits

_HERE = Path(__file__).resolve().parent
sys.path.append(str(_HERE / "lib"))  # the classes of AutoLearn that the model needs

from autolearn.schemas.datasets.meanings import meanings  # noqa: E402

_Row = Mapping[str, Any]
GAPS_IN_TEXT = {"", "NA", "N/A", "n/a", "#N/A", "<NA>", "\\N", "NaN", "NAN", "nan", "NULL", "null"}
GAPS_IN_TEXT |= {"?"}
GAPS = GAPS_IN_TEXT | {"None", "none", "NaT", "-", ".", "#DIV/0!"}
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_LARGEST = float(np.finfo(np.float32).max)


class PortableModel:
    """The model of a folder. Nothing is loaded but the types that trusted.json names."""

    def __init__(self, folder: Path) -> None:
        self.columns = _json_of(folder / "schema.json")["columns"]
        training = _json_of(folder / "training.json")
        self.task = training["task"]
        trusted = _json_of(folder / "trusted.json")
        self.pipeline = skops.io.load(folder / "model.skops", trusted=trusted)
        if training.get("imported"):
            self.known = {one["name"]: one.get("categories") or [] for one in self.columns}
        else:
            self.known = _categories_of(self.pipeline)

    def answer(self, rows: Sequence[_Row]) -> list[dict[str, Any]]:
        """Return the answer of the model to each row.

        Raises:
            ValueError: there is no row, or a column is missing, or has a value of another type.
        """
        if not rows:
            raise ValueError("there is no row")
        pipeline, features = self.pipeline, self._features(rows)
        with threadpool_limits(1):
            ready = pipeline[:-1].transform(features)
            said = np.asarray(pipeline[-1].predict(ready))
            if self.task == "anomaly-detection":
                scores = -pipeline[-1].decision_function(ready)  # higher is stranger
                pairs = zip((said == -1).tolist(), scores.tolist(), strict=True)
                return [{"anomaly": odd, "score": score} for odd, score in pairs]
            if self.task == "clustering":
                return [{"cluster": one} for one in said.tolist()]
            if self.task == "classification":
                said = said.astype(str)
            answers: list[dict[str, Any]] = [{"prediction": one} for one in said.tolist()]
            if self.task == "classification" and hasattr(pipeline, "predict_proba"):
                labels = [str(one) for one in pipeline.classes_]
                shares = pipeline[-1].predict_proba(ready).tolist()
                for answer, row in zip(answers, shares, strict=True):
                    answer["probabilities"] = dict(zip(labels, row, strict=True))
        return answers

    def rows_of_csv(self, text: str) -> list[_Row]:
        """Return the rows of CSV with a header."""
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
        names = lines[0] if lines else []
        if len({*names}) < len(names):
            raise ValueError("the header names a column twice")
        types = {column["name"]: column["type"] for column in self.columns}
        for number, line in enumerate(lines[1:]):
            if len(line) != len(names):
                raise ValueError(f"row {number} has {len(line)} fields, the header {len(names)}")
        return [
            {
                name: _typed(field, types.get(name, ""))
                for name, field in zip(names, line, strict=True)
            }
            for line in lines[1:]
        ]

    def _features(self, rows: Sequence[_Row]) -> pd.DataFrame:
        """Return rows as the pipeline has them: numbers, seconds since 1970, and text."""
        found: dict[str, Any] = {}
        for column in self.columns:
            name, kind = column["name"], column["type"]
            values = [_value(row, number, name, kind) for number, row in enumerate(rows)]
            if kind in ("string", "boolean"):
                given = {one for one in values if one is not None}
                meant = meanings(given, self.known[name], {}) if self.known.get(name) else {}
                texts = [math.nan if one is None else meant.get(one, one) for one in values]
                found[name] = pd.Series(texts, dtype=object)
            else:
                numbers = [math.nan if one is None else one for one in values]
                found[name] = np.array(numbers, dtype=np.float64)
        return pd.DataFrame(found)


def _json_of(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _categories_of(pipeline: Any) -> dict[str, list[str]]:
    """Return the categories of each encoded column."""
    found = {}
    for _, part, columns in pipeline.named_steps["preprocess"].transformers_:
        encoder = getattr(part, "named_steps", {}).get("encode")
        for name, known in zip(columns, getattr(encoder, "categories_", ()), strict=False):
            found[name] = [str(one) for one in known]
    return found


def _typed(field: str, kind: str) -> Any:
    """Return a field of CSV as a value of a type; as text if it is none, which is then refused."""
    if field in (GAPS_IN_TEXT if kind == "string" else GAPS):
        return None
    if kind == "boolean":
        return _TRUTHS.get(field.lower(), field)
    if kind in ("integer", "number") and "_" not in field:
        try:
            return float(field)
        except ValueError:
            return field
    return field


def _value(row: _Row, number: int, name: str, kind: str) -> Any:
    """Return a value of a row, None for a gap: a number, or text.

    Raises:
        ValueError: it is missing, or of another type.
    """
    if name not in row:
        raise ValueError(f"row {number}: the column {name} is missing")
    value = row[name]
    if value is None:
        return None
    if kind == "string" and isinstance(value, str):
        return value
    if kind == "boolean" and isinstance(value, bool):
        return "true" if value else "false"
    if kind == "timestamp" and isinstance(value, str):
        time = datetime.fromisoformat(value)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    number_wanted = kind in ("integer", "number") and not isinstance(value, bool)
    if number_wanted and isinstance(value, int | float) and abs(value) <= _LARGEST:  # so finite
        return float(value)
    raise ValueError(f"row {number}: {name} wants a {kind}; got {value!r}")


def _rows_in(model: PortableModel, given: str) -> list[_Row]:
    """Return the rows of a file, or of standard input (-)."""
    text = sys.stdin.read() if given == "-" else Path(given).read_text(encoding="utf-8-sig")
    if text.lstrip()[:1] not in ("[", "{"):
        return model.rows_of_csv(text)
    if given.endswith(".jsonl"):
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    rows = json.loads(text)
    return rows if isinstance(rows, list) else [rows]


def _print(answers: Sequence[dict[str, Any]], form: str) -> None:
    """Print a line for each answer: JSON, or CSV with a header."""
    if form == "json":
        for answer in answers:
            print(json.dumps(answer, ensure_ascii=False))
        return
    lines = csv.writer(sys.stdout, lineterminator="\n")
    for number, answer in enumerate(answers):
        shares = answer.pop("probabilities", {})
        if number == 0:
            lines.writerow([*answer, *(f"probability_{label}" for label in shares)])
        lines.writerow([*answer.values(), *shares.values()])


def main() -> None:
    """Predict the rows that the command line names."""
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument("rows", metavar="ROWS", help="a file of CSV, JSON or JSON lines, or -")
    words.add_argument("-o", "--output", choices=("csv", "json"), default="csv")
    given = words.parse_args()
    try:
        model = PortableModel(_HERE)
        _print(model.answer(_rows_in(model, given.rows)), given.output)
    except (OSError, ValueError, csv.Error) as error:
        sys.exit(f"predict.py: {error}")


if __name__ == "__main__":
    main()
