"""Trust and sealing of a client: AUTOLEARN_CA, AUTOLEARN_SERVER_KEY, AUTOLEARN_SEAL."""

from __future__ import annotations

import ssl

import httpx

from autolearn.runtime.variables import variables
from autolearn.schemas.errors import SettingsError


def transport(
    url: str, given: httpx.BaseTransport | None, seal: bool | None
) -> httpx.BaseTransport:
    """Return the blocking transport of a client of `url`; a `given` one stays below it.

    Raises:
        SettingsError: a variable has a bad value.
    """
    inner = given or httpx.HTTPTransport(verify=trusted(url), trust_env=False)
    if not (seals() if seal is None else seal):
        return inner
    from autolearn.client.sdk.sealed_transport import Sealing

    return Sealing(inner, _variable("AUTOLEARN_SERVER_KEY"))


def async_transport(
    url: str, given: httpx.AsyncBaseTransport | None, seal: bool | None
) -> httpx.AsyncBaseTransport:
    """Return the async transport of a client, likewise."""
    inner = given or httpx.AsyncHTTPTransport(verify=trusted(url), trust_env=False)
    if not (seals() if seal is None else seal):
        return inner
    from autolearn.client.sdk.sealed_transport import AsyncSealing

    return AsyncSealing(inner, _variable("AUTOLEARN_SERVER_KEY"))


def _variable(name: str) -> str:
    """Return a variable of the environment, else of the home's `.env`, else ""."""
    return variables().get(name, "")


def seals() -> bool:
    """Return whether requests are sealed."""
    given = _variable("AUTOLEARN_SEAL") or "on"
    if given not in ("on", "off"):
        raise SettingsError(
            f"AUTOLEARN_SEAL={given!r} does not fit: it is on or off.",
            advice="Correct or unset it, in the environment and in the file .env.",
        )
    return given == "on"


def trusted(url: str) -> ssl.SSLContext | bool:
    """Return the trusted authorities of a server's certificate: AUTOLEARN_CA, if set.

    None without TLS: loading the machine's authorities takes longer than most requests.
    """
    if not url.lower().startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    file = _variable("AUTOLEARN_CA")
    if not file:
        return True
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:
        raise SettingsError(
            f"AUTOLEARN_CA={file!r} cannot be used: {error}.",
            advice="It names a PEM file with the certificates that are trusted.",
        ) from None
