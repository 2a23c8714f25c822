"""The instruments of one process for Prometheus: its part of `INSTRUMENTS`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from autolearn.schemas.prometheus import INSTRUMENTS

_BUCKETS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300)
"""Seconds. An answer takes a few milliseconds, a run anything."""
GaugeSample = tuple[str, tuple[str, ...], float]
"""The value of a gauge: its name, the values of its labels, and the number."""


class Meter(Collector):
    """The instruments of some process types. Any thread may use it.

    Counters and histograms are added to; gauges are read at each request (`watch`), and a gauge
    that is not read is not exposed. KeyError: an instrument is not of these types.
    """

    def __init__(self, *types: str) -> None:
        mine = {name: about for name, about in INSTRUMENTS.items() if {*types} & {*about.where}}
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.counters = {
            name: Counter(name, about.what, about.labels, registry=self.registry)
            for name, about in mine.items()
            if about.kind == "counter"
        }
        self.histograms = {
            name: Histogram(
                name, about.what, about.labels, registry=self.registry, buckets=_BUCKETS
            )
            for name, about in mine.items()
            if about.kind == "histogram"
        }
        self.gauges = {name: about for name, about in mine.items() if about.kind == "gauge"}
        self.readers: list[Callable[[], Iterable[GaugeSample]]] = []
        self.watch(lambda: [("autolearn_build_info", (version("autolearn"),), 1)])
        self.registry.register(self)

    def count(self, name: str, *labels: str, by: float = 1) -> None:
        """Add to a counter, by default one."""
        counter = self.counters[name]
        (counter.labels(*labels) if labels else counter).inc(by)

    def observe(self, name: str, seconds: float, *labels: str) -> None:
        """Add a duration to a histogram."""
        histogram = self.histograms[name]
        (histogram.labels(*labels) if labels else histogram).observe(seconds)

    def watch(self, read: Callable[[], Iterable[GaugeSample]]) -> None:
        """Read gauges with this function at each request."""
        self.readers.append(read)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the present gauges."""
        families: dict[str, GaugeMetricFamily] = {}
        for read in self.readers:
            for name, labels, value in read():
                about = self.gauges[name]
                if name not in families:
                    families[name] = GaugeMetricFamily(name, about.what, labels=about.labels)
                families[name].add_metric(labels, value)
        yield from families.values()

    def page(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)
