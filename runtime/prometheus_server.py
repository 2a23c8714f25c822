"""The instruments over HTTP, of a process without another HTTP server: off by default."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import start_http_server

from autolearn.runtime.home import home_of
from autolearn.runtime.meter import Meter
from autolearn.schemas.errors import SettingsError
from autolearn.schemas.settings import Settings

log = structlog.stdlib.get_logger("autolearn.metrics")


@contextmanager
def exposed(meter: Meter, settings: Settings, name: str) -> Iterator[str]:
    """Serve /metrics during the block, and yield its address; "" when that is off.

    `<home>/metrics/<name>.json` holds the address, for Prometheus' file_sd_configs: several
    processes of one machine cannot all have the port of the settings, and the later ones take a
    free one. The file is deleted with the process, unless that is killed.

    Raises:
        SettingsError: the address cannot be used.
    """
    if not settings.observability.metrics:
        yield ""
        return
    host, _, port = settings.observability.metrics.rpartition(":")
    server, thread = _listen(meter, host.strip("[]"), int(port))
    address = f"{host}:{server.server_port}"
    about = [{"targets": [address], "labels": {"autolearn_process": name}}]
    file = home_of(settings) / "metrics" / f"{name}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(about))
    log.info("metrics", url=f"http://{address}/metrics")
    try:
        yield address
    finally:
        file.unlink(missing_ok=True)
        server.shutdown()
        server.server_close()
        thread.join()


def _listen(meter: Meter, host: str, port: int) -> tuple[WSGIServer, Thread]:
    """Serve on an address in a thread; on another port if this one is taken."""
    try:
        return start_http_server(port, host, meter.registry)
    except OSError as error:
        if error.errno == errno.EADDRINUSE and port:
            log.info("the port of /metrics is taken: a free one is used", port=port)
            return _listen(meter, host, 0)
        raise SettingsError(
            f"AUTOLEARN_METRICS: nobody can listen on {host}:{port}: {error}.",
            advice="Give an address of this machine, such as 127.0.0.1:0.",
        ) from None
