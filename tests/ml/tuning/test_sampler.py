"""The trials of a study follow from its request and the known ones, and its end says how sure."""

import pytest

from autolearn.ml.plugins import load_estimators
from autolearn.ml.tuning.sampler import StudySampler
from autolearn.ml.tuning.significance import corrected_t_test
from autolearn.schemas.catalog import check_hyperparameters
from autolearn.schemas.studies.search import Dimension, StudyCandidate

CANDIDATES = (
    StudyCandidate(
        "svm",
        "1.9.1",
        {"kernel": "rbf"},
        {
            "C": Dimension(low=0.01, high=100.0, log=True),
            "class_weight": Dimension(choices=(None, "balanced", {"a": 2})),
        },
    ),
    StudyCandidate(
        "decision-tree", "1.9.1", {}, {"max_depth": Dimension(low=1.0, high=3.0, integer=True)}
    ),
)


def value_of(proposal):
    given = proposal.hyperparameters
    return given.get("C", 0.0) - 10 * (given.get("class_weight") is None)


def conduct(sampler, count):
    found = []
    for number in range(count):
        if (proposal := sampler.ask(number)) is None:
            return found
        found.append(proposal)
        sampler.tell(number, value_of(proposal))
    return found


@pytest.mark.parametrize("kind", ["tpe", "random", "grid"])
def test_a_process_that_starts_anew_with_the_known_trials_goes_on_as_the_one_before(kind):
    before = StudySampler(CANDIDATES, kind, 7, maximize=True)
    found = conduct(before, 16)
    after = StudySampler(CANDIDATES, kind, 7, maximize=True)
    for number, (one, given) in enumerate(found):
        after.note(number, one.estimator, given)
        after.tell(number, value_of(found[number]))
    assert after.ask(16) == before.ask(16)
    assert [one.candidate for one in found[:2]] == list(CANDIDATES), "the defaults come first"
    assert found[0].hyperparameters == {"kernel": "rbf"}


def test_a_trial_that_the_log_has_otherwise_counts_as_the_log_has_it():
    one, other = (StudySampler(CANDIDATES[:1], "tpe", 7, maximize=True) for _ in range(2))
    for sampler in (one, other):
        sampler.ask(0)
    one.ask(1)
    logged = {"kernel": "rbf", "C": 5.0, "class_weight": "balanced"}
    for sampler in (one, other):
        sampler.note(1, "svm", logged)
        sampler.tell(1, 5.0)
    assert one.ask(2) == other.ask(2)


def test_a_grid_has_each_combination_once_and_ends():
    found = conduct(StudySampler(CANDIDATES, "grid", 7, maximize=True), 100)
    seen = {str(one.hyperparameters) for one in found[2:]}
    assert len(found) - 2 == len(seen) == 5 * 3 + 3


def test_tpe_finds_better_ones_than_it_began_with():
    trials = conduct(StudySampler(CANDIDATES[:1], "tpe", 7, maximize=True), 40)
    found = [value_of(one) for one in trials]
    assert sum(found[30:]) / 10 > sum(found[1:11]) / 10


def test_the_corrected_test_is_that_of_nadeau_and_bengio():
    # By hand: d = .02 .01 .03 .02 .01; mean .018, variance 7e-5; t = .018 / sqrt((1/5 + 1/4) 7e-5)
    # = 3.2071 with 4 degrees of freedom, so p = 0.0327 of a t table.
    difference, p = corrected_t_test([0.9, 0.8, 0.7, 0.9, 0.8], [0.88, 0.79, 0.67, 0.88, 0.79])
    assert difference == pytest.approx(0.018)
    assert p == pytest.approx(0.0327, abs=2e-4)
    assert corrected_t_test([0.9, 0.8], [0.8, 0.7])[1] is None, "all differences are equal"
    assert corrected_t_test([0.9, None], [None, 0.7]) == (0.0, None)


def test_every_value_of_every_space_is_one_that_the_estimator_takes():
    tuned = [one.spec() for one in load_estimators().found.values() if one.space]
    assert len(tuned) >= 20
    for spec in tuned:
        for name, dimension in spec.space.items():
            ends = (dimension.low, dimension.high)
            ends = tuple(map(int, ends)) if dimension.integer else ends
            for value in dimension.choices or ends:
                assert check_hyperparameters(spec, {name: value}) == []


def test_a_grid_of_more_combinations_than_fit_into_64_bits():
    names = ("max_depth", "max_leaf_nodes", "min_samples_leaf", "min_samples_split", "random_state")
    space = {name: Dimension(choices=tuple(range(2, 1002))) for name in (*names, "a", "b", "c")}
    one = StudyCandidate("decision-tree", "1.9.1", {}, space)
    again, found = (conduct(StudySampler((one,), "grid", 0, maximize=True), 6) for _ in "ab")
    assert found == again
    assert len({str(proposal.hyperparameters) for proposal in found}) == 6


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_a_range_of_the_widest_integers(sampler):
    space = {"max_depth": Dimension(low=1.0, high=2.0**62, integer=True)}
    one = StudyCandidate("decision-tree", "1.9.1", {}, space)
    found = conduct(StudySampler((one,), sampler, 0, maximize=True), 4)
    assert all(1 <= proposal.hyperparameters.get("max_depth", 1) <= 2**62 for proposal in found)
