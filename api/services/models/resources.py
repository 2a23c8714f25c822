"""Models and versions as answers."""

from __future__ import annotations

from msgspec.structs import asdict

from autolearn.api.identity.principal import Principal
from autolearn.api.identity.visibility import Level, model_level
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.rest.models import ModelRow, ModelVersion, ModelVersionRow, RegisteredModel

_MAY = {Level.READ: "read", Level.PREDICT: "predict", Level.WORK: "promote", Level.OWN: "own"}


def model(row: ModelRow, who: Principal, now: Snapshot) -> RegisteredModel:
    """Return a model, with what a principal may do with it now."""
    at = f"/v1/models/{row.name}"
    links = {"self": at, "versions": f"{at}/versions", "timeline": f"{at}/timeline"}
    may = _MAY.get(model_level(who, now, row.name), "")
    return RegisteredModel(**asdict(row), may=may, links=links)


def model_version(row: ModelVersionRow) -> ModelVersion:
    """Return a version of a model."""
    at, kept = f"/v1/models/{row.model}", f"/v1/experiments/{row.experiment}"
    links = {"self": f"{at}/versions/{row.version}", "model": at}
    if row.experiment:
        links |= {"experiment": kept, "training": f"{kept}/trainings/{row.training}"}
    return ModelVersion(**asdict(row), links=links)
