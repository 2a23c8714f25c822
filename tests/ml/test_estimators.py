"""The catalog's models, and hyperparameters as scikit-learn states them."""

import warnings
from collections import Counter
from numbers import Integral, Real

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sklearn.base import BaseEstimator
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils._param_validation import (
    Hidden,
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
    validate_parameter_constraints,
)

from autolearn.ml.estimators import builtin
from autolearn.ml.estimators.estimator import Estimator
from autolearn.ml.estimators.hyperparameters import derive, domains_of, suited
from autolearn.ml.plugins import load_estimators
from autolearn.schemas.catalog import EstimatorSpec, check_hyperparameters
from autolearn.schemas.values import Domain, Hyperparameter

MODELS = load_estimators().found
NAMES = sorted(one.name for one in vars(builtin).values() if isinstance(one, Estimator))


def known(spec: EstimatorSpec) -> dict[str, Hyperparameter]:
    return {one.name: one for one in spec.hyperparameters}


def test_the_bundled_estimators_are_on_offer() -> None:
    assert sorted(set(MODELS) & set(NAMES)) == NAMES
    tasks = Counter(MODELS[name].task for name in NAMES)
    assert tasks == {
        "classification": 12,
        "regression": 11,
        "clustering": 3,
        "anomaly-detection": 1,
    }


def test_a_name_says_which_of_two_tasks_it_is_for() -> None:
    """The classifier has the plain name, as in the catalog's first release."""
    for name in NAMES:
        if f"{name}-regressor" in NAMES:
            assert MODELS[name].task == "classification"
            assert MODELS[f"{name}-regressor"].task == "regression"
        if name.endswith("-regressor"):
            assert name.removesuffix("-regressor") in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_specification_says_what_a_person_needs(name: str) -> None:
    spec = MODELS[name].spec()
    assert (spec.name, spec.library) == (name, "scikit-learn")
    assert spec.library_version.startswith("1.9")
    assert spec.summary.endswith(".")
    assert spec.hyperparameters
    for one in spec.hyperparameters:
        assert one.refusal(one.default) is None
    ours = {"random_state", "n_jobs", "verbose", "warm_start", "probability"}
    assert not ours & set(known(spec))
    assert ("penalty" in known(spec)) == (name in ("linear-svm", "sgd", "sgd-regressor"))


@pytest.mark.parametrize("name", NAMES)
def test_defaults_are_scikit_learns(name: str) -> None:
    spec = MODELS[name].spec()
    plain = MODELS[name].factory().get_params()
    given_all = {one.name: one.default for one in spec.hyperparameters}
    built = MODELS[name].build(given_all, seed=3).get_params()
    for one in spec.hyperparameters:
        assert one.default == plain[one.name]
        assert built[one.name] == plain[one.name]
    assert built.get("random_state", 3) == 3
    assert built.get("n_jobs", 1) == 1


def test_ranges_and_choices() -> None:
    tree = known(MODELS["decision-tree"].spec())
    assert str(tree["max_depth"].domains[0]) == "integer >= 1"
    assert tree["criterion"].domains == (Domain("string", choices=("entropy", "gini", "log_loss")),)
    assert "precomputed" not in str(known(MODELS["svm"].spec())["kernel"].domains)
    wrong = {"max_depth": 0, "criterion": "mse", "no_such": 1, "min_samples_leaf": "x"}
    assert len(check_hyperparameters(MODELS["decision-tree"].spec(), wrong)) == 4


def test_a_whole_number_is_a_float_only_where_numbers_alone_are_allowed() -> None:
    tree = known(MODELS["decision-tree"].spec())
    assert type(suited(tree["min_samples_leaf"], 1)) is int
    assert type(suited(tree["min_samples_split"], 1)) is float
    assert type(suited(tree["ccp_alpha"], 0)) is float
    assert suited(known(MODELS["svm"].spec())["shrinking"], True) is True


@pytest.mark.parametrize(
    ("constraint", "domain"),
    [
        (None, Domain("null")),
        ("boolean", Domain("boolean")),
        ("array-like", Domain("array")),
        (dict, Domain("object")),
        (Integral, Domain("integer")),
        (Real, Domain("number")),
        (StrOptions({"b", "a", "old"}, deprecated={"old"}), Domain("string", choices=("a", "b"))),
        (Options(Integral, {2, 1}), Domain("integer", choices=(1, 2))),
        (Interval(Integral, 1, None, closed="left"), Domain("integer", minimum=1)),
        (
            Interval(Real, 0, 1, closed="neither"),
            Domain("number", 0, 1, exclusive_minimum=True, exclusive_maximum=True),
        ),
        (Interval(Real, 0, float("inf"), closed="both"), Domain("number", minimum=0)),
    ],
)
def test_constraints_become_domains(constraint: object, domain: Domain) -> None:
    assert list(domains_of(constraint)) == [domain]


@pytest.mark.parametrize("constraint", [callable, Hidden("boolean"), "random_state", list])
def test_what_json_cannot_say_is_left_out(constraint: object) -> None:
    assert not list(domains_of(constraint))


def test_a_class_without_constraints_has_no_hyperparameters() -> None:
    class Bare(BaseEstimator):
        pass

    assert not list(derive(Bare))


values = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(-3, 3),
    some.floats(-2, 2),
    some.sampled_from(["gini", "sqrt", "auto", "l2", "rbf", ""]),
)


@pytest.mark.parametrize("name", NAMES)
@given(value=values)
def test_what_we_accept_scikit_learn_accepts(name: str, value: object) -> None:
    estimator = MODELS[name]
    for one in estimator.hyperparameters():
        if one.refusal(value) is not None:
            continue
        built = estimator.build({one.name: value}, seed=0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                validate_parameter_constraints(
                    built._parameter_constraints, built.get_params(deep=False), name
                )
        except InvalidParameterError as error:
            pytest.fail(f"{one.name}={value!r}: {error}")


def test_a_third_partys_model() -> None:
    nearest = Estimator(
        name="nearest",
        task="classification",
        summary="Votes.",
        factory=KNeighborsClassifier,
        fixed={"algorithm": "brute"},
        leave_out=("metric_params",),
        override=(Hyperparameter("p", 1, (Domain("integer", 1, 2),)),),
    )
    spec = known(nearest.spec())
    assert "algorithm" not in spec
    assert "metric_params" not in spec
    assert spec["p"].default == 1
    assert nearest.build({"n_neighbors": 3}, seed=0).get_params()["algorithm"] == "brute"
