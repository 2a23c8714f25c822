"""The names of the features after preprocessing, and the columns that they are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from sklearn.impute import MissingIndicator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

from autolearn.ml.errors import numbered
from autolearn.ml.transformers import DateParts, TextVectorizer
from autolearn.schemas.bounds import LONGEST_NAME, cut


class Feature(NamedTuple):
    """A feature after preprocessing: its unique name, and the column that it is made of."""

    name: str
    column: str


class _Made(NamedTuple):
    """What a part of the preprocessing makes of a column: a category of it, say, or all of it."""

    column: str
    of: object = None
    prefix: str = ""

    def name(self, join: str) -> str:
        return self.prefix + (self.column if self.of is None else f"{self.column}{join}{self.of}")


def features_after(
    pipeline: Any, sensitive: Collection[str] = (), *, secret: bool = False
) -> list[Feature]:
    """Return the features that the estimator of a fitted pipeline learns from, long names cut.

    A category of a sensitive column is a number, and so is a class of a secret target. A column and
    its category are joined by _, or by = where the result would be another feature's name.
    """
    made = [
        one
        for _, part, columns in pipeline["preprocess"].transformers_
        if part != "drop"  # what steps before it have made, and no feature is
        for one in _made_by(part, list(columns), sensitive, secret=secret)
    ]
    usual, other = ([cut(one.name(join)) for one in made] for join in ("_", "="))
    found = zip(_distinct(usual, other), made, _kept(pipeline, len(made)), strict=True)
    return [Feature(name, one.column) for name, one, kept in found if kept]


def _kept(pipeline: Any, features: int) -> Iterable[bool]:
    """Return which features the selection has kept."""
    selector = pipeline.named_steps.get("select")
    return [True] * features if selector is None else selector.get_support().tolist()


def _made_by(
    part: Any, columns: list[str], sensitive: Collection[str], *, secret: bool
) -> Iterator[_Made]:
    """Yield what a part of the preprocessing makes of columns, in its order."""
    steps = [step for _, step in part.steps] if isinstance(part, Pipeline) else [part]
    match steps[0], steps[-1]:
        case DateParts() as dates, _:
            for column, kept in zip(columns, dates.kept_, strict=True):
                yield from (_Made(column, of) for of in kept)
        case MissingIndicator() as gaps, _:
            yield from (_Made(columns[at], prefix="missingindicator_") for at in gaps.features_)
        case _, TextVectorizer() as text:
            words = numbered(text.words_) if columns[0] in sensitive else text.words_
            yield from (_Made(columns[0], word) for word in words)
        case _, OneHotEncoder() as encoder:
            yield from _categories(encoder, columns, sensitive)
        case _, TargetEncoder(target_type_="multiclass") as encoder:
            classes = numbered(encoder.classes_) if secret else encoder.classes_
            yield from (_Made(column, of) for column in columns for of in classes)
        case _:
            yield from map(_Made, columns)


def _categories(
    encoder: OneHotEncoder, columns: list[str], sensitive: Collection[str]
) -> Iterator[_Made]:
    """Yield the categories that have a feature, by the encoder's own account."""
    pairs: list[tuple[str, object]] = []

    def note(column: str, category: object) -> str:
        pairs.append((column, category))
        return str(len(pairs) - 1)

    as_it_was, encoder.feature_name_combiner = encoder.feature_name_combiner, note
    try:
        places = [int(place) for place in encoder.get_feature_names_out(columns)]
    finally:
        encoder.feature_name_combiner = as_it_was
    told: Counter[str] = Counter()
    for column, category in (pairs[place] for place in places):
        told[column] += 1
        yield _Made(column, told[column] if column in sensitive else category)


def _distinct(usual: list[str], other: list[str]) -> list[str]:
    """Return the usual names; duplicates are replaced by the other names, numbered."""
    many, used = Counter(usual), Counter[str]()
    taken = {name for name, count in many.items() if count == 1}
    found = []
    for name, instead in zip(usual, other, strict=True):
        chosen = name if many[name] == 1 else instead
        while many[name] > 1 and chosen in taken:
            used[instead] += 1
            chosen = f"{cut(instead, LONGEST_NAME - 10)} ({used[instead] + 1})"
        taken.add(chosen)
        found.append(chosen)
    return found
