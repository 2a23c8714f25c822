"""What presses on a process, for Prometheus: who waits, what is on its way, what is undecided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from autolearn.api.facade import Facade

__all__ = ["Load"]


class Load(Collector):
    """The figures behind 429, 503 and cut clients, read when somebody asks."""

    def __init__(self, facade: Facade) -> None:
        self.facade = facade

    def collect(self) -> Iterator[Metric]:
        """Yield all figures."""
        waiting = GaugeMetricFamily(
            "autolearn_waiting_requests", "Requests that are worked on", labels=["sort"]
        )
        for sort, count in self.facade.waiting.requests.items():
            waiting.add_metric([sort], count)
        yield waiting
        yield self.gauge("waiting_bytes", "Bytes of their bodies", self.facade.waiting.bytes)
        appends = self.facade.commands.appends
        yield self.gauge("appends", "Commands on their way to Kafka", len(appends.sendings))
        yield self.gauge("appends_bytes", "Bytes of these commands", appends.bytes)
        undecided = GaugeMetricFamily(
            "autolearn_undecided",
            "Commands up to the newest of this process that wait for their decision",
            labels=["partition"],
        )
        for partition, count in self.facade.commands.backlog.undecided().items():
            undecided.add_metric([str(partition)], count)
        yield undecided
        stale = self.facade.staleness.seconds()
        yield self.gauge("stale_seconds", "Age of the read models without brokers", stale or 0.0)
        yield CounterMetricFamily(
            "autolearn_cut_followers",
            "Clients that followed, and were cut because they took nothing",
            value=self.facade.tail.cut,
        )

    def gauge(self, name: str, words: str, value: float) -> GaugeMetricFamily:
        """Return a figure without labels."""
        return GaugeMetricFamily(f"autolearn_{name}", words, value)
