"""Fitted pipelines as skops files: the same pipeline always gives the same bytes.

A skops file is a zip of `schema.json` (a tree of nodes) and arrays. As skops writes it, nodes and
arrays are named by memory addresses and the zip carries the time; here nodes are numbered in the
order of the tree, sets are sorted, the gaps in records are zeros, and every entry gets the zip
epoch. It stays an ordinary skops file. Nothing is compressed, so the bytes do not depend on a
compressor's version either.

Loading refuses every type that is not in the given list: skops' own default list, which holds all
of scikit-learn and more, is not enough to pass.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import skops.io
from skops.io._utils import SaveContext, get_state
from skops.io.exceptions import UntrustedTypesFoundException

from autolearn.ml.models.trusted_types import LOADERS
from autolearn.schemas.errors import AutoLearnError

_SCHEMA = "schema.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)


class ModelRefused(AutoLearnError):
    """A model file holds a type that is not trusted; nothing of it was loaded."""

    title = "The model file is not trusted"


def dump(pipeline: Any, trusted: Collection[str]) -> bytes:
    """Return the skops file of a fitted pipeline.

    Raises ModelRefused when it holds types that are not `trusted`, for `load` would refuse it.

    The tree is taken from skops before it is written: `skops.io.dump` would indent it with an
    encoder in Python, which takes longer than a small fit.
    """
    arrays = _Arrays()
    context = SaveContext(zip_file=arrays)
    tree = get_state(pipeline, context)
    tree |= {"protocol": context.protocol, "_skops_version": skops.__version__}
    _check(types_in(tree), trusted)
    order = _Numbering()
    order.visit(tree)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as out:
        for old, new in order.files.items():
            out.writestr(zipfile.ZipInfo(new, _EPOCH), arrays.content[old])
        out.writestr(zipfile.ZipInfo(_SCHEMA, _EPOCH), msgspec.json.encode(tree))
    return target.getvalue()


class _Arrays:
    """Stands in for the zip file while skops collects a tree: keeps the arrays by name."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def namelist(self) -> dict[str, bytes]:
        """Return the mapping of the names."""
        return self.content

    def writestr(self, name: str, data: bytes | memoryview) -> None:
        """Keep an array."""
        self.content[name] = _without_padding(bytes(data))


def _without_padding(npy: bytes) -> bytes:
    """Return a .npy file with zeros in the gaps between the fields of records."""
    if b"'|V" not in npy[:1024]:  # how a header says that there are gaps
        return npy
    records = np.load(io.BytesIO(npy), allow_pickle=False)
    clean = np.zeros(records.shape, records.dtype)
    for name in records.dtype.names:
        clean[name] = records[name]
    out = io.BytesIO()
    np.save(out, clean, allow_pickle=False)
    return out.getvalue()


def load(path: Path, trusted: Collection[str]) -> Any:
    """Load the pipeline of a skops file that holds only `trusted` types (dotted names).

    Raises ModelRefused, before anything is constructed, when it holds others or is no skops file.
    """
    found = types_of(path, trusted)
    try:
        return skops.io.load(path, trusted=sorted(found))
    except UntrustedTypesFoundException as error:  # a type that the content of a node names
        raise ModelRefused(f"{path.name}: {error}", advice="Train the model again.") from None


def types_of(path: Path, trusted: Collection[str]) -> set[str]:
    """Return the types in a skops file; nothing is loaded.

    Raises ModelRefused when some are not `trusted`, or it is no skops file.
    """
    try:
        with zipfile.ZipFile(path) as source:
            tree = msgspec.json.decode(source.read(_SCHEMA))
        found = types_in(tree)
    except (zipfile.BadZipFile, KeyError, TypeError, msgspec.DecodeError) as error:
        raise ModelRefused(
            f"{path.name} is not a skops file ({error})", advice="Train the model again."
        ) from None
    _check(found, trusted)
    return found


def _check(found: Collection[str], trusted: Collection[str]) -> None:
    """Raise ModelRefused for types that are not trusted."""
    unknown = sorted(set(found) - set(trusted))
    if unknown:
        raise ModelRefused(
            f"the model holds {', '.join(unknown)}, which is not trusted",
            advice="If it comes from a plug-in, name these types in its Estimator(trusted=...).",
        )


def types_in(tree: dict[str, Any]) -> set[str]:
    """Return the dotted names of all types (and other nodes, as <Loader>) in a skops tree."""
    found = set()
    for node in _nodes(tree):
        if node["__loader__"] not in LOADERS:
            found.add(f"<{node['__loader__']}>")
        found.add(f"{node['__module__']}.{node['__class__']}")
    return found


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every node of a skops tree, parents first."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "__loader__" in part:
                yield part
            waiting.extend(part.values())
        elif isinstance(part, list | tuple):
            waiting.extend(part)


class _Numbering:
    """Gives nodes and files the numbers 1, 2, 3 ... in the order in which the tree has them."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self._numbers: dict[int, int] = {}

    def visit(self, part: Any) -> None:
        """Number a part of the tree, in place."""
        if isinstance(part, list | tuple):
            for one in part:
                self.visit(one)
        elif isinstance(part, dict):
            if "__loader__" in part:
                self._name(part)
            for one in part.values():
                if isinstance(one, dict | list | tuple):
                    self.visit(one)

    def _name(self, node: dict[str, Any]) -> None:
        if node["__loader__"] == "SetNode":
            node["content"].sort(key=lambda one: msgspec.json.encode(one.get("content")))
        old = node.pop("__id__", None)
        # whether two equal constants are one object is the interpreter's business
        if old is not None and node["__loader__"] != "JsonNode":
            node["__id__"] = self._numbers.setdefault(old, len(self._numbers) + 1)
        if "file" in node:
            suffix = Path(node["file"]).suffix
            node["file"] = self.files.setdefault(node["file"], f"{len(self.files) + 1}{suffix}")
