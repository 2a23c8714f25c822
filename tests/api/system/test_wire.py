"""Sealed requests and TLS against real processes: the client, the command line, and by hand."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import ssl
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from autolearn.client.sdk.client import AutoLearn
from autolearn.client.sdk.errors import Problem, Unreachable
from autolearn.security.wire_keys import rotate
from tests.docs.test_wire_doc import ask_by_hand
from tests.support.api_assertions import problem
from tests.support.api_processes import Api
from tests.support.cli_processes import autolearn
from tests.support.people import People

pytestmark = pytest.mark.kafka

CANARY = "canary-5c0ffee5"


@pytest.fixture(scope="module")
def strict(known: People) -> Iterator[Api]:
    """An API process that takes nothing plain."""
    environment = known.environment | {"AUTOLEARN_PLAIN": "never"}
    with Api(known.folder, environment, instance="strict") as api:
        api.client().close()
        yield api


def test_everything_works_sealed(known: People, strict: Api, tmp_path: Path):
    with AutoLearn(strict.url, token=known.tokens["owner"]) as client:
        one = client.sessions.open(CANARY)
        training = one.train("decision-tree", "iris", hyperparameters={"max_depth": 3}, wait=60)
        assert training.status == "completed"
        evaluation = one.evaluate(training.id, ["f1"], wait=60)
        assert evaluation.results
        training.download(tmp_path)
        assert (tmp_path / "model.skops").stat().st_size > 1000
        feed = client.follow(session=one.id)
        assert next(feed).event["type"].startswith("autolearn.SessionOpened")
        assert next(feed).event["type"].startswith("autolearn.TrainingRequested")
        feed.close()
        data = tmp_path / "data.csv"
        data.write_text("a,b\n" + "".join(f"{n},{n % 2}\n" for n in range(50)))
        assert client.upload_dataset(data, "ours", target="b", accept_changes=True).name == "ours"
        assert client.sessions.list()[0].title == CANARY
        experiment = one.commit()
        assert client.experiments.get(experiment.id[:8]).title == CANARY
    with AutoLearn(strict.url, token="") as client, pytest.raises(Problem) as refused:
        len(client.sessions.list())
    assert refused.value.kind == "no-token"
    with AutoLearn(strict.url, token=known.tokens["other"]) as client:
        with pytest.raises(Problem) as refused:
            client.session(id=experiment.id)
        assert refused.value.kind == "session-unknown"


def test_nothing_plain_where_it_is_forbidden(known: People, strict: Api):
    with httpx.Client(base_url=strict.url, trust_env=False) as http:
        for method, path in (
            ("GET", "/v1/sessions"),
            ("POST", "/v1/sessions"),
            ("POST", "/v1/login"),
            ("GET", "/metrics"),
            ("PUT", "/v1/catalog/datasets/x"),
            ("GET", "/v1/events"),
        ):
            headers = {"Authorization": f"Bearer {known.tokens['owner']}"}
            answer = http.request(method, path, headers=headers)
            problem(answer, 403, "plain-forbidden")
        for path in ("/health/live", "/openapi.json", "/.well-known/jwks.json"):
            assert http.get(path).status_code == 200
    with AutoLearn(strict.url, token=known.tokens["owner"], seal=False) as client:
        with pytest.raises(Problem) as refused:
            len(client.sessions.list())
        assert refused.value.kind == "plain-forbidden"


def test_the_command_line_seals_by_default(known: People, strict: Api, tmp_path: Path):
    given = {"home": tmp_path, "url": strict.url, "token": known.tokens["owner"]}
    assert autolearn("session", "open", "--title", CANARY, **given).code == 0
    assert CANARY in autolearn("session", "list", **given).out
    said = autolearn("session", "list", **given, seal="off")
    assert said.code == 4
    assert "Others could read that" in said.err
    assert autolearn("session", "list", **given, seal="perhaps").code == 2
    said = autolearn("session", "list", **given, server_key="another")
    assert said.code == 3
    assert "AUTOLEARN_SERVER_KEY" in said.err
    keys = autolearn("admin", "wire-keys", home=known.environment["AUTOLEARN_HOME"])
    assert autolearn("session", "list", **given, server_key=keys.out.strip()).code == 0


def test_all_processes_of_an_installation_have_the_same_keys(known: People, strict: Api):
    home = known.environment["AUTOLEARN_HOME"]
    with AutoLearn(strict.url, token=known.tokens["owner"]) as client:
        client.me()
        new = autolearn("admin", "rotate-wire-key", home=home).out.strip()
        deadline = time.monotonic() + 5
        while True:
            there = [
                [key["kid"] for key in httpx.get(f"{url}/.well-known/jwks.json").json()["keys"]]
                for url in (strict.url, known.first.url, known.second.url)
            ]
            if all(kids[0] == new for kids in there):
                break
            assert time.monotonic() < deadline
        assert there[0] == there[1] == there[2]
        assert len(there[0]) == 2
        client.me()  # sealed to the old key
    with AutoLearn(known.second.url, token=known.tokens["owner"]) as client:
        client.me()
    rotate(Path(home) / "keys" / "wire")


def test_thirty_lines_of_anybodys_code_can_ask(known: People, strict: Api):
    token = known.tokens["owner"]
    status, made = ask_by_hand(strict.url, token, "POST", "/v1/sessions", {"title": CANARY})
    assert (status, made["title"]) == (201, CANARY)
    status, found = ask_by_hand(strict.url, token, "GET", f"/v1/sessions/{made['id']}")
    assert (status, found["title"]) == (200, CANARY)
    status, found = ask_by_hand(strict.url, "", "GET", "/v1/sessions")
    assert (status, found["type"]) == (401, "urn:autolearn:problem:no-token")


def test_what_is_sealed_is_in_no_log(known: People, strict: Api):
    for log in known.folder.glob("*.log"):
        said = log.read_text()
        assert CANARY not in said
        assert known.tokens["owner"] not in said


# TLS


class Certificates(NamedTuple):
    """An authority, and a certificate of 127.0.0.1 that it has signed; PEM files."""

    authority: Path
    certificate: Path
    key: Path


def certificates(folder: Path) -> Certificates:
    now = dt.datetime.now(dt.UTC)
    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])

    def builder(name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(called)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
        )

    authority = (
        builder(called, root)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                **dict.fromkeys(
                    (
                        "digital_signature",
                        "content_commitment",
                        "key_encipherment",
                        "data_encipherment",
                        "key_agreement",
                        "encipher_only",
                        "decipher_only",
                    ),
                    False,
                ),
                key_cert_sign=True,
                crl_sign=True,
            ),
            critical=True,
        )
        .sign(root, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    )
    certificate = (
        builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), leaf)
        .add_extension(names, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False
        )
        .sign(root, hashes.SHA256())
    )
    files = Certificates(folder / "authority.pem", folder / "cert.pem", folder / "key.pem")
    files.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        leaf.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def test_tls(known: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    files = certificates(tmp_path)
    environment = known.environment | {
        "AUTOLEARN_AUTH": "none",
        "AUTOLEARN_TLS_CERT": str(files.certificate),
        "AUTOLEARN_TLS_KEY": str(files.key),
    }
    with Api(tmp_path, environment, instance="tls") as api:
        url = api.ready()
        assert url.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=str(files.authority))
        with httpx.Client(base_url=url, verify=trusted, trust_env=False) as http:
            made = http.post("/v1/sessions", json={"title": "over TLS"})  # plain JSON, as by curl
            assert made.status_code == 201
        with AutoLearn(url) as client, pytest.raises(Unreachable):
            client.ready(patience=0)
        monkeypatch.setenv("AUTOLEARN_CA", str(files.authority))
        for seal in (True, False):
            with AutoLearn(url, seal=seal) as client:
                assert client.session(id=made.json()["id"]).title == "over TLS"
        given = {"home": tmp_path / "home", "url": url}
        said = autolearn("session", "list", **given, ca=files.authority)
        assert "over TLS" in said.out
        assert autolearn("session", "list", **given).code == 3
        assert autolearn("session", "list", **given, ca=tmp_path / "none").code == 2
        with httpx.Client(trust_env=False) as http, pytest.raises(httpx.TransportError):
            http.get(url.replace("https", "http") + "/health/live")


@pytest.mark.long
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"TLS_CERT": "x.pem"}, "AUTOLEARN_TLS_KEY"),
        ({"TLS_CERT": "x.pem", "TLS_KEY": "x.pem"}, "The API cannot speak TLS"),
        ({"WIRE_KEYS": "unsafe"}, "may be read by others"),
        ({"PLAIN": "sometimes"}, "AUTOLEARN_PLAIN"),
    ],
)
def test_settings_that_are_not_right(
    kafka: str, tmp_path: Path, settings: dict[str, str], words: str
):
    unsafe = tmp_path / "unsafe"
    rotate(unsafe)
    for file in unsafe.glob("*.pem"):
        file.chmod(0o644)
    environment = {
        "AUTOLEARN_HOME": str(tmp_path / "home"),
        "AUTOLEARN_KAFKA": kafka,
        "AUTOLEARN_TOPIC_PREFIX": f"wire-{uuid.uuid4().hex[:8]}",
        **{f"AUTOLEARN_{name}": value for name, value in settings.items()},
    }
    with Api(tmp_path, environment, instance="0") as api:
        assert api.popen.wait(60) == 2
        assert words in api.log.read_text()


def test_beyond_this_machine_it_says_what_is_open(kafka: str, tmp_path: Path):
    environment = {
        "AUTOLEARN_HOME": str(tmp_path / "home"),
        "AUTOLEARN_KAFKA": kafka,
        "AUTOLEARN_TOPIC_PREFIX": f"wire-{uuid.uuid4().hex[:8]}",
        "AUTOLEARN_AUTH": "tokens",
        "AUTOLEARN_PLAIN": "always",
        "AUTOLEARN_LOG_FORMAT": "json",
    }
    with Api(tmp_path, environment, "--host", "0.0.0.0", instance="0") as api:
        api.ready()
        said = [json.loads(line) for line in api.log.read_text().splitlines()]
    assert any("can be read on their way" in one.get("why", "") for one in said)
