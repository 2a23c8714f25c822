"""Estimators of the catalog, as a notebook shows them."""

from __future__ import annotations

from autolearn.client.sdk.handles.display import as_html, printable, table_html
from autolearn.schemas.rest.catalog import CatalogEstimator


class EstimatorEntry(CatalogEstimator, kw_only=True, frozen=True):
    """An estimator of the catalog."""

    def __repr__(self) -> str:
        settings = f"{len(self.hyperparameters)} hyperparameters"
        return printable(f"<Estimator {self.name}: {self.task}, {settings}>")

    def _repr_html_(self) -> str:
        rows = (
            (one.name, one.default, " or ".join(str(domain) for domain in one.domains))
            for one in self.hyperparameters
        )
        about = {"task": self.task, "library": f"{self.library} {self.library_version}"}
        title = f"{self.name}: {self.summary}"
        return as_html(title, about) + table_html(("hyperparameter", "default", "values"), rows)
