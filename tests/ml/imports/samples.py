"""Models that were made elsewhere, as they are sent."""

import io
import json
import zipfile
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

SCHEMA: dict[str, Any] = {
    "columns": [
        {"name": "income", "type": "number", "minimum": 0.0, "maximum": 1e6},
        {"name": "age", "type": "integer"},
        {"name": "plan", "type": "string"},
    ],
    "target": {"name": "churn", "task": "classification"},
}


def rows(many: int = 60) -> pd.DataFrame:
    """Customers; every seventh age is a gap."""
    rng = np.random.default_rng(3)
    found = pd.DataFrame(
        {
            "age": rng.integers(18, 80, many).astype(float),
            "income": rng.integers(0, 90_000, many).astype(float),
            "plan": rng.choice(["basic", "plus"], many),
        }
    )
    found.loc[::7, "age"] = np.nan
    return found


@cache
def forest() -> Pipeline:
    """A forest, fitted once: it is not to be changed."""
    return pipeline()


def pipeline(estimator: Any = None) -> Pipeline:
    """A pipeline as others write them, which does not know a third plan."""
    given, data = make_pipeline(SimpleImputer(), StandardScaler()), rows()
    parts = [("n", given, ["age", "income"]), ("c", OneHotEncoder(), ["plan"])]
    steps = [("parts", ColumnTransformer(parts)), ("model", estimator or RandomForestClassifier(9))]
    return Pipeline(steps).fit(data, np.where(data.income > 40_000, "stays", "leaves"))


def zipped(
    model: Any, schema: object = SCHEMA, examples: str | None = None, name: str = "model.skops"
) -> bytes:
    """The file that is sent; a model may be the bytes of its file."""
    if examples is None:
        examples = rows(8).to_csv(index=False)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr(name, model if isinstance(model, bytes) else skops.io.dumps(model))
        packed.writestr("schema.json", json.dumps(schema))
        packed.writestr("examples.csv", examples)
    return out.getvalue()
