"""The options of the preprocessing: for all columns, or with COL,COL= for some."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import typer

from autolearn.client.cli.options import words

_PANEL = "Preprocessing (of all columns; with COL,COL= of some)"


def _option(metavar: str, text: str) -> Any:
    return typer.Option(metavar=metavar, help=text, rich_help_panel=_PANEL)


Impute = Annotated[
    list[str] | None,
    _option(
        "[COL=]HOW",
        "Fill gaps by mean, median, most-frequent or constant:VALUE. [default: median of numbers, "
        "else most-frequent]",
    ),
]
Indicator = Annotated[
    list[str] | None, _option("COL,…|all", "Add a feature that says where gaps were.")
]
Clip = Annotated[
    list[str] | None,
    _option("[COL=]FRACTION", "Limit numbers to quantiles: 0.01 to those of 1 % and 99 %."),
]
Log = Annotated[list[str] | None, _option("COL,…|all", "Take sign(x) log(1 + |x|) of numbers.")]
Scale = Annotated[
    list[str] | None, _option("[COL=]HOW", "standard, min-max, robust or none. [default: standard]")
]
Encode = Annotated[
    list[str] | None,
    _option(
        "[COL=]HOW",
        "Text and booleans: one-hot, ordinal, target (its mean), tf-idf (words of text; tf-idf:N: "
        "at most N, else 1,000). [default: one-hot]",
    ),
]
MinFrequency = Annotated[
    list[str] | None,
    _option(
        "[COL=]N",
        "Join categories in fewer rows than N, or below a fraction of them; leave out such words.",
    ),
]
Dates = Annotated[
    list[str] | None,
    _option(
        "[COL=]PART,…",
        "Replace times by year, quarter, month, day, day-of-year, weekday, hour, minute or time; "
        "parts: year, month, day, weekday, hour. [default: none]",
    ),
]

Select = Annotated[
    float | None, _option("N", "Keep the N best features, or a fraction of them. [default: all]")
]
DropDuplicates = Annotated[
    bool,
    typer.Option(
        "--drop-duplicates",
        help="Leave out training rows that repeat another one.",
        rich_help_panel=_PANEL,
    ),
]
Balance = Annotated[
    Literal["weights", "oversample", "undersample"] | None,
    typer.Option(
        help="Give classes equal weight, or equally many training rows. [default: as they are]",
        rich_help_panel=_PANEL,
    ),
]


def preprocessing_in(
    select: float | None = None,
    balance: str | None = None,
    *,
    drop_duplicates: bool = False,
    **options: list[str] | None,
) -> dict[str, Any] | None:
    """Return the preprocessing of a body; `options` are those above, by the fields' names.

    Raises:
        typer.BadParameter: one has another form, or two differ for the same columns.
    """
    everywhere: dict[str, Any] = {}
    if select is not None:
        everywhere["select"] = int(select) if select == int(select) else select
    if balance is not None:
        everywhere["balance"] = balance
    if drop_duplicates:
        everywhere["drop_duplicates"] = True
    columns: dict[str, dict[str, Any]] = {}
    for field, given in options.items():
        for word in given or ():
            names, found = _read(field, word)
            for into in [columns.setdefault(name, {}) for name in names] or [everywhere]:
                for key, value in found.items():
                    if into.setdefault(key, value) != value:
                        raise _bad(field, f"{into[key]} and {value} are given for the same columns")
    return everywhere | ({"columns": columns} if columns else {}) or None


def _read(field: str, word: str) -> tuple[list[str], dict[str, Any]]:
    """Return the columns of an option, none for all, and the fields that it sets."""
    from autolearn.client.cli.literals import value_of
    from autolearn.schemas.training import preprocess as known

    if field in ("indicator", "log"):
        names, _, chosen = word.partition("=")
        yes = _one_of(field, chosen or "yes", ("yes", "no")) == "yes"
        return [] if names == "all" else _listed(field, names), {field: yes}
    names, equals, how = word.partition("=")
    if not equals or names.startswith("constant:"):
        columns, how = [], word
    else:
        columns = _listed(field, names)
    match field:
        case "scale":
            return columns, {field: _one_of(field, how, get_args(known.Scale))}
        case "encode":
            method, colon, most = how.partition(":")
            _one_of(field, method, get_args(known.Encode))
            if not colon:
                return columns, {field: method}
            if method != "tf-idf" or not most.isdecimal():
                raise _bad(
                    field, f"a number of words belongs to tf-idf, as in tf-idf:500; {word!r}"
                )
            return columns, {field: method, "max_features": int(most)}
        case "dates":
            parts = (*get_args(known.DatePart), "parts", "none")
            found = [_one_of(field, part, parts) for part in _listed(field, how)]
            alone = [part for part in found if part in ("parts", "none")]
            if alone and len(found) > 1:
                raise _bad(field, f"{alone[0]} stands alone")
            return columns, {field: alone[0] if alone else found}
        case "impute":
            strategy, colon, constant = how.partition(":")
            _one_of(field, strategy, get_args(known.Impute))
            if (strategy == "constant") is not bool(colon):
                raise _bad(field, f"a value belongs to constant, as in constant:0; got {word!r}")
            value = value_of(constant)
            if colon and not columns and isinstance(value, str):
                return columns, {"fill_text": value}
            return columns, {field: strategy, **({"fill_value": value} if colon else {})}
    value = value_of(how)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _bad(field, f"give it as NUMBER or COL=NUMBER; got {word!r}")
    return columns, {field: value}


def _listed(field: str, names: str) -> list[str]:
    found = words(names)
    if not found:
        raise _bad(field, "a name is missing")
    return found


def _one_of(field: str, word: str, known: tuple[str, ...]) -> str:
    if word not in known:
        raise _bad(field, f"{word!r} is none of {', '.join(known)}")
    return word


def _bad(field: str, why: str) -> typer.BadParameter:
    return typer.BadParameter(why, param_hint=f"'--{field.replace('_', '-')}'")
