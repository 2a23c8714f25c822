"""How fast a model answers one row over HTTP, beside MLflow, MLServer and a bare HTTP server.

The pipeline is 10 numbers and 4 categories with imputing, scaling and one-hot encoding, and a
logistic regression or a random forest of 100 trees. The system is that of `autolearn up`, with
everything on: tokens, encryption, the behaviour log. Rates are with recording `fast`. The load
comes from another process (`load`), the same for every server; the machine is shared with it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pyarrow.csv as pcsv

from autolearn.client.local.system import System
from autolearn.client.sdk.client import AsyncAutoLearn
from tests.bench.datasets.mixed_table import mixed_table
from tests.bench.floor import floor_ms
from tests.bench.main_job import home

ROWS, ROUNDS, SECONDS, CLIENTS = 5_000, 3, 4.0, 20
ADOPTIONS = 40
_HERE = Path(__file__).parent
ESTIMATORS = {"lr": "logistic-regression", "rf": "random-forest"}


async def online() -> dict[str, float]:
    """Measure the endpoint and a bare server in turns, then the peers."""
    figures: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        figures.setdefault(name, []).append(value)

    with tempfile.TemporaryDirectory(prefix="autolearn-bench-") as folder:
        data = Path(folder) / "mix.csv"
        row = await asyncio.to_thread(written, data)
        body = json.dumps(_tensors(row)).encode()
        async with home() as settings, System(settings) as system, _bare() as bare:
            client = AsyncAutoLearn(system.url, token=system.token)
            await _published(client, data)
            at, token = system.serve_port, {"Authorization": f"Bearer {system.token}"}
            for _ in range(ROUNDS):
                for name in ESTIMATORS:
                    asked = _post(f"/v2/models/{name}/infer", body, token)
                    one, many = await _load(at, 1, asked), await _load(at, CLIENTS, asked)
                    note(f"predict_{name}_p50_ms", one["p50_ms"])
                    note(f"predict_{name}_rps_20", many["per_second"])
                plain = _post("/", body, token)
                note("predict_http_floor_p50_ms", (await _load(bare, 1, plain))["p50_ms"])
                note("predict_http_floor_rps_20", (await _load(bare, CLIENTS, plain))["per_second"])
                durable = _post("/v2/models/durable/infer", body, token)
                note("predict_durable_p50_ms", (await _load(at, 1, durable))["p50_ms"])
                note("predict_append_floor_ms", await asyncio.to_thread(floor_ms, settings) / 2)
            adopted = await _adoptions(client, at, body, token)
        for peer, (path, asked_of) in PEERS.items():
            asked = _post(path, json.dumps(asked_of(row)).encode(), {})
            try:
                async with _peer(peer, data, Path(folder) / peer) as port:
                    for _ in range(ROUNDS if port else 0):
                        note(f"{peer}_lr_p50_ms", (await _load(port, 1, asked))["p50_ms"])
                        note(f"{peer}_lr_rps_20", (await _load(port, CLIENTS, asked))["per_second"])
            except RuntimeError as error:  # the others are measured all the same
                print(f"{peer} is not measured: {error}")
    found = {name: statistics.median(values) for name, values in figures.items()}
    found["adopt_p95_s"] = sorted(adopted)[int(0.95 * len(adopted))]
    for peer in PEERS:
        if (theirs := found.get(f"{peer}_lr_rps_20")) is not None:
            found[f"predict_vs_{peer}_rps"] = found["predict_lr_rps_20"] / theirs
    return found


def written(path: Path) -> dict[str, Any]:
    """Write a dataset of 10 numbers and 4 categories with gaps; return a row without any."""
    table = mixed_table(ROWS, seed=16)
    pcsv.write_csv(table, path)
    return {
        name: 0.25 if name[0] == "n" else f"{name}_1" for name in table.column_names if name != "y"
    }


async def _published(client: AsyncAutoLearn, data: Path) -> None:
    """Train both pipelines, and let them answer; `durable` is the first one once more."""
    await client.upload_dataset(data, "mix", target="y")
    async with await client.sessions.open("serving") as session:
        trained = {
            name: await session.train(estimator, "mix") for name, estimator in ESTIMATORS.items()
        }
        await session.commit()
    for name, training in trained.items():
        await client.publish_model(name, training.id)
        await (await client.model(name)).set_recording("fast")
    await client.publish_model("durable", trained["lr"].id)
    adopting = await client.model("durable")
    await adopting.register(trained["rf"].id)


def _tensors(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "inputs": [
            {
                "name": name,
                "shape": [1],
                "datatype": "FP64" if isinstance(value, float) else "BYTES",
                "data": [value],
            }
            for name, value in row.items()
        ]
    }


def _split(row: dict[str, Any]) -> dict[str, Any]:
    return {"dataframe_split": {"columns": [*row], "data": [[*row.values()]]}}


def _frame_tensors(row: dict[str, Any]) -> dict[str, Any]:
    """Return the request as MLServer wants it for a data frame."""
    inputs = _tensors(row)["inputs"]
    for one in inputs:
        if one["datatype"] == "BYTES":
            one["parameters"] = {"content_type": "str"}
    return {"parameters": {"content_type": "pd"}, "inputs": inputs}


PEERS = {"mlflow": ("/invocations", _split), "mlserver": ("/v2/models/lr/infer", _frame_tensors)}
"""Of each peer the path that answers, and the request for a row."""


def _post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
    return head.encode() + body


async def _load(port: int, clients: int, request: bytes) -> dict[str, float]:
    """Ask for some seconds, from another process, after a warm-up.

    Raises:
        RuntimeError: an answer was an error.
    """
    said: dict[str, float] = {}
    for seconds in (1.0, SECONDS):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.serving.load"),
            *("127.0.0.1", str(port), str(clients), str(seconds)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        out, _ = await process.communicate(request)
        said = json.loads(out)
        if said["errors"]:
            raise RuntimeError(f"{said['errors']:g} of {said['answers']:g} answers are errors")
    return said


async def _adoptions(
    client: AsyncAutoLearn, port: int, body: bytes, token: dict[str, str]
) -> list[float]:
    """Promote back and forth; return the seconds until each promotion answers."""
    model, seconds = await client.model("durable"), []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=token) as http:
        for number in range(ADOPTIONS):
            wanted = 2 - number % 2
            await model.promote(wanted)
            began = time.perf_counter()
            while True:
                answer = await http.post("/v2/models/durable/infer", content=body)
                if answer.json()["model_version"] == str(wanted):
                    break
            seconds.append(time.perf_counter() - began)
    return seconds


@asynccontextmanager
async def _bare() -> AsyncIterator[int]:
    """A server that answers the same bytes to everything, and does nothing else; its port."""
    async with _process([sys.executable, str(_HERE / "bare.py")]) as port:
        yield port


@asynccontextmanager
async def _peer(name: str, data: Path, folder: Path) -> AsyncIterator[int]:
    """A peer's server of the same pipeline, fitted there on the same rows; 0 if it is not there."""
    python = Path(f"build/peers/{name}/bin/python")
    if not await asyncio.to_thread(python.exists):
        print(f"{name} is not measured: make build/peers/{name}/.installed")
        yield 0
        return
    await asyncio.to_thread(folder.mkdir)
    script = _HERE / f"{name}_peer.py"
    async with _process([str(python), str(script), str(data), str(folder)]) as port:
        yield port


@asynccontextmanager
async def _process(command: list[str]) -> AsyncIterator[int]:
    """A server that listens on the port that it is given as the last argument."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *command, str(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 180
        while not await asyncio.to_thread(_listens, port):
            if process.returncode is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[1]} does not listen: status {process.returncode}")
            await asyncio.sleep(0.2)
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
