"""The pipeline of the bench, fitted in a peer's own environment on the rows of a CSV file."""

from typing import Any

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def fitted(data: str) -> Any:
    """Return the fitted pipeline."""
    frame = pd.read_csv(data)
    target = frame.pop("y")
    numbers = [name for name in map(str, frame) if name.startswith("n")]
    categories = [name for name in map(str, frame) if name.startswith("c")]
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    encoded = make_pipeline(SimpleImputer(strategy="most_frequent"), encoder)
    columns = ColumnTransformer([("n", scaled, numbers), ("c", encoded, categories)])
    return make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(frame, target)
