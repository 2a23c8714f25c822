"""The bundled estimators, made from scikit-learn."""

from __future__ import annotations

from sklearn.cluster import KMeans
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from autolearn.ml.estimators.estimator import Estimator
from autolearn.schemas.catalog import CLASSIFICATION, CLUSTERING, REGRESSION

logistic_regression = Estimator(
    name="logistic-regression",
    task=CLASSIFICATION,
    summary="A linear model of the log-odds of each class.",
    factory=LogisticRegression,
)
decision_tree = Estimator(
    name="decision-tree",
    task=CLASSIFICATION,
    summary="A tree of yes-or-no questions about one feature each.",
    factory=DecisionTreeClassifier,
)
random_forest = Estimator(
    name="random-forest",
    task=CLASSIFICATION,
    summary="The vote of many decision trees, each grown on a random part of the data.",
    factory=RandomForestClassifier,
)
svm = Estimator(
    name="svm",
    task=CLASSIFICATION,
    summary="The border between classes with the widest margin (no probabilities).",
    factory=SVC,
    leave_out=("decision_function_shape", "break_ties"),
)
naive_bayes = Estimator(
    name="naive-bayes",
    task=CLASSIFICATION,
    summary="Bayes' rule with a normal distribution per feature and class.",
    factory=GaussianNB,
)
ridge = Estimator(
    name="ridge",
    task=REGRESSION,
    summary="A linear model with a penalty on large coefficients.",
    factory=Ridge,
)
random_forest_regressor = Estimator(
    name="random-forest-regressor",
    task=REGRESSION,
    summary="The mean of many regression trees, each grown on a random part of the data.",
    factory=RandomForestRegressor,
)
gradient_boosting = Estimator(
    name="gradient-boosting",
    task=CLASSIFICATION,
    summary="Small trees, each one correcting the errors of those before it.",
    factory=GradientBoostingClassifier,
)
gradient_boosting_regressor = Estimator(
    name="gradient-boosting-regressor",
    task=REGRESSION,
    summary="Small regression trees, each one correcting the errors of those before it.",
    factory=GradientBoostingRegressor,
)
k_means = Estimator(
    name="k-means",
    task=CLUSTERING,
    summary="Groups of rows around centres that are as near to them as can be.",
    factory=KMeans,
)
