"""The logs of a process."""

from __future__ import annotations

import logging
import sys
import time

from autolearn.schemas.settings import ObservabilitySettings


class Seldom(logging.Filter):
    """Passes a repeated message of a library once in PAUSE seconds, with their number.

    A Kafka client without brokers would fill the disk: some 30 lines a second.
    """

    PAUSE, MOST = 10.0, 1000

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is shown; our own always are."""
        if not isinstance(record.msg, str):
            return True
        about, now = (record.name, record.msg), time.monotonic()
        at, more = self.said.get(about, (-self.PAUSE, 0))
        if now - at < self.PAUSE:
            self.said[about] = (at, more + 1)
            return False
        if len(self.said) >= self.MOST:
            self.said.clear()
        self.said[about] = (now, 0)
        if more:
            record.msg += f" ({more} more like this since)"
        return True


def configure_logs(observability: ObservabilitySettings) -> None:
    """Send structured logs to standard error, one line an event, by the settings."""
    import structlog  # as above

    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if observability.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,  # first: a hidden record should cost nothing
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=renderer)
    )
    root = logging.getLogger()
    handler.addFilter(Seldom())
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("autolearn").setLevel(observability.log_level.upper())
