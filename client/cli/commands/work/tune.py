"""`autolearn tune`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import typer

from autolearn.client.cli.commands.work.preprocess_options import (
    Balance,
    Clip,
    Dates,
    DropDuplicates,
    Encode,
    Impute,
    Indicator,
    Log,
    MinFrequency,
    Scale,
    Select,
    preprocessing_in,
)
from autolearn.client.cli.commands.work.train import parameters, some, split_in
from autolearn.client.cli.options import (
    Drop,
    Features,
    LabelOption,
    MemoryLimit,
    Roles,
    SessionOption,
    Target,
    TaskOption,
    Test,
    TimeLimit,
    Url,
    Wait,
    labels_of,
    roles_in,
    words,
)
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.time_points import seconds_of

Sampler = Literal["tpe", "random", "grid"]
_RANGE = re.compile(r"(-?[\d.]+(?:e-?\d+)?)\.\.(-?[\d.]+(?:e-?\d+)?)(:log)?")


def tune(
    estimator: Annotated[
        str, typer.Argument(help="One of `autolearn catalog estimators`, or all: each of the task.")
    ],
    dataset: Annotated[str, typer.Argument(help="NAME or NAME@VERSION; its start is enough.")],
    trials: Annotated[
        int | None, typer.Option(help="Trials at most. [default: 50, or what fits the budget]")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Stop after 90s, 5m or 2h. [default: no bound]"),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="Compare by its mean over the folds. [default: accuracy, or r2]"),
    ] = None,
    sampler: Annotated[
        Sampler, typer.Option(help="How to choose; grid: all combinations, 5 values of a range.")
    ] = "tpe",
    prune: Annotated[
        bool, typer.Option("--prune", help="End trials whose folds are worse than the median.")
    ] = False,
    parallel: Annotated[
        int | None, typer.Option(help="Trials at a time. [default: as many as there are slots]")
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "-p",
            metavar="NAME=VALUE",
            help="Fix a hyperparameter, or search only it: C=1,10,100 or C=0.1..10 or "
            "C=0.1..10:log; may be repeated. [default: search what the catalog shows]",
        ),
    ] = None,
    target: Target = None,
    task: TaskOption = None,
    features: Features = None,
    drop: Drop = None,
    roles: Roles = None,
    test: Test = None,
    stratify: Annotated[
        bool | None, typer.Option(help="Keep the class balance in all parts. [default: yes]")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="BY[:COL]", help="As of `autolearn train`. [default: as there]"),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Folds of the training rows, 2 to 20. [default: 5]")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of rows, fits, sampler. [default: 0]")] = None,
    impute: Impute = None,
    indicator: Indicator = None,
    clip: Clip = None,
    log: Log = None,
    scale: Scale = None,
    encode: Encode = None,
    min_frequency: MinFrequency = None,
    dates: Dates = None,
    select: Select = None,
    drop_duplicates: DropDuplicates = False,
    balance: Balance = None,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    label: LabelOption = None,
    wait: Wait = True,
    session: SessionOption = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Search for the best hyperparameters, by cross-validation of the training rows.

    Each trial is a training of the session; the first ones have the defaults. The limits are those
    of a trial. The rows that are held out choose nothing: the best is measured on them once, at the
    end. Ctrl-C while waiting leaves the study running. Exit code 1: it did not complete.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import studies as views
    from autolearn.client.cli.wait import follow, require_completed

    fixed, space = _searched(given or ())
    if trials is not None and not 1 <= trials <= 1000:
        raise typer.BadParameter("a study has 1 to 1000 trials", param_hint="'--trials'")
    preprocessing = preprocessing_in(
        impute=impute,
        indicator=indicator,
        clip=clip,
        log=log,
        scale=scale,
        encode=encode,
        min_frequency=min_frequency,
        dates=dates,
        select=select,
        drop_duplicates=drop_duplicates,
        balance=balance,
    )
    with connect(url, session) as to:
        used = to.say_session(dataset)
        run = used.tune(
            estimator,
            dataset,
            trials=trials,
            budget=None if budget is None else seconds_of(budget, "'--budget'"),
            metric=metric,
            sampler=sampler,
            prune=prune or None,
            parallel=parallel,
            space=space or None,
            hyperparameters=fixed or None,
            target=target,
            task=task,
            features=words(features),
            drop=words(drop),
            roles=roles_in(roles) or None,
            split=some(test=test, stratify=stratify, folds=folds, **split_in(split)),
            preprocessing=preprocessing,
            seed=seed,
            time_limit=time_limit,
            memory_limit=memory_limit,
            labels=labels_of(label),
            wait=False,
        )
        study = follow(run).data if wait else run.data
        if output == Output.json:
            print_json(to.said)
        else:
            console().print(views.study(study))
    if wait:
        require_completed(study)


def _searched(given: list[str] | tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fixed hyperparameters, and the space of the others, of NAME=VALUE words.

    Raises:
        typer.BadParameter: a word has no `=`, or a name comes twice.
    """
    fixed: dict[str, Any] = {}
    space: dict[str, Any] = {}
    for name, values in parameters(given).items():
        within = _RANGE.fullmatch(values[0]) if isinstance(values[0], str) else None
        if len(values) > 1:
            space[name] = {"choices": values}
        elif within is not None:
            low, high = (
                float(word) if _is_real(word) else int(word) for word in within.group(1, 2)
            )
            space[name] = {"low": low, "high": high, "log": within[3] is not None}
        else:
            fixed[name] = values[0]
    return fixed, space


def _is_real(word: str) -> bool:
    return "." in word or "e" in word
