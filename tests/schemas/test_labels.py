"""Labels: which worker fits, and what is said where none does."""

import pytest

from autolearn.schemas import commands, events
from autolearn.schemas.codec import ATTRIBUTES, CommandRecord
from autolearn.schemas.confidentiality import clear_part, command_outline
from autolearn.schemas.errors import SettingsError
from autolearn.schemas.messages import type_of
from autolearn.schemas.settings import load
from autolearn.schemas.workers.labels import faults_in, fits, labels_in, lacking, text_of
from tests.support.samples import request_training

LARGE = {"cores": "8", "memory": "16384", "gpu": "2", "zone": "a", "package/churn": "1.2"}
SMALL = {"cores": "2", "memory": "4096", "zone": "b", "package/churn": "1.1"}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("", ""),
        ("gpu=1", ""),
        ("gpu=2,zone=a", ""),
        ("cores=10", "cores=10: the workers have cores up to 8"),
        ("memory=16385", "memory=16385: the workers have memory up to 16384"),
        ("zone=c", "zone=c: the workers have zone a, b"),
        ("gpu=1,zone=b", "gpu=1, zone=b: no worker has all of them"),
        ("disk=fast", "disk=fast: no worker has a disk"),
        ("package/churn=1.2", ""),
        (
            "package/churn=1.3,zone=a",
            "package churn 1.3: the workers have the package churn 1.1, 1.2",
        ),
        ("package/new=1", "package new 1: no worker has the package new"),
    ],
)
def test_what_no_worker_has_is_named_beside_what_they_have(asked: str, words: str):
    labels = labels_in(asked)
    assert text_of(labels) == asked
    assert lacking(labels, [SMALL, LARGE]) == words
    assert fits(labels, LARGE) or words or fits(labels, SMALL)


def test_without_workers_there_is_none_to_fit():
    assert lacking({"gpu": "1"}, []) == "gpu=1: there is no worker"


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"gpu": "one"}, "wants a whole number"),
        ({"a,b": "1"}, "'a,b' is no label"),
        ({"A": "1"}, "'A' is no label"),
        ({"a": ""}, "a is ''"),
        ({"a": "x=y"}, "a is 'x=y'"),
        ({"a" * 65: "1"}, "no label"),
        ({f"a{n}": "1" for n in range(17)}, "there are 17 labels, and 16 at most"),
    ],
)
def test_what_is_no_label_is_refused(labels: dict[str, str], words: str):
    assert words in faults_in(labels)[0]


def test_most_labels_fit_into_the_envelope_and_come_out_of_it():
    largest = {f"{n:02}" + "n" * 62: "v" * 32 for n in range(16)}
    assert faults_in(largest) == []
    asked = request_training(labels=largest)
    clear = clear_part(asked)
    assert len(clear["labels"]) <= 2000
    record = CommandRecord(
        id="c",
        source="s",
        type=type_of(commands.RequestTraining),
        subject="session/a",
        time="",
        data_base64="",
        **clear,
    )
    assert {*clear} <= {*ATTRIBUTES}
    assert command_outline(record).labels == largest
    assert events.RunRequested("r", 1.0, 256, 3).labels == {}


def test_labels_of_a_worker_that_are_none_are_a_wrong_setting():
    assert load({"AUTOLEARN_WORKER_LABELS": "zone=a,gpu=1"}).workers.labels == "zone=a,gpu=1"
    with pytest.raises(SettingsError, match="gpu is 'two', and wants a whole number"):
        load({"AUTOLEARN_WORKER_LABELS": "zone=a,gpu=two"})
