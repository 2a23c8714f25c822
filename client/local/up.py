"""The whole system in the foreground, until a signal ends it."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import time

from platformdirs import user_data_path

from autolearn.client.local.system import System, install_kafka
from autolearn.runtime.home import home_of, require_writable
from autolearn.schemas.settings import Settings

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_up(settings: Settings) -> None:
    """Run everything until Ctrl-C or SIGTERM, and stop everything then.

    Raises:
        AlreadyRunning: this home is in use.
        CannotStart: a process could not be started.
        SettingsError: the home cannot be written, or the API's port is taken.
    """
    require_writable(home_of(settings))
    if not settings.kafka.brokers:
        install_kafka()
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    """Start the system, print its URL, and wait for a signal; a signal also ends the start."""
    signalled = asyncio.Event()
    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, signalled.set)
    began = time.monotonic()
    system = System(settings, _say)
    stop = asyncio.create_task(signalled.wait())
    start = asyncio.create_task(system.start())
    await asyncio.wait((stop, start), return_when=asyncio.FIRST_COMPLETED)
    if start.done():
        start.result()
        _say(*where(system, time.monotonic() - began))
        await stop
        _say("Stopping …")
        await system.stop()
    else:
        _say("Stopping …")
        start.cancel()
        await asyncio.gather(start, return_exceptions=True)
    stop.cancel()
    _say("Stopped.")


def where(system: System, seconds: float) -> list[str]:
    """Describe how to use a ready system."""
    elsewhere = system.home != user_data_path("autolearn").resolve()
    needed = {"AUTOLEARN_HOME": str(system.home)} if elsewhere else {}
    if config := os.environ.get("XDG_CONFIG_HOME"):  # the token is there
        needed["XDG_CONFIG_HOME"] = config
    given = " ".join(f"{name}={shlex.quote(value)}" for name, value in needed.items())
    hint = f"export {given}" if needed else ""
    return [
        f"Ready after {seconds:.1f} s.",
        f"  API    {system.url}",
        f"  Kafka  {system.kafka}",
        f"  home   {system.home}",
        f"  logs   {system.home / 'logs'}",
        *([f"In another terminal, first: {hint}"] if hint else []),
        "Ctrl-C stops it.",
    ]


def _say(*lines: str) -> None:
    print("\n".join(lines), flush=True)
