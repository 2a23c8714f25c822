"""The record of what a model should have answered, on `truths`."""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct, UnsetType


class TruthRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What rows of one request are in truth, said by a user (`actor`) at a time.

    The Kafka key is `<model>/<id>/<random>`, in the partition of `<model>/<id>`, the key of the
    request on `predictions`; both topics have the same partitions. A record that is `erased`
    replaces the one before of its key, and lacks rows that were erased; without rows left there is
    a tombstone. `rows` are numbers of rows, from 0. Of several records about a row the first
    one counts, and each later one that `replaces` it.

    The content (`TruthContent`) is in `data`, or encrypted in `data_base64`: AES-256-GCM under a
    key derived (HKDF, RFC 5869) for the `salt` of a process from the key `keyid`, which encrypts
    the prediction, too; with `truth <model>/<id>` as associated data.
    """

    id: str
    time: str
    model: str
    actor: str
    rows: tuple[int, ...]
    replaces: bool = False
    keyid: str = ""
    salt: str = ""
    erased: bool = False
    data: Raw | UnsetType = UNSET
    data_base64: str | UnsetType = UNSET


class RowAnswer(Struct, frozen=True, array_like=True):
    """What a version answered for a row, in which hour (`2026-11-27T09`, UTC), and to whom."""

    version: int
    hour: str
    predicted: str | float
    shadow: bool = False


class TruthContent(Struct, frozen=True, omit_defaults=True):
    """What the rows of a record are: a label, or a number, for each; and the answers to each.

    These are that of the version that answered, and that of its shadow, if there was one. Records
    from before there were answers have none, and are not counted by hour.
    """

    values: list[str | float]
    answers: list[tuple[RowAnswer, ...]] = []


def truth_purpose(salt: str) -> str:
    """Return the purpose for which a key of truths is derived."""
    return f"truths {salt}"
