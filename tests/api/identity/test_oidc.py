"""Bearer tokens of an OpenID provider: a local one, which signs with keys of its own."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from autolearn.api.http.problems import Problem
from autolearn.api.identity import oidc
from autolearn.api.identity.oidc import Provider
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.storage.memory import MemoryStore
from autolearn.schemas.errors import SettingsError
from autolearn.schemas.settings import load
from tests.support.api_processes import Api, Process
from tests.support.settings import settings_of
from tests.support.waiting import soon

AUDIENCE = "autolearn-test"
NOBODY = Snapshot(MemoryStore())


class Issuer:
    """A provider: its keys over HTTP, and tokens for whoever the test likes."""

    def __init__(self) -> None:
        self.keys = [
            RSAKey.generate_key(2048, {"kid": "r1", "use": "sig"}),
            ECKey.generate_key("P-256", {"kid": "e1", "use": "sig"}),
            OKPKey.generate_key("Ed25519", {"kid": "o1"}),
        ]
        self.asked, self.works = 0, True
        self.answers = threading.Event()
        self.answers.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                outer.answers.wait(30)
                body = json.dumps(KeySet(outer.keys).as_dict(private=False)).encode()
                self.send_response(200 if outer.works else 500)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.answers.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def token(self, name: object = "ada", *, key: int = 0, alg: str = "", **claims: Any) -> str:
        """A token that is good, unless a claim says otherwise; None leaves a claim out."""
        now = int(time.time())
        about = {"iss": self.url, "aud": AUDIENCE, "sub": name, "iat": now, "exp": now + 300}
        about = {name: value for name, value in (about | claims).items() if value is not None}
        signing = self.keys[key]
        header = {"alg": alg or ("RS256", "ES256", "Ed25519")[key], "kid": signing.kid}
        return jwt.encode(header, about, signing, algorithms=[header["alg"]])

    def settings(self, **others: str) -> dict[str, str]:
        given = {"auth": "oidc", "oidc_issuer": self.url, "oidc_jwks_url": f"{self.url}/jwks"}
        return {**given, "oidc_audience": AUDIENCE, **others}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.close()


def authenticate(provider: Provider, token: str) -> Any:
    """Who has a token, or the status and kind of the problem."""
    try:
        return asyncio.run(provider.authenticate(NOBODY, token))
    except Problem as problem:
        return problem.status_code, problem.kind


def provider_of(issuer: Issuer, **others: str) -> Provider:
    return Provider(settings_of(**issuer.settings(**others)).identity)


@pytest.mark.parametrize("key", [0, 1, 2], ids=["RSA", "P-256", "Ed25519"])
def test_a_good_token_lets_in(issuer: Issuer, key: int):
    provider = provider_of(issuer)
    who = authenticate(provider, issuer.token("auth0|7f", key=key))
    assert (who.name, who.sysadmin, who.everything) == ("auth0|7f", False, False)
    assert who.expires == pytest.approx(time.time() + 300 + oidc.LEEWAY, abs=5)


def test_a_role_makes_a_sysadmin(issuer: Issuer):
    provider = provider_of(issuer)
    for roles, sysadmin in (
        (["user", "sysadmin"], True),
        ("user sysadmin", True),
        (["Sysadmin"], False),
        ("sysadministrator", False),
        ({"sysadmin": True}, False),
        (None, False),
    ):
        assert authenticate(provider, issuer.token(roles=roles)).sysadmin is sysadmin
    for roles, role in ((["viewer"], "viewer"), (["viewer", "sysadmin"], "sysadmin"), ([], "user")):
        assert authenticate(provider, issuer.token(roles=roles)).role == role
    nested = provider_of(issuer, oidc_role_claim="realm_access.roles", oidc_sysadmin_role="root")
    assert authenticate(nested, issuer.token(realm_access={"roles": ["root"]})).sysadmin
    assert not authenticate(nested, issuer.token(realm_access="root")).sysadmin


def test_the_name_is_the_claim_that_is_set(issuer: Issuer):
    provider = provider_of(issuer, oidc_name_claim="email")
    assert authenticate(provider, issuer.token(email="ada@example.org")).name == "ada@example.org"
    assert authenticate(provider, issuer.token()) == (401, "bad-token")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "another-api"},
        {"aud": ["another-api"]},
        {"aud": None},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": 4_102_444_800},  # the year 2100
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "a\x00b"},
        {"sub": "x" * 201},
        {"sub": "group/churn"},
    ],
    ids=str,
)
def test_a_token_with_other_claims_is_refused(issuer: Issuer, claims: dict[str, Any]):
    assert authenticate(provider_of(issuer), issuer.token(**claims)) == (401, "bad-token")


def test_a_list_of_audiences_may_hold_ours(issuer: Issuer):
    token = issuer.token(aud=["another-api", AUDIENCE])
    assert authenticate(provider_of(issuer), token).name == "ada"


def test_an_expired_token_is_refused(issuer: Issuer):
    token = issuer.token(exp=int(time.time()) - 3600)
    assert authenticate(provider_of(issuer), token) == (401, "token-expired")


def part(content: bytes) -> str:
    """Bytes as a part of a JWT."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def forged(issuer: Issuer) -> Iterator[tuple[str, str]]:
    good = issuer.token()
    head, claims, signature = good.split(".")
    other = issuer.token("root").split(".")[1]
    yield "claims of another token", f"{head}.{other}.{signature}"
    yield "a flipped signature", f"{head}.{claims}.{signature[:-4]}AAAA"
    yield "no signature", f"{head}.{claims}."
    yield "two parts", f"{head}.{claims}"
    yield "five parts", f"{good}.x.y"
    yield "nothing", "."
    yield "no ASCII", "é.é.é"
    yield "long", "a" * 100_000
    none = "eyJhbGciOiJub25lIn0"  # {"alg":"none"}
    yield "alg none", f"{none}.{claims}."
    # RFC 8725, 2.1: the public key taken for the secret of an HMAC.
    head = part(b'{"alg":"HS256","kid":"r1"}')
    signed = f"{head}.{claims}"
    public = issuer.keys[0].as_pem(private=False)
    mac = hmac.digest(public, signed.encode(), "sha256")
    yield "HMAC with the public key", f"{signed}.{part(mac)}"
    about = jwt.decode(good, issuer.keys[0], algorithms=["RS256"]).claims
    stranger = RSAKey.generate_key(2048, {"kid": "r1"})
    header = {"alg": "RS256", "kid": "r1"}
    yield "another's key", jwt.encode(header, about, stranger, algorithms=["RS256"])
    header = {"alg": "RS256", "jwk": stranger.as_dict(private=False)}
    own = jwt.encode(header, about, stranger, algorithms=["RS256"])
    yield "a key that it brings itself", own


def test_a_forged_token_is_refused(issuer: Issuer):
    provider = provider_of(issuer)
    assert authenticate(provider, issuer.token()).name == "ada"
    for what, token in forged(issuer):
        assert authenticate(provider, token) == (401, "bad-token"), what


def test_keys_are_fetched_once_and_again_for_a_new_one(issuer: Issuer):
    provider = provider_of(issuer)

    async def story() -> None:
        who = [provider.authenticate(NOBODY, issuer.token(f"u{n}")) for n in range(20)]
        assert [one.name for one in await asyncio.gather(*who)] == [f"u{n}" for n in range(20)]
        assert issuer.asked == 1
        issuer.keys[0] = RSAKey.generate_key(2048, {"kid": "r2"})
        fresh = issuer.token()
        with pytest.raises(Problem):
            await provider.authenticate(NOBODY, fresh)
        assert issuer.asked == 1, "not more often than every few seconds"
        provider.pause = 0.0
        assert (await provider.authenticate(NOBODY, fresh)).name == "ada"
        assert issuer.asked == 2

    asyncio.run(story())


def test_a_made_up_key_holds_up_nobody(issuer: Issuer):
    provider, good = provider_of(issuer), issuer.token()
    provider.pause = 0.0
    issuer.keys.append(RSAKey.generate_key(2048, {"kid": "made up"}))
    made_up = issuer.token(key=3, alg="RS256")
    issuer.keys.pop()

    async def story() -> None:
        await provider.authenticate(NOBODY, good)
        issuer.answers.clear()
        asking = asyncio.create_task(provider.authenticate(NOBODY, made_up))
        await soon(lambda: issuer.asked == 2)
        async with asyncio.timeout(2):
            assert (await provider.authenticate(NOBODY, good)).name == "ada"
        assert not asking.done(), "the provider has not answered"
        issuer.answers.set()
        with pytest.raises(Problem):
            await asking

    asyncio.run(story())


def test_a_provider_that_is_away_is_not_needed_for_known_keys(issuer: Issuer):
    provider = provider_of(issuer)

    async def story() -> None:
        issuer.works = False
        with pytest.raises(Problem) as unknown:
            await provider.authenticate(NOBODY, issuer.token())
        assert unknown.value.status_code == 503
        issuer.works = True
        provider.tried -= 2
        await provider.authenticate(NOBODY, issuer.token())
        issuer.works = False
        provider.pause = 0.0
        provider.fetched -= oidc.KEPT
        assert (await provider.authenticate(NOBODY, issuer.token())).name == "ada"
        provider.fetched -= 2 * oidc.KEPT
        with pytest.raises(Problem) as gone:
            await provider.authenticate(NOBODY, issuer.token())
        assert gone.value.status_code == 503, "old keys are not believed for ever"

    asyncio.run(story())


def test_settings_that_would_let_anybody_in_are_refused(issuer: Issuer):
    given = {f"AUTOLEARN_{k.upper()}": v for k, v in issuer.settings().items()}
    assert load(given).identity.oidc_audience == AUDIENCE
    for name in ("ISSUER", "JWKS_URL", "AUDIENCE"):
        with pytest.raises(SettingsError, match=f"OIDC_{name} is not set"):
            load(given | {f"AUTOLEARN_OIDC_{name}": ""})
    for url in ("http://keys.example/jwks", "ftp://127.0.0.1/", "http://127.0.0.1.example/"):
        with pytest.raises(SettingsError, match="neither https"):
            load(given | {"AUTOLEARN_OIDC_JWKS_URL": url})


@pytest.mark.long
@pytest.mark.kafka
def test_a_whole_system_with_a_provider(kafka: str, issuer: Issuer, tmp_path: Path):
    environment = {
        **{f"AUTOLEARN_{k.upper()}": v for k, v in issuer.settings().items()},
        "AUTOLEARN_HOME": str(tmp_path / "home"),
        "AUTOLEARN_KAFKA": kafka,
        "AUTOLEARN_TOPIC_PREFIX": f"oidc-{uuid.uuid4().hex[:8]}",
    }
    with ExitStack() as stack:
        decide = Process(tmp_path, "decide", environment, "autolearn.agents", "decide")
        stack.callback(decide.stop)
        api = stack.enter_context(Api(tmp_path, environment, instance="0"))
        http = stack.enter_context(api.client())
        decide.ready()

        def ask(token: str, method: str, path: str, **given: Any) -> httpx.Response:
            headers = {"Authorization": f"Bearer {token}"}
            return http.request(method, path, headers=headers, **given)

        ada, grace = issuer.token("auth0|ada"), issuer.token("auth0|grace", key=1)
        root = issuer.token("root", roles=["sysadmin"])
        assert http.get("/v1/sessions").status_code == 401
        opened = ask(ada, "POST", "/v1/sessions", json={"title": "secret"})
        session = opened.headers["location"]
        assert opened.json()["actor"] == "auth0|ada"
        assert ask(grace, "GET", session).status_code == 404
        assert ask(root, "GET", session).json()["title"] == ""
        share = {"user": "auth0|grace"}
        assert ask(ada, "POST", f"{session}/share", json=share).status_code == 200
        assert ask(grace, "GET", session).json()["title"] == "secret"
        assert ask(ada, "GET", "/v1/digests").status_code == 403
        assert ask(root, "GET", "/v1/digests").status_code == 200
        assert ask(root, "POST", "/v1/users", json={"name": "ada"}).status_code == 409
        assert ask(ada, "POST", "/v1/tokens", json={}).status_code == 409
        assert ask(ada, "GET", "/v1/me").json()["auth"] == "oidc"
        login = {"user": "ada", "password": "correct horse"}
        assert http.post("/v1/login", json=login).status_code == 409
