"""`autolearn train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from autolearn.client.cli.commands.work.again import train_again, trainings_of
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
from autolearn.client.cli.options import (
    Drop,
    Features,
    LabelOption,
    MemoryLimit,
    Positive,
    Roles,
    SessionOption,
    Target,
    TaskOption,
    Test,
    TimeLimit,
    Url,
    Wait,
    labels_of,
    metric_names,
    roles_in,
    words,
)
from autolearn.client.cli.output import As, Output
from autolearn.schemas.values import SplitBy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from autolearn.schemas.rest.catalog import CatalogEstimator, CatalogMetric


Calibrate = Literal["sigmoid", "isotonic"]
_ATTACH_TO_ONE = "files are attached to one training: use `autolearn attach` for several"


def train(
    context: typer.Context,
    estimator: Annotated[
        str | None,
        typer.Argument(
            help="One of `autolearn catalog estimators`; several: a,b,c trains each.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Argument(help="NAME or NAME@VERSION; its start is enough.", show_default=False),
    ] = None,
    again: Annotated[
        str | None,
        typer.Option(
            metavar="TRAINING|EXPERIMENT",
            help="In place of an estimator: the same training, or all of an experiment, on the "
            "newest version of its data.",
        ),
    ] = None,
    other: Annotated[
        str | None, typer.Option("--dataset", metavar="NAME[@VERSION]", help="With --again.")
    ] = None,
    target: Target = None,
    task: TaskOption = None,
    features: Features = None,
    drop: Drop = None,
    roles: Roles = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "-p",
            metavar="NAME=VALUE",
            help="A hyperparameter: in JSON or as Python writes it, else text; may be repeated. "
            "Several values, as in max_depth=3,6,10, train each combination.",
        ),
    ] = None,
    test: Test = None,
    stratify: Annotated[
        bool | None, typer.Option(help="Keep the class balance in both parts. [default: yes]")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="BY[:COL]",
            help="random; time:COL (the latest rows are held out); group:COL (a group is in one "
            "part); column:COL (it says which are held out); hash or hash:COL (by a hash of the "
            "whole row, or of the value). [default: by the column with the role time or group, "
            "else random]",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(help="Cross-validate the training rows in 2 to 20 folds. [default: 0, not]"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the split and the estimator. [default: 0]")
    ] = None,
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
    calibrate: Annotated[
        Calibrate | None,
        typer.Option(help="Make probabilities what they say, by validation rows. [default: not]"),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="METRIC|NUMBER[:CLASS]",
            help="From which probability on to predict a class: the best by a metric on validation "
            "rows (f1:yes), or a number (0.3:yes). [default: the more probable class]",
        ),
    ] = None,
    batches: Annotated[
        bool | None,
        typer.Option(
            help="Read the dataset, and learn, some rows at a time. [default: if all rows at once "
            "need more memory than the limit, and the estimator can]"
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(metavar="NAME[:CLASS],…", help="Evaluate afterwards, such as f1,recall:yes."),
    ] = None,
    positive: Positive = None,
    attach: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            help="Keep a file with the training; may be repeated.",
        ),
    ] = None,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    label: LabelOption = None,
    wait: Wait = True,
    session: SessionOption = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Train an estimator on a dataset, in the current session; the first time, one is opened.

    Several estimators, or several values of a hyperparameter, train each combination at once, and
    are compared. Ctrl-C while waiting leaves trainings running. Exit code 1: one did not complete.
    """
    if context.args:
        words_ = " ".join(context.args)
        raise typer.BadParameter(
            f"besides an estimator and a dataset there is {words_!r}; a hyperparameter is written "
            "-p NAME=VALUE, such as -p C=3"
        )
    if metrics is not None and not wait:
        raise typer.BadParameter("Metrics need the trained model: wait for it, or evaluate later.")
    if positive is not None and metrics is None:
        raise typer.BadParameter("Name what to measure of that class, with --metrics.")
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.literals import parts_of
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import runs as views
    from autolearn.client.cli.tables.comparison import comparison
    from autolearn.client.cli.wait import follow, require_completed

    hyperparameters = parameters(given or ())
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
    settings: dict[str, Any] = {
        "target": target,
        "task": task,
        "features": words(features),
        "drop": words(drop),
        "roles": roles_in(roles) or None,
        "split": some(test=test, stratify=stratify, folds=folds, **split_in(split)),
        "fold_metrics": metric_names(metrics) if folds else None,
        "preprocessing": preprocessing,
        "calibrate": calibrate,
        "threshold": threshold,
        "batches": batches,
        "seed": seed,
        "time_limit": time_limit,
        "memory_limit": memory_limit,
        "labels": labels_of(label),
    }
    if again is not None:
        if attach:
            raise typer.BadParameter(_ATTACH_TO_ONE, param_hint="'--attach'")
        asked = [*settings.values(), metrics, positive, estimator, dataset, hyperparameters or None]
        if any(one is not None for one in asked):
            raise typer.BadParameter(
                "it repeats the estimator and all settings: give --dataset beside it, and nothing "
                "else of a training",
                param_hint="'--again'",
            )
        with connect(url, session) as to:
            trainings = trainings_of(to, again)
            used = to.say_session(other or trainings[0].dataset.name)
            train_again(to, used, trainings, other, output, wait=wait)
        return
    if estimator is None or dataset is None:
        raise typer.BadParameter("name an estimator and a dataset, or --again what is repeated")
    if other is not None:
        raise typer.BadParameter(
            "it is the second argument without --again", param_hint="'--dataset'"
        )
    several = parts_of(estimator)
    if len(several) > 1 or any(len(values) > 1 for values in hyperparameters.values()):
        if attach:
            raise typer.BadParameter(_ATTACH_TO_ONE, param_hint="'--attach'")
        with connect(url, session) as to:
            grid = _grid_of(several, hyperparameters, to.client.estimators())
            used = to.say_session(dataset)
            chosen: dict[str, Any] = {
                "metrics": metric_names(metrics),
                "positive": positive,
                "wait": wait,
            }
            group = used.train_many(grid, dataset, baseline=False, **chosen, **settings)
            found = to.client.compare([one.id for one in group]).data
            if output == Output.json:
                print_json(to.said)
            else:
                console().print(comparison(found, None, console().width))
        for failed in group.failed:
            require_completed(failed.data)
        return
    with connect(url, session) as to:
        used = to.say_session(dataset)
        if metrics is not None:  # it would be trained in vain
            _require_fit(
                to.client.estimator(estimator).task, metric_names(metrics), to.client.metrics()
            )
            if settings["target"] is None:
                data, _, version = dataset.partition("@")
                known = to.client.dataset(data, version=version or None).data.classes
                _require_classes(known or (), metric_names(metrics))
        run = used.train(
            estimator,
            dataset,
            hyperparameters={name: values[0] for name, values in hyperparameters.items()} or None,
            **settings,
            wait=False,
        )
        if attach:
            for file in attach:
                run.attach(file)
            run.refresh()
        training = follow(run).data if wait else run.data
        trained, evaluated = to.said, None
        if metrics is not None and training.status == "completed":
            measured = run.evaluate(metrics=metric_names(metrics), positive=positive, wait=False)
            evaluation = follow(measured).data
            evaluated = to.said
        if output == Output.json and evaluated is not None:
            print_json(b'{"training":%b,"evaluation":%b}' % (trained, evaluated))
        elif output == Output.json:
            print_json(trained)
        else:
            console().print(views.training(training))
            if evaluated is not None:
                console().print("", views.evaluation(evaluation), sep="\n")
    if wait:
        require_completed(training)
    if evaluated is not None:
        require_completed(evaluation)


def _require_fit(task: str, wanted: list[str] | None, offers: Iterable[CatalogMetric]) -> None:
    """Raise typer.BadParameter unless the wanted metrics fit a task."""
    from autolearn.schemas.catalog import check_metrics

    if faults := check_metrics(task, wanted or (), {one.name: one for one in offers}):
        raise typer.BadParameter("; ".join(faults) + ".", param_hint="'--metrics'")


def _require_classes(known: Collection[str], wanted: list[str] | None) -> None:
    """Raise typer.BadParameter unless the classes of the wanted metrics are those of the target."""
    for name in wanted or ():
        metric, _, of = name.partition(":")
        if of and known and of not in known:
            detail = f"{metric}: there is no class {of!r}; there are {', '.join(known)}."
            raise typer.BadParameter(detail, param_hint="'--metrics'")


def split_in(given: str | None) -> dict[str, str]:
    """Return how rows are split, of BY or BY:COL. Raises typer.BadParameter."""
    if given is None:
        return {}
    by, colon, column = given.partition(":")
    if by not in get_args(SplitBy) or (colon and not column):
        raise typer.BadParameter(
            f"give it as random, time:COL, group:COL, column:COL, hash or hash:COL; got {given!r}",
            param_hint="'--split'",
        )
    return {"by": by, "column": column} if column else {"by": by}


def some(**given: Any) -> dict[str, Any] | None:
    """Return the given ones, None if there are none."""
    return {name: value for name, value in given.items() if value is not None} or None


def _grid_of(
    names: Sequence[str], given: Mapping[str, list[Any]], offers: Iterable[CatalogEstimator]
) -> dict[str, dict[str, list[Any]]]:
    """Return the values of hyperparameters by estimator, each with those that it has.

    Raises:
        typer.BadParameter: none of the estimators has a hyperparameter.
    """
    known = {one.name: {each.name for each in one.hyperparameters} for one in offers}
    for word in given:
        if not any(word in known.get(name, (word,)) for name in names):
            raise typer.BadParameter(
                f"none of {', '.join(names)} has the hyperparameter {word}", param_hint="'-p'"
            )
    return {
        name: {word: values for word, values in given.items() if word in known.get(name, given)}
        for name in names
    }


def parameters(given: list[str] | tuple[str, ...]) -> dict[str, list[Any]]:
    """Return the values by hyperparameter of NAME=VALUE words; commas separate several.

    Raises:
        typer.BadParameter: a word has no `=`, or a name comes twice.
    """
    from autolearn.client.cli.literals import parts_of, value_of

    found: dict[str, list[Any]] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{word!r} is not NAME=VALUE.", param_hint="'-p'")
        if name in found:
            raise typer.BadParameter(f"{name} is given twice.", param_hint="'-p'")
        found[name] = [value_of(part) for part in parts_of(value)]
    return found
