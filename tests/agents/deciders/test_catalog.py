"""The rules of the catalog."""

import pytest
from msgspec.structs import replace

from autolearn.agents.deciders.catalog import estimator, metric, step
from autolearn.agents.deciders.specification import Refused, given
from autolearn.schemas import commands, events
from autolearn.schemas.actors import EVERYBODY, SYSADMIN, Actor
from tests.support import samples

OFFERS = [
    pytest.param(
        estimator,
        commands.RegisterEstimator,
        events.EstimatorRegistered,
        samples.ESTIMATOR,
        id="model",
    ),
    pytest.param(
        metric, commands.RegisterMetric, events.MetricRegistered, samples.METRIC, id="metric"
    ),
    pytest.param(step, commands.RegisterStep, events.StepRegistered, samples.STEP, id="step"),
]


@pytest.mark.parametrize(("decider", "register", "registered", "spec"), OFFERS)
def test_what_is_new_is_registered(decider, register, registered, spec):
    given(decider).when(register(spec)).then(registered(spec))


@pytest.mark.parametrize(("decider", "register", "registered", "spec"), OFFERS)
def test_what_is_on_offer_already_is_refused(decider, register, registered, spec):
    given(decider, registered(spec)).when(register(spec)).then(Refused(reason="unchanged"))


@pytest.mark.parametrize(("decider", "register", "registered", "spec"), OFFERS)
def test_a_new_version_is_registered(decider, register, registered, spec):
    newer = replace(spec, summary="Better words.")
    given(decider, registered(spec)).when(register(newer)).then(registered(newer))


@pytest.mark.parametrize(("decider", "register", "registered", "spec"), OFFERS)
def test_an_old_version_can_come_back(decider, register, registered, spec):
    newer = replace(spec, summary="Better words.")
    given(decider, registered(spec), registered(newer)).when(register(spec)).then(registered(spec))


@pytest.mark.parametrize(("decider", "register", "registered", "spec"), OFFERS)
@pytest.mark.parametrize(
    "answer", [events.Refused("unchanged", "…"), events.CommandFailed("ValueError: …")]
)
def test_an_answer_that_changes_nothing_changes_nothing(
    decider, register, registered, spec, answer
):
    past = registered(spec), answer
    given(decider, *past).when(register(spec)).then(Refused(reason="unchanged"))


@pytest.mark.parametrize(("decider", "register", "registered", "spec"), OFFERS)
def test_only_workers_say_which_offers_there_are(decider, register, registered, spec):
    for actor in (Actor("ada"), Actor("root", SYSADMIN), Actor("", EVERYBODY)):
        given(decider).when(register(spec), actor).then(Refused(reason="forbidden"))
