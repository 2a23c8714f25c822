"""Hostile input against real processes: it gets a clear answer, and costs little of anything."""

from __future__ import annotations

import gzip
import io
import json
import socket
import statistics
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet
import pytest
from joserfc import jwe
from joserfc.jwk import OKPKey

from autolearn.schemas.bounds import STRANGER_SEALED
from tests.api.conftest import System
from tests.support.api_assertions import position, problem
from tests.support.api_processes import Api
from tests.support.cli_processes import autolearn

pytestmark = pytest.mark.kafka

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def api(system: System) -> Iterator[Api]:
    """An API process of its own, that takes larger files than the shared ones."""
    environment = system.environment | {"AUTOLEARN_MAX_UPLOAD": str(64 * MIB)}
    with Api(system.folder, environment, instance="hostile") as api:
        api.http = api.client()  # type: ignore[attr-defined]
        yield api
        api.http.close()  # type: ignore[attr-defined]


@pytest.fixture
def client(api: Api) -> Iterator[httpx.Client]:
    with unharmed(api):
        yield api.http  # type: ignore[attr-defined]


@contextmanager
def unharmed(api: Api) -> Iterator[None]:
    """The process lives on, answers, and needed little memory at its highest."""
    process = psutil.Process(api.popen.pid)
    before = peak(process)
    yield
    assert api.popen.poll() is None
    ready = httpx.get(f"{api.url}/health/ready", trust_env=False, timeout=30)
    assert ready.status_code == 200
    assert peak(process) - before < 200 * MIB


def peak(process: psutil.Process) -> int:
    """The most memory that a process ever had resident, in bytes."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


# Files


def put(client: httpx.Client, content: bytes, query: str = "", **headers: str) -> httpx.Response:
    return client.put(
        f"/v1/catalog/datasets/hostile{query}", content=content, headers=headers, timeout=300
    )


@pytest.mark.long
def test_a_million_columns(client: httpx.Client):
    names = ",".join(f"c{number}" for number in range(1_000_000))
    rows = names + "\n" + ",".join(["1"] * 1_000_000) + "\n"
    problem(put(client, rows.encode()), 422, "dataset-refused")
    short = ",".join("c" for _ in range(1_000_000)) + "\n" + "1," * 999_999 + "1\n"
    problem(put(client, short.encode()), 422, "dataset-refused", "1,000,000 columns")


@pytest.mark.long
def test_a_packed_value_that_is_huge(client: httpx.Client):
    huge = b"a,b\n1," + b"x" * 300_000_000 + b"\n2,y\n"
    bomb = gzip.compress(huge)
    assert len(bomb) < 400_000
    problem(put(client, bomb), 422, "dataset-refused")
    unpacked = put(client, bomb, **{"Content-Encoding": "gzip", "Content-Type": "text/csv"})
    problem(unpacked, 415, "content-encoding")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("data.csv", huge)
    problem(put(client, packed.getvalue()), 422, "dataset-refused")


@pytest.mark.long
def test_a_packed_body_is_not_unpacked(client: httpx.Client):
    body = gzip.compress(json.dumps({"title": " " * 50_000_000}).encode())
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    answer = client.post("/v1/sessions", content=body, headers=headers)
    assert answer.status_code in (400, 415, 422), answer.text


def parquet(*groups: pa.Table, times: int = 1) -> bytes:
    file = io.BytesIO()
    quick = {"use_dictionary": False, "write_statistics": False}
    with pyarrow.parquet.ParquetWriter(file, groups[0].schema, compression="zstd", **quick) as out:
        for group in groups * times:
            out.write_table(group, row_group_size=len(group))
    return file.getvalue()


@pytest.mark.long
def test_parquet_that_stands_for_a_billion_rows(client: httpx.Client):
    group = pa.table({"a": pa.nulls(32_000_000, pa.bool_())})
    bomb = parquet(group, times=32)
    assert len(bomb) < 5 * MIB
    problem(put(client, bomb), 422, "dataset-refused", "values")


@pytest.mark.long
def test_parquet_of_one_value_that_is_huge(client: httpx.Client):
    ends = np.array([0, 500_000_000, 500_000_001], dtype="int32")
    words = pa.StringArray.from_buffers(2, pa.py_buffer(ends), pa.py_buffer(b"x" * 500_000_001))
    huge = pa.table({"a": words, "b": [1, 2]})
    bomb = parquet(huge)
    assert len(bomb) < 4 * MIB
    answer = put(client, bomb)
    assert answer.status_code == 422, answer.text


@pytest.mark.long
def test_a_file_that_lies_about_itself(client: httpx.Client):
    for content in (b"PAR1", b"PAR1" + b"\xff" * 1000 + b"PAR1", b"PAR1\xff\xff\xff\x7fPAR1"):
        problem(put(client, content, "?format=parquet"), 422, "dataset-refused")
        problem(put(client, content), 422, "dataset-refused")


# Names

LONG = "a" * 10_000
NAMES = [
    "../../etc/passwd",
    "..",
    "a/../b",
    "a\x00b",
    "\u202egnp.exe",
    "a\u200bb",
    "\x1b[31m",
    LONG,
    "%2e%2e",
    "CON",
    "a b",
    "\ud7ff\U0010ffff",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_of_every_kind_of_thing(client: httpx.Client, name: str):
    before, one = position(client), quote(name, safe="")
    for method, at in (
        ("PUT", f"/v1/catalog/datasets/{one}"),
        ("GET", f"/v1/catalog/datasets/{one}"),
        ("GET", f"/v1/catalog/estimators/{one}"),
        ("GET", f"/v1/sessions/{one}"),
        ("GET", f"/v1/commands/{one}"),
        ("GET", f"/v1/digests/{one}"),
        ("GET", f"/v1/users/{one}"),
        ("GET", f"/v1/events?after={one}"),
        ("GET", f"/v1/events?stream={one}"),
        ("GET", f"/v1/events?session={one}"),
        ("GET", f"/v1/sessions?page={one}"),
        ("GET", f"/v1/sessions?as_of={one}"),
        ("GET", f"/v1/diff?from={one}"),
        ("GET", f"/v1/dead-letters/{one}"),
    ):
        answer = client.request(method, at, content=b"a,b\n1,2\n" if method == "PUT" else None)
        assert 400 <= answer.status_code < 500, (at, answer.text)
        assert answer.json()["type"].startswith("urn:autolearn:problem:")
        assert len(answer.content) < 50_000, "the answer repeats all that was sent"
    assert position(client) == before


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_files_of_a_model_that_are_none(client: httpx.Client, trained: tuple[str, str], name: str):
    session, training = trained
    one = "%2e%2e" if name == ".." else quote(name, safe="")  # httpx would go one level up
    answer = client.get(f"{session}/trainings/{training}/artifact/{one}")
    assert answer.status_code == 404
    assert "root:" not in answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_words_with_every_character_stay_words(api: Api, client: httpx.Client, tmp_path: Path):
    title = "\u202egnp.exe\x1b[2J\x9b31m\x07 end"
    made = client.post("/v1/sessions", json={"title": title})
    assert made.json()["title"] == title
    identifier = made.json()["id"]
    settings = {"home": tmp_path, "url": api.url}
    for words in (
        ("session", "list"),
        ("session", "list", "-o", "json"),
        ("session", "show", "--session", identifier),
        ("history", identifier),
        ("events", "--session", identifier),
        ("events", "--session", identifier, "-o", "json"),
    ):
        said = autolearn(*words, **settings)
        assert said.code == 0, said.err
        assert "end" in said.out
        assert (said.out + said.err).replace("\n", "").isprintable(), words


# Sealed requests


def test_a_sealed_bomb(client: httpx.Client):
    jwk = client.get("/.well-known/jwks.json").json()["keys"][0]
    registry = jwe.JWERegistry(algorithms=["ECDH-ES", "A128GCM", "DEF"])
    header = {"alg": "ECDH-ES", "enc": "A128GCM", "zip": "DEF", "kid": jwk["kid"]}
    key = OKPKey.import_key({name: jwk[name] for name in ("kty", "crv", "x")})
    registry.max_ciphertext_length = 1 << 30
    bomb, larger = (
        jwe.encrypt_compact(header, b" " * size * MIB, key, registry=registry) for size in (40, 500)
    )
    assert len(bomb) < STRANGER_SEALED < len(larger) < MIB
    headers = {"Content-Type": "application/jose"}
    before = position(client)
    for _ in range(20):
        answer = client.post("/v1/sessions", content=bomb, headers=headers)
        problem(answer, 400, "undecipherable")
    answer = client.post("/v1/sessions", content=larger, headers=headers)
    problem(answer, 413, "body-too-large")
    assert position(client) == before


def test_sealed_bodies_without_end(client: httpx.Client):
    headers = {"Content-Type": "application/jose"}
    most = STRANGER_SEALED
    for content in (b"." * most, b"a" * most, b"a" * (most - 4) + b"....", b"\x00" * most):
        answer = client.post("/v1/sessions", content=content, headers=headers)
        problem(answer, 400, "undecipherable")
    answer = client.post("/v1/sessions", content=b"a" * (most + 1), headers=headers)
    problem(answer, 413, "body-too-large")
    answer = client.post("/v1/sessions", content=b"a" * 8 * MIB, headers=headers)
    problem(answer, 413, "body-too-large")


# Connections


def test_a_megabyte_of_headers(api: Api, client: httpx.Client):
    url = httpx.URL(api.url)
    for head in (
        b"X-A: " + b"a" * MIB + b"\r\n",
        b"X-A: a\r\n" * (MIB // 8),
        b"Authorization: Bearer " + b"a" * MIB + b"\r\n",
        b"Cookie: " + b"a" * 64 * MIB + b"\r\n",
    ):
        with socket.create_connection((url.host, url.port), timeout=10) as connection:
            try:
                connection.sendall(b"GET /v1/me HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n")
                answer = connection.recv(65536)
            except OSError:  # it was closed while all of it was still being sent
                continue
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert b"urn:autolearn:problem:head-too-large" in answer


@pytest.mark.long
def test_500_slow_connections_stop_nobody(api: Api, client: httpx.Client):
    url = httpx.URL(api.url)

    def ask(_: int) -> float:
        began = time.monotonic()
        assert client.get("/v1/sessions").status_code == 200
        assert client.post("/v1/sessions", json={}).status_code == 201
        return time.monotonic() - began

    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        alone = statistics.median(pool.map(ask, range(50)))
        slow = []
        for number in range(500):
            one = stack.enter_context(socket.create_connection((url.host, url.port), timeout=30))
            if number % 2:
                one.sendall(b"GET /v1/sessions HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            else:
                one.sendall(
                    b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\n"
                    b"Content-Length: 100000\r\n\r\n{"
                )
            slow.append(one)
        beside = statistics.median(pool.map(ask, range(50)))
        assert beside < 3 * alone + 0.5  # however busy the machine is
        # Those without a head are gone after their time; `test_guarding` has the rest.
        slow[1].settimeout(20)
        assert slow[1].recv(65536).startswith(b"HTTP/1.1 408 ")
        process = psutil.Process(api.popen.pid)
        deadline = time.monotonic() + 10
        while len(process.net_connections("tcp")) > 320:
            assert time.monotonic() < deadline
            time.sleep(0.1)


# Models


def test_a_model_that_was_swapped_is_not_loaded(
    system: System, client: httpx.Client, tmp_path: Path
):
    session = client.post("/v1/sessions").headers["location"]
    body = {"estimator": "decision-tree", "dataset": "iris", "seed": 4711}
    wait = {"Prefer": "wait=60"}
    made = client.post(f"{session}/trainings", json=body, headers=wait).json()
    at = f"{session}/trainings/{made['id']}/artifact"
    artifact = client.get(at).json()
    home = Path(system.environment["AUTOLEARN_HOME"])
    model = home / "artifacts" / "models" / artifact["digest"] / "model.skops"
    proof = tmp_path / "was-run"
    forbidden = {
        "__class__": "system",
        "__module__": "os",
        "__loader__": "FunctionNode",
        "__id__": 1,
        "content": {"function": "system", "module_path": "os", "args": [f"touch {proof}"]},
        "protocol": 2,
        "_skops_version": "0.16.0",
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as out:
        out.writestr("schema.json", json.dumps(forbidden))
    model.chmod(0o644)
    model.write_bytes(content.getvalue())
    answer = client.get(f"{at}/model.skops")
    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:autolearn:problem:artifact-unavailable"
    asked = client.post(f"{session}/evaluations", json={"training": made["id"]}, headers=wait)
    assert asked.json()["status"] == "failed"
    assert "do not have the SHA-256" in asked.json()["detail"]
    assert not proof.exists()
    again = client.post(f"{session}/trainings", json=body, headers=wait).json()
    assert again["status"] == "completed"
