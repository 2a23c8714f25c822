"""Names of streams."""

import pytest

from autolearn.schemas.stream_kinds import KINDS, kind_of, stream

UUID = "0b9f7a52-3c1d-4e8e-9a53-6d1f2c7b8e90"
NAMES = ["a", "7", "iris", "my_iris-2.csv", "a" * 100]
BAD_NAMES = ["", "Iris", "-a", "a-", ".", "a" * 101, "a b", "a/b", "é", "a\n", "a\x00", "../a"]
BAD_IDS = [
    "",
    "1",
    UUID.upper(),
    UUID[:-1],
    UUID + "0",
    UUID + "\n",
    UUID.replace("-", ""),
    f"{{{UUID}}}",
]


@pytest.mark.parametrize("kind", ["estimator", "metric", "dataset"])
def test_names(kind):
    for name in NAMES:
        assert kind_of(stream(kind, name)) == kind
    for name in BAD_NAMES:
        with pytest.raises(ValueError, match=f"cannot be a {kind}'s id: 1 to 100 lower-case"):
            stream(kind, name)


def test_ids():
    assert stream("session", UUID) == f"session/{UUID}"
    assert kind_of(f"session/{UUID}") == "session"
    for identifier in BAD_IDS:
        with pytest.raises(ValueError, match="a UUID in lower case, such as"):
            stream("session", identifier)


@pytest.mark.parametrize("name", ["", "session", "nonsense/iris", "/iris", "Dataset/iris"])
def test_unknown_kinds(name):
    with pytest.raises(ValueError, match=r"no kind of stream|cannot be"):
        kind_of(name)


def test_long_names_are_not_repeated_at_length():
    with pytest.raises(ValueError) as failure:
        stream("dataset", "x" * 10**6)
    assert len(str(failure.value)) < 400
    assert set(KINDS) == {
        *("estimator", "metric", "step", "dataset", "session", "user", "group", "model"),
        "pipeline",
    }
