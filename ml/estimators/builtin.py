"""The bundled estimators, made from scikit-learn."""

from __future__ import annotations

from sklearn.cluster import DBSCAN, KMeans, MiniBatchKMeans
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from autolearn.ml.estimators import spaces
from autolearn.ml.estimators.estimator import Estimator
from autolearn.schemas.catalog import ANOMALY_DETECTION, CLASSIFICATION, CLUSTERING, REGRESSION
from autolearn.schemas.values import Domain, Hyperparameter

_METRICS = ("canberra", "chebyshev", "cosine", "euclidean", "manhattan", "minkowski")
"""The distances that fit any numbers; others want booleans, or arguments of their own."""
_ENCODED = ("categorical_features", "scoring")
"""Hyperparameters about columns before their encoding, or about metrics of the library."""


def _distance(default: str) -> tuple[Hyperparameter, ...]:
    return (Hyperparameter("metric", default, (Domain("string", choices=_METRICS),)),)


logistic_regression = Estimator(
    name="logistic-regression",
    task=CLASSIFICATION,
    summary="A linear model of the log-odds of each class.",
    factory=LogisticRegression,
    space=spaces.LOGISTIC,
)
decision_tree = Estimator(
    name="decision-tree",
    task=CLASSIFICATION,
    summary="A tree of yes-or-no questions about one feature each.",
    factory=DecisionTreeClassifier,
    space=spaces.TREE,
)
random_forest = Estimator(
    name="random-forest",
    task=CLASSIFICATION,
    summary="The vote of many decision trees, each grown on a random part of the data.",
    factory=RandomForestClassifier,
    space=spaces.FOREST,
)
svm = Estimator(
    name="svm",
    task=CLASSIFICATION,
    summary="The border between classes with the widest margin (no probabilities).",
    factory=SVC,
    leave_out=("decision_function_shape", "break_ties"),
    space=spaces.KERNEL,
)
naive_bayes = Estimator(
    name="naive-bayes",
    task=CLASSIFICATION,
    summary="Bayes' rule with a normal distribution per feature and class.",
    factory=GaussianNB,
    space=spaces.SMOOTHING,
)
ridge = Estimator(
    name="ridge",
    task=REGRESSION,
    summary="A linear model with a penalty on large coefficients.",
    factory=Ridge,
    space=spaces.RIDGE,
)
random_forest_regressor = Estimator(
    name="random-forest-regressor",
    task=REGRESSION,
    summary="The mean of many regression trees, each grown on a random part of the data.",
    factory=RandomForestRegressor,
    space=spaces.FOREST,
)
gradient_boosting = Estimator(
    name="gradient-boosting",
    task=CLASSIFICATION,
    summary="Small trees, each one correcting the errors of those before it.",
    factory=GradientBoostingClassifier,
    space=spaces.BOOSTING,
)
gradient_boosting_regressor = Estimator(
    name="gradient-boosting-regressor",
    task=REGRESSION,
    summary="Small regression trees, each one correcting the errors of those before it.",
    factory=GradientBoostingRegressor,
    space=spaces.BOOSTING,
)
k_means = Estimator(
    name="k-means",
    task=CLUSTERING,
    summary="Groups of rows around centres that are as near to them as can be.",
    factory=KMeans,
)

dummy = Estimator(
    name="dummy",
    task=CLASSIFICATION,
    summary="The most frequent class, whatever the features: a baseline.",
    factory=DummyClassifier,
)
dummy_regressor = Estimator(
    name="dummy-regressor",
    task=REGRESSION,
    summary="The mean of the target, whatever the features: a baseline.",
    factory=DummyRegressor,
)
hist_gradient_boosting = Estimator(
    name="hist-gradient-boosting",
    task=CLASSIFICATION,
    summary="Gradient boosting on binned features: fast on many rows.",
    factory=HistGradientBoostingClassifier,
    leave_out=_ENCODED,
    space=spaces.HISTOGRAMS,
)
hist_gradient_boosting_regressor = Estimator(
    name="hist-gradient-boosting-regressor",
    task=REGRESSION,
    summary="Gradient boosting of regression trees on binned features: fast on many rows.",
    factory=HistGradientBoostingRegressor,
    leave_out=_ENCODED,
    space=spaces.HISTOGRAMS,
)
extra_trees = Estimator(
    name="extra-trees",
    task=CLASSIFICATION,
    summary="The vote of many decision trees with splits at random thresholds.",
    factory=ExtraTreesClassifier,
    space=spaces.FOREST,
)
extra_trees_regressor = Estimator(
    name="extra-trees-regressor",
    task=REGRESSION,
    summary="The mean of many regression trees with splits at random thresholds.",
    factory=ExtraTreesRegressor,
    space=spaces.FOREST,
)
k_nearest_neighbours = Estimator(
    name="k-nearest-neighbours",
    task=CLASSIFICATION,
    summary="The vote of the most similar training rows.",
    factory=KNeighborsClassifier,
    leave_out=("metric_params",),
    override=_distance("minkowski"),
    space=spaces.NEIGHBOURS,
)
k_nearest_neighbours_regressor = Estimator(
    name="k-nearest-neighbours-regressor",
    task=REGRESSION,
    summary="The mean of the most similar training rows.",
    factory=KNeighborsRegressor,
    leave_out=("metric_params",),
    override=_distance("minkowski"),
    space=spaces.NEIGHBOURS,
)
linear_regression = Estimator(
    name="linear-regression",
    task=REGRESSION,
    summary="A linear model by ordinary least squares.",
    factory=LinearRegression,
)
lasso = Estimator(
    name="lasso",
    task=REGRESSION,
    summary="A linear model with an L1 penalty, which leaves features out.",
    factory=Lasso,
    space=spaces.LASSO,
)
elastic_net = Estimator(
    name="elastic-net",
    task=REGRESSION,
    summary="A linear model with an L1 and an L2 penalty.",
    factory=ElasticNet,
    space=spaces.ELASTIC_NET,
)
sgd = Estimator(
    name="sgd",
    task=CLASSIFICATION,
    summary="A linear model by stochastic gradient descent (probabilities with loss=log_loss).",
    factory=SGDClassifier,
    space=spaces.SGD,
)
sgd_regressor = Estimator(
    name="sgd-regressor",
    task=REGRESSION,
    summary="A linear model of a number by stochastic gradient descent.",
    factory=SGDRegressor,
    space=spaces.SGD_REGRESSOR,
)
linear_svm = Estimator(
    name="linear-svm",
    task=CLASSIFICATION,
    summary="The linear border between classes with the widest margin (no probabilities).",
    factory=LinearSVC,
    space=spaces.MARGIN,
)
mini_batch_k_means = Estimator(
    name="mini-batch-k-means",
    task=CLUSTERING,
    summary="K-means on random parts of the rows: fast on many rows.",
    factory=MiniBatchKMeans,
    leave_out=("compute_labels",),
)
dbscan = Estimator(
    name="dbscan",
    task=CLUSTERING,
    summary="Groups where rows lie densely, and noise; it assigns no new rows.",
    factory=DBSCAN,
    leave_out=("metric_params",),
    override=_distance("euclidean"),
)
isolation_forest = Estimator(
    name="isolation-forest",
    task=ANOMALY_DETECTION,
    summary="Rows that few random splits isolate are anomalies.",
    factory=IsolationForest,
)
