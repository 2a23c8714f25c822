"""Connects to the API that this machine knows: `autolearn.connect()`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from autolearn.client.sdk.access.credentials import running_homes
from autolearn.client.sdk.client import AsyncAutoLearn, AutoLearn
from autolearn.client.sdk.errors import Problem, Unreachable
from autolearn.client.sdk.operation import public
from autolearn.runtime.home import home_of, running
from autolearn.runtime.process import read_settings
from autolearn.runtime.variables import variables
from autolearn.schemas.errors import AutoLearnError, SettingsError

_HASTE = 1.0
"""Seconds after which a silent API is given up."""


def connect(url: str | None = None, *, token: str | None = None) -> AutoLearn:
    """Return a client of the API at `url`, else AUTOLEARN_URL, else of `autolearn up` here.

    `token` authenticates; without it, AUTOLEARN_TOKEN or the one stored by `autolearn login` does.
    `autolearn up` stores that of the first user.

    Raises:
        Unreachable: no API answers, or its URL is unknown.
        NotLoggedIn: there is no token for it, or it is not valid.
        SettingsError: a setting is not valid.
    """
    __tracebackhide__ = True
    try:
        client = AutoLearn(_url(url), token=token)
        try:
            with suppress(Problem):  # the request may work all the same; if not, it says why
                client.ready(patience=_HASTE)
            client.me()
        except BaseException:
            client.close()
            raise
    except AutoLearnError as error:
        raise public(error) from None
    return client


async def connect_async(url: str | None = None, *, token: str | None = None) -> AsyncAutoLearn:
    """Return a client to await, as `connect` does.

    Raises:
        Unreachable: no API answers, or its URL is unknown.
        NotLoggedIn: there is no token for it, or it is not valid.
        SettingsError: a setting is not valid.
    """
    __tracebackhide__ = True
    try:
        client = AsyncAutoLearn(_url(url), token=token)
        try:
            with suppress(Problem):
                await client.ready(patience=_HASTE)
            await client.me()
        except BaseException:
            await client.close()
            raise
    except AutoLearnError as error:
        raise public(error) from None
    return client


def _url(given: str | None) -> str:
    """Return the URL of the API.

    Raises:
        SettingsError: it is none.
        Unreachable: none is known.
    """
    url = given or variables().get("AUTOLEARN_URL") or url_of_up(home_of(read_settings()))
    if not url.startswith(("http://", "https://")):
        raise SettingsError(
            f"{url!r} is not a URL.",
            title="The URL of the API is not valid",
            advice="It begins with http:// or https://, as in http://127.0.0.1:8321.",
        )
    return url


def url_of_up(home: Path) -> str:
    """Return the URL of `autolearn up` on a home. Raises Unreachable."""
    up = running(home)
    if up is not None:
        return up.url
    advice = "Start `autolearn up`, or say where the API is (AUTOLEARN_URL)."
    with suppress(SettingsError):
        if others := ", ".join(f"AUTOLEARN_HOME={other}" for other in running_homes()):
            advice = f"It runs elsewhere: set {others}; or set AUTOLEARN_URL."
    raise Unreachable(f"`autolearn up` does not run on {home}.", advice=advice)
