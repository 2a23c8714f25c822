"""`python -m autolearn.agents [--with-parent] TYPE…`: one process of one or more process types.

It prints `ready` once it can work. With --with-parent it ends with the process that started it.

Types: decide, dispatch, supervise, monitor, work. Exit codes: 0 stopped by a signal, 2 bad
arguments or settings, 3 no Kafka, 4 another process holds this instance's name, 70 fail stop.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop

from autolearn.agents.process import TYPES, main
from autolearn.runtime.logs import configure_logs
from autolearn.runtime.process import end_with_parent, failed, read_settings
from autolearn.schemas.errors import AutoLearnError

if __name__ == "__main__":
    wanted = [word for word in sys.argv[1:] if word != "--with-parent"]
    if not wanted or not set(wanted) <= set(TYPES):
        sys.exit(f"usage: python -m autolearn.agents [--with-parent] TYPE…, of {', '.join(TYPES)}")
    try:
        settings = read_settings()
        configure_logs(settings.observability)
        if "--with-parent" in sys.argv:
            end_with_parent()
        uvloop.install()  # for the loops of Faust's own threads as well
        asyncio.run(main(wanted, settings))
    except AutoLearnError as error:
        sys.exit(failed(error))
