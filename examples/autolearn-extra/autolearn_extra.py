"""An estimator and a metric for the catalog, each a few lines."""

from sklearn.metrics import cohen_kappa_score
from sklearn.neighbors import NearestCentroid

from autolearn.plugins import Estimator, Metric

nearest = Estimator(
    name="nearest-centroid",
    task="classification",
    summary="Takes the class whose mean is nearest.",
    factory=NearestCentroid,
    fixed={"metric": "euclidean"},
)

kappa = Metric(
    name="cohen-kappa",
    tasks=("classification",),
    summary="The agreement with the true classes beyond chance.",
    compute=cohen_kappa_score,
)
