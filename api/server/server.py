"""One API process from start to end: settings, lock, store, server."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
import uvicorn

from autolearn.api.server.connection import HttpConnection
from autolearn.api.state.audit_trail import Recent
from autolearn.api.state.context import ApiContext, make_context
from autolearn.api.state.event_tail import EventTail
from autolearn.api.state.log_reader import LogReader
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.embedded.probe import require_port
from autolearn.eventlog.encryption.session_cipher import open_vault
from autolearn.eventlog.kafka.cluster import Cluster
from autolearn.eventlog.kafka.connect import kafka_of, open_log
from autolearn.projections.read_models import ReadModels
from autolearn.projections.rebuild.store_folders import ViewsPlace
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.runtime.home import artifacts_url, home_of, lock, state_folder
from autolearn.runtime.logs import configure_logs
from autolearn.runtime.process import say_ready
from autolearn.runtime.watchdog import Watchdog, teller
from autolearn.schemas.errors import AutoLearnError, SettingsError
from autolearn.schemas.settings import ApiSettings, Settings
from autolearn.security.wire_keys import folder_of_keys

log = structlog.stdlib.get_logger("autolearn.api")

_FAIL_STOP = 70
_KEY_PATIENCE = 0.3
"""Seconds within which another process's new key must arrive."""
_KEEP_ALIVE = 15
"""Seconds that an idle connection is kept: longer than clients keep theirs.

httpx keeps one for 5 seconds, as uvicorn does: a request would meet a connection just closed.
"""
_GRACE = 3
"""Seconds that open requests have when the process is stopped."""


def serve(
    settings: Settings,
    make_app: Callable[[ApiContext], Any],
    host: str,
    port: int,
    kind: str = "api",
    models: type[ReadModels] = ReadModels,
) -> int:
    """Serve until stopped (SIGTERM, Ctrl-C) or a failure; return the exit code.

    `kind` is the type of the process, `models` the read models that it needs.

    Raises:
        AlreadyRunning: another process has this instance name on this home.
        LogError: no Kafka is named.
        SettingsError: the port is taken, or another setting cannot be used.
    """
    configure_logs(settings.observability)
    require_port(host, port)
    _warn_if_open(settings, host)
    folder, audited = state_folder(settings, kind), settings.observability.audit == "on"
    with lock(
        folder / "lock",
        f"The {kind.upper() if kind == 'api' else kind} process {settings.instance!r}",
    ):
        to = open_log(settings)
        store = RocksStore(ViewsPlace(folder).used)
        context = make_context(
            settings,
            to,
            store,
            ArtifactStore(artifacts_url(settings)),
            folder,
            on_failure=lambda: setattr(server, "should_exit", True),
            cluster=Cluster(*kafka_of(settings)),
            audit_log=open_log(settings, gathers=True) if audited else None,
            wire_keys=folder_of_keys(settings.api, home_of(settings)),
            vault=open_vault(settings, to, makes=True, patience=_KEY_PATIENCE),
            kind=kind,
            models=models,
        )
        context.wire_keys.present()  # made now if there is none; a fault is reported now
        server = Server(
            context.reader,
            context.tail,
            context.trail.recent,
            uvicorn.Config(
                make_app(context),
                host=host,
                port=port,
                loop="uvloop",
                http=HttpConnection,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(settings.api.trusted_proxies),
                forwarded_allow_ips=settings.api.trusted_proxies,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=_GRACE,
                **_tls(settings.api),
            ),
        )
        # The server stops at these by itself, and raises them again at its end: that is enough.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        dog = Watchdog(teller())
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            dog.watch("the event loop", runner.get_loop())
            dog.start()
            runner.run(server.serve())
        return _FAIL_STOP if context.reader.failure is not None or not server.started else 0


def _warn_if_open(settings: Settings, host: str) -> None:
    """Warn if others than this machine may do or read everything."""
    try:
        here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, of whatever machine
        here = False
    if here:
        return
    if settings.identity.auth == "none":
        why = "AUTOLEARN_AUTH is none: whoever reaches this address may do everything"
        log.warning("open", host=host, why=why)
    if settings.api.plain == "always" and not settings.api.tls_cert:
        why = "AUTOLEARN_PLAIN is always, without TLS: tokens and work can be read on their way"
        log.warning("open", host=host, why=why)


def _tls(api: ApiSettings) -> dict[str, Any]:
    """Return the TLS options of uvicorn, if TLS is on.

    Raises:
        SettingsError: the certificate or its key cannot be used.
    """
    if not api.tls_cert:
        return {}
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            api.tls_cert, api.tls_key, password=""
        )
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise SettingsError(
            f"The certificate {api.tls_cert} with the key {api.tls_key} cannot be used: {error}.",
            title="The API cannot speak TLS",
            advice="AUTOLEARN_TLS_CERT and AUTOLEARN_TLS_KEY name PEM files; the key has no "
            "password.",
        ) from None
    return {"ssl_certfile": api.tls_cert, "ssl_keyfile": api.tls_key}


class Server(uvicorn.Server):
    """Uvicorn, which prints `ready URL` once the read models have caught up."""

    def __init__(
        self, reader: LogReader, tail: EventTail, recent: Recent, config: uvicorn.Config
    ) -> None:
        super().__init__(config)
        self.reader, self.tail, self.recent = reader, tail, recent

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and go on; `ready` is printed later."""
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        if ipaddress.ip_address(host).is_unspecified:  # every address: name one that works here
            host = "::1" if ":" in host else "127.0.0.1"
        shown = f"[{host}]" if ":" in host else host
        url = f"{'https' if self.config.is_ssl else 'http'}://{shown}:{port}"
        log.info("listening", url=url)
        self.announcing = asyncio.create_task(self.announce(url))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the open streams, which would never end by themselves, then the rest."""
        self.tail.close()
        self.recent.close()
        await super().shutdown(sockets)

    async def announce(self, url: str) -> None:
        """Print the API's URL, once it is ready."""
        with suppress(AutoLearnError):  # a failure is reported by its cause
            await self.reader.until_ready()
            say_ready(url)
