"""Models of the registry as objects, for both clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autolearn.client.sdk.errors import BadArgument
from autolearn.client.sdk.flows import EXAMINED, Call, Flow, ask
from autolearn.client.sdk.handles.pages import Pages, listing
from autolearn.client.sdk.handles.predictions import AsyncPredictionHandle, PredictionHandle
from autolearn.client.sdk.handles.run_methods import Data, Wait
from autolearn.client.sdk.models.batches import (
    backtested,
    backtests_of,
    batches_of,
    dataset_predicted,
)
from autolearn.client.sdk.models.cases import CaseMethods
from autolearn.client.sdk.models.erasures import ErasureMethods
from autolearn.client.sdk.models.export import exported, exported_to_url, proved
from autolearn.client.sdk.models.imports import File, SchemaGiven, packed
from autolearn.client.sdk.models.online_rows import OnlineRows, answered, asked_in_parts
from autolearn.client.sdk.models.upload import is_url
from autolearn.client.sdk.operation import Either, chained, either, operation
from autolearn.client.sdk.paths import segment
from autolearn.client.sdk.transport import AwaitingPart, BlockingPart
from autolearn.schemas.datasets.rules import RowRules
from autolearn.schemas.models.exports import ExportForm
from autolearn.schemas.models.traffic import traffic_words
from autolearn.schemas.models.versions import CHAMPION, ModelMay, Recording
from autolearn.schemas.records.prediction import PRODUCTION, Purpose
from autolearn.schemas.rest.models import (
    DeletedModel,
    Inference,
    ModelChange,
    ModelExamples,
    ModelGrant,
    ModelVersion,
    RegisteredModel,
)
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.predictions import ModelHour, RecordedPrediction
from autolearn.schemas.values import PredictionForm

if TYPE_CHECKING:
    import httpx
    import pandas as pd

Named = Any
"""A training or an experiment: its id, the start of one, or the object."""


class ModelMethods(CaseMethods, ErasureMethods):
    """A model: a name under which trainings are versions 1, 2, 3 …, one of which answers."""

    _fields = frozenset(RegisteredModel.__struct_fields__)

    @property
    def name(self) -> str:
        """Its name."""
        return self.data.name

    @chained
    def refresh(self) -> Flow[None]:
        """Get its newest state."""
        self._data = yield from ask(Call("GET", _at(self.name), RegisteredModel))

    @listing
    def version_list(
        self, *, limit: int | None = None, as_of: str | None = None
    ) -> Pages[ModelVersion, ModelVersion]:
        """List the versions, the first one first, at most `limit`."""
        at, query = f"{_at(self.name)}/versions", {"as_of": as_of}
        return Pages(Call("GET", at, Page[ModelVersion], query), limit=limit)

    @operation
    def version(self, version: int | str = CHAMPION) -> Flow[ModelVersion]:
        """Return a version, by its number or an alias, with the training that it comes from."""
        at = f"{_at(self.name)}/versions/{segment(str(version))}"
        return ask(Call("GET", at, ModelVersion))

    @listing
    def history(
        self, *, alias: str = "", as_of: str | None = None
    ) -> Pages[ModelChange, ModelChange]:
        """List who was in production from when to when, by whose decision, and why."""
        query = {"alias": alias or None, "as_of": as_of}
        return Pages(Call("GET", f"{_at(self.name)}/timeline", Page[ModelChange], query))

    @operation
    def predict(
        self,
        rows: OnlineRows,
        *,
        version: int | str = CHAMPION,
        others: Sequence[int | str] = (),
        combine: str = "",
        purpose: Purpose = PRODUCTION,
    ) -> Flow[Any]:
        """Ask it: a data frame gives a data frame, a list of records a list, a record a dict.

        A data frame has `prediction` and the probability of each class (or `cluster`, or
        `anomaly` and `score`), with the index of the rows. The path of a CSV file gives a list. At
        most 1,000 rows are one request, so more are several, each answered by one version.

        `others` (versions, or "NAME@VERSION" of other models) are asked as well. `combine` says
        what the answer is: their `vote`, the `mean` of their probabilities or numbers, or `each`.

        A request with another `purpose` than production ("showroom": to try it out, "explain": to
        understand an answer) is recorded, but neither counted nor used for anything else.

        Raises:
            BadArgument: these are no rows.
            MissingPackage: a data frame needs pandas.
            Problem: a row does not fit, no version answers, or one may not ask it.
        """
        return answered(self.name, rows, str(version), combine, [*map(str, others)], purpose)

    @listing
    def predictions(
        self,
        *,
        since: str = "",
        request: str = "",
        version: int = 0,
        purpose: Purpose | None = None,
        limit: int | None = None,
    ) -> Pages[RecordedPrediction, RecordedPrediction]:
        """List what was asked of it and answered, newest first, at most `limit`.

        `since` is a time with a zone (RFC 3339), without it an hour ago; `request` is the id of one
        request. Without a `purpose`, what was asked to explain an answer is left out. Those who may
        promote see all, others what they asked themselves.

        Raises:
            Problem: a parameter is malformed, or one may not ask the model.
        """
        query = {"since": since or None, "request": request or None, "version": version or None}
        query |= {"purpose": purpose}
        call = Call("GET", f"{_at(self.name)}/prediction-log", Page[RecordedPrediction], query)
        return Pages(call, limit=limit)

    @operation
    def prove(self, request: str, to: Path | str) -> Flow[Path]:
        """Write the proof of an answer to a new file, and return its path.

        It proves to anybody with the public key which version answered `request`, why, and on which
        data it was trained (`autolearn replay check-proof`). It has the rows and the answer in
        clear.

        Raises:
            BadArgument: there is such a file, or it cannot be written.
            Problem: nobody made this request, or somebody else did; or an event of the proof is not
                signed for yet.
        """
        return proved(self.name, request, Path(to))

    @listing
    def hours(
        self, *, since: str = "", version: int = 0, limit: int | None = None
    ) -> Pages[ModelHour, ModelHour]:
        """List the hours in which it was asked, newest first, at most `limit`: counts by version.

        `since` is a time with a zone (RFC 3339), without it a day ago. Each hour has requests,
        rows, warnings, latencies, and the histograms of labels, scores and columns. An hour that is
        not over is a few seconds old.

        Raises:
            Problem: a parameter is malformed, or one may not promote the model's versions.
        """
        query = {"since": since or None, "version": version or None}
        call = Call("GET", f"{_at(self.name)}/hours", Page[ModelHour], query)
        return Pages(call, limit=limit)

    @operation
    def predict_dataset(
        self,
        dataset: Data,
        *,
        version: int | str = CHAMPION,
        to: Path | str | None = None,
        with_input: bool = False,
        form: PredictionForm | None = None,
        time_limit: float | None = None,
        memory_limit: int | None = None,
        wait: Wait = True,
        raise_on_failure: bool = True,
        key: str | None = None,
    ) -> Flow[Either[PredictionHandle, AsyncPredictionHandle]]:
        """Let a version predict all rows of a dataset, as work for a worker, however many.

        The rows go `to` FILE.csv, FILE.jsonl or FILE.parquet, or with all columns of the dataset to
        "dataset:NAME", of which they are a new version. Without it, `download` and `to_frame` of
        the prediction fetch them, in the `form` if one is given, for a day. `with_input` repeats
        all columns of the dataset, but for the sensitive ones. `wait` as in `train`.

        Raises:
            BadArgument: nothing can be written there.
            Problem: no version answers, a column is missing, or one may not ask it.
            TimedOut: it has not ended after `wait` seconds; it goes on.
            PredictionFailed: it failed or was cancelled, unless `raise_on_failure` is off.
        """
        body: dict[str, object] = {
            "dataset": dataset,
            "with_input": with_input,
            "form": form,
            "time_limit": time_limit,
            "memory_limit": memory_limit,
        }
        return dataset_predicted(
            self, self.name, version, to, body, wait, key, raise_on_failure=raise_on_failure
        )

    @listing
    def batches(
        self, version: int | str = CHAMPION, *, limit: int | None = None
    ) -> Pages[PredictionHandle, AsyncPredictionHandle]:
        """List the datasets that a version has predicted for you, at most `limit`.

        Of all users for those who may promote. `batches` of each counts every 10,000 rows.
        """
        return batches_of(self, self.name, version, limit)

    @operation
    def backtest(
        self,
        version: int | str,
        *,
        since: str,
        against: int | str | None = None,
        time_limit: float | None = None,
        memory_limit: int | None = None,
        wait: Wait = True,
        raise_on_failure: bool = True,
        key: str | None = None,
    ) -> Flow[Either[PredictionHandle, AsyncPredictionHandle]]:
        """Replay what was asked since a time (RFC 3339) through a version, for who may promote.

        `comparison` of what this returns compares its answers with the recorded ones: all of them,
        or only those `against` a version. `download` fetches the rows with both answers, for a day.
        `wait` as in `train`.

        Raises:
            Problem: nothing was asked, or nothing that has the columns of the version; the tasks
                differ; there are too many rows; or one may not promote.
            TimedOut: it has not ended after `wait` seconds; it goes on.
            PredictionFailed: it failed or was cancelled, unless `raise_on_failure` is off.
        """
        body: dict[str, object] = {
            "version": version,
            "since": since,
            "against": against,
            "time_limit": time_limit,
            "memory_limit": memory_limit,
        }
        return backtested(self, self.name, body, wait, key, raise_on_failure=raise_on_failure)

    @listing
    def backtests(
        self, *, limit: int | None = None
    ) -> Pages[PredictionHandle, AsyncPredictionHandle]:
        """List its backtests, the newest version first, at most `limit`."""
        return backtests_of(self, self.name, limit)

    @operation
    def schema(self) -> Flow[dict[str, Any]]:
        """Return the JSON Schema of a row."""
        return ask(Call("GET", f"{_at(self.name)}/schema", dict[str, Any]))

    @operation
    def examples(self) -> Flow[list[Mapping[str, Any]]]:
        """Return rows that can be asked, with values of the champion's training.

        They are mixed column by column, so that none is a row of the data.
        Values of columns that were sensitive at the training are None.
        """
        found = yield from ask(Call("GET", f"{_at(self.name)}/examples", ModelExamples))
        return found.records

    @operation
    def rules(self) -> Flow[RowRules]:
        """Return the rules of a row: hard ones refuse it, soft ones warn."""
        return ask(Call("GET", f"{_at(self.name)}/rules", RowRules))

    @operation
    def export(
        self, form: ExportForm, to: Path | str | None = None, *, version: int | str = CHAMPION
    ) -> Flow[Path | str]:
        """Write a version as files that answer without AutoLearn, and return their place.

        "python" makes a folder with the artifact and predict.py, "onnx" a file for ONNX Runtime.
        `to` is its path, by default NAME-VERSION or NAME-VERSION.onnx in the current directory, or
        a URL: `http` and `https` get a PUT, other schemes are those of fsspec; the folder is a zip
        file there. An earlier export is replaced at once.

        Raises:
            BadArgument: something else is there, or the URL is none that can be written to.
            Problem: ONNX cannot hold it, or one may not read the version's experiment as well.
            Unreachable: the URL does not take it.
        """
        found = yield from ask(
            Call("GET", f"{_at(self.name)}/versions/{segment(str(version))}", ModelVersion)
        )
        ending = ".onnx" if form == "onnx" else ""
        if is_url(to):
            return (yield from exported_to_url(self.name, str(found.version), form, str(to)))
        place = Path(to if to is not None else f"{self.name}-{found.version}{ending}")
        return (yield from exported(self.name, str(found.version), form, place))

    @operation
    def register(self, training: Named, *, note: str = "") -> Flow[ModelVersion]:
        """Register a training of an experiment as the next version."""
        return _register(self.name, training, note)

    @chained
    def promote(
        self,
        version: int | str,
        *,
        alias: str = CHAMPION,
        require: Sequence[str] = (),
        reason: str = "",
    ) -> Flow[None]:
        """Let a version answer, if it meets what is required, such as "f1 >= champion + 0.01".

        Raises:
            Problem: it does not (gate-closed), was not measured, or is retired.
        """
        body = {"version": version, "alias": alias, "require": [*require], "reason": reason}
        self._data = yield from ask(
            Call("POST", f"{_at(self.name)}/promote", RegisteredModel, body=body)
        )

    @chained
    def roll_back(self, *, alias: str = CHAMPION, reason: str = "") -> Flow[None]:
        """Let the version answer that answered before, among those that are not retired."""
        body = {"alias": alias, "reason": reason}
        self._data = yield from ask(
            Call("POST", f"{_at(self.name)}/rollback", RegisteredModel, body=body)
        )

    @chained
    def alias(self, alias: str, version: int | str | None) -> Flow[None]:
        """Give a version an alias; None takes it away. `promote` makes the champion."""
        body = {"alias": alias, "version": version}
        self._data = yield from ask(
            Call("POST", f"{_at(self.name)}/alias", RegisteredModel, body=body)
        )

    @chained
    def set_traffic(
        self,
        routes: Mapping[int | str, int] | None,
        *,
        sticky: str = "",
        sticky_header: str = "",
        salt: str | None = None,
        guards: Sequence[str] = (),
        reason: str = "",
    ) -> Flow[None]:
        """Share requests among versions: {"champion": 90, "challenger": 10}; None ends that.

        The value of the column `sticky`, or of the header `sticky_header`, decides who gets which
        version. A guard ends the traffic, such as "errors <= 1% over 200" or
        "p99 <= 50 ms over 1000".

        Raises:
            Problem: the percentages do not sum to 100, the versions are of different tasks, or no
            version was promoted.
        """
        shares = None if routes is None else {str(name): part for name, part in routes.items()}
        body: dict[str, object] = {"routes": shares, "sticky": sticky, "guards": [*guards]}
        body |= {"sticky_header": sticky_header, "salt": salt, "reason": reason}
        self._data = yield from _changed(self.name, "traffic", body)

    @chained
    def shadow(self, version: int | str | None, *, reason: str = "") -> Flow[None]:
        """Let a version see the requests too, which answers nobody; None ends that."""
        body = {"version": version, "reason": reason}
        self._data = yield from _changed(self.name, "shadow", body)

    @chained
    def set_recording(
        self, recording: Recording | None = None, *, days: int | None = None
    ) -> Flow[None]:
        """Choose how answers are recorded: `durable`, before they are given, or `fast`, behind.

        With `fast` what cannot be recorded is dropped, and counted. Records are kept for so many
        `days` after the end of their month; 0: as the settings say, which is the most.

        Raises:
            Problem: these are more days than the settings say.
        """
        body = {"recording": recording, "days": days}
        self._data = yield from _changed(self.name, "recording", body)

    @operation
    def retire(self, version: int | str, *, reason: str = "") -> Flow[ModelVersion]:
        """Retire a version that no alias names: it never answers again."""
        at = f"{_at(self.name)}/versions/{segment(str(version))}/retire"
        return ask(Call("POST", at, ModelVersion, body={"reason": reason}))

    @operation
    def share(
        self,
        user: str,
        may: ModelMay = "predict",
        *,
        requests_per_second: int | None = None,
        rows_per_second: int | None = None,
    ) -> Flow[Page[ModelGrant]]:
        """Let a user or group/NAME see it, ask it as well, or promote as well.

        Each of them may send so many requests, and rows in them, a second; None: no limit.
        """
        body: dict[str, object] = {"user": user, "may": may}
        body |= {"requests_per_second": requests_per_second, "rows_per_second": rows_per_second}
        return ask(Call("POST", f"{_at(self.name)}/share", Page[ModelGrant], body=body))

    @operation
    def unshare(self, user: str) -> Flow[Page[ModelGrant]]:
        """End the grant of a user or group/NAME, at once; return the remaining ones."""
        body = {"user": user}
        return ask(Call("POST", f"{_at(self.name)}/unshare", Page[ModelGrant], body=body))

    @listing
    def readers(self) -> Pages[ModelGrant, ModelGrant]:
        """List the users and groups with a grant, without the owner."""
        return Pages(Call("GET", f"{_at(self.name)}/readers", Page[ModelGrant]), paged=False)

    @operation
    def delete(self) -> Flow[DeletedModel]:
        """Delete it for good; its name is never reused."""
        return ask(Call("POST", f"{_at(self.name)}/delete", DeletedModel))

    def _title(self) -> str:
        one = self.data
        answers = f"version {one.champion} answers" if one.champion else "no version answers yet"
        versions = "1 version" if one.versions == 1 else f"{one.versions} versions"
        return f"Model {one.name}: {versions}, {answers}"

    def _about(self) -> dict[str, object]:
        one = self.data
        return {
            "model": one.name,
            "champion": one.champion,
            "aliases": ", ".join(f"{alias} {number}" for alias, number in one.aliases.items()),
            "traffic": one.traffic and traffic_words(one.traffic.routes),
            "shadow": one.shadow or None,
            "versions": one.versions,
            "retired": one.retired or None,
            "owner": one.owner,
        }


class ModelHandle(ModelMethods, BlockingPart):
    """A model of the registry."""

    def __init__(self, http: httpx.Client, data: RegisteredModel) -> None:
        super().__init__(http)
        self._data = data


class AsyncModelHandle(ModelMethods, AwaitingPart):
    """A model of the registry, to await."""

    def __init__(self, http: httpx.AsyncClient, data: RegisteredModel) -> None:
        super().__init__(http)
        self._data = data


class Models:
    """The models of the registry."""

    @listing
    def models(
        self, *, limit: int | None = None, as_of: str | None = None, shared: bool = False
    ) -> Pages[ModelHandle, AsyncModelHandle]:
        """List the models that you own or that are shared with you, or only the `shared` ones."""
        call = Call(
            "GET", "/v1/models", Page[RegisteredModel], {"as_of": as_of, "shared": shared or None}
        )
        return Pages(call, lambda one: _model_handle(self, one), limit)

    @operation
    def model(
        self, name: str, *, as_of: str | None = None
    ) -> Flow[Either[ModelHandle, AsyncModelHandle]]:
        """Return a model by its name."""
        found = yield from ask(Call("GET", _at(name), RegisteredModel, {"as_of": as_of}))
        return _model_handle(self, found)

    @operation
    def register_model(
        self,
        name: str,
        training: Named | None = None,
        *,
        file: File | None = None,
        schema: SchemaGiven | None = None,
        examples: File | pd.DataFrame | None = None,
        note: str = "",
    ) -> Flow[ModelVersion]:
        """Register a training of an experiment as the next version; the first makes the model.

        Or a model that was made elsewhere: the `file` of a fitted pipeline (skops), or an .onnx;
        the `schema` of the columns that it takes, a path or a mapping; and `examples`, rows that it
        must answer now, a CSV file or a data frame.

        Raises:
            BadArgument: neither or both are given, or a file is missing.
            Problem: it is refused.
        """
        if (training is None) == (file is None):
            raise BadArgument("Give either a training, or the file of a model made elsewhere.")
        if file is None:
            return (yield from _register(name, training, note))
        with packed(file, schema, examples) as path:
            call = Call(
                "PUT",
                f"{_at(name)}/versions",
                ModelVersion,
                {"note": note or None},
                path,
                media="application/zip",
                grace=EXAMINED,
            )
            return (yield from ask(call))

    @operation
    def publish_model(
        self,
        name: str,
        training: Named,
        *,
        require: Sequence[str] = (),
        reason: str = "",
        note: str = "",
    ) -> Flow[Either[ModelHandle, AsyncModelHandle]]:
        """Register a training and let it answer, if it meets what is required.

        If it does not, it stays registered, and the version before answers.
        """
        made = yield from _register(name, training, note)
        body = {"version": made.version, "require": [*require], "reason": reason}
        found = yield from _changed(name, "promote", body)
        return _model_handle(self, found)

    @operation
    def ask_model(
        self,
        name: str,
        parts: Iterator[tuple[bytes, str]],
        *,
        version: str = CHAMPION,
        others: Sequence[str] = (),
        combine: str = "",
        purpose: Purpose = PRODUCTION,
    ) -> Flow[list[Inference]]:
        """Ask a model about rows, each part of them with its media type; return all it says."""
        return asked_in_parts(name, version, parts, combine, others, purpose)


def _changed(name: str, how: str, body: Mapping[str, object]) -> Flow[RegisteredModel]:
    """Change a model, and return it."""
    return ask(Call("POST", f"{_at(name)}/{how}", RegisteredModel, body=body))


def _register(name: str, training: Named, note: str) -> Flow[ModelVersion]:
    """Register a training of an experiment as a version of a model."""
    called = training if isinstance(training, str) else training.id
    body = {"training": called, "note": note}
    return ask(Call("POST", f"{_at(name)}/versions", ModelVersion, body=body))


def _model_handle(client: Any, data: RegisteredModel) -> Either[ModelHandle, AsyncModelHandle]:
    """Return a model as an object."""
    return either(client, ModelHandle, AsyncModelHandle, client._http, data)


def _at(name: str) -> str:
    """Return the path of a model."""
    return f"/v1/models/{segment(name)}"
