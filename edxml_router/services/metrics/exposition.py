"""The text that Prometheus reads: the only home of prometheus-client.

    text, kind = exposition(gathered.totals(), readings, request.headers["Accept"])

Its registry and its counters are not used: what is shown was counted by other processes and added up. Its families know
how names, labels and numbers are written, in the classic format and in that of OpenMetrics, whichever is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any, cast

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from edxml_router.observe.measures import MEASURES
from edxml_router.observe.tally import Labels, Measure
from edxml_router.services.metrics.gathering import MOST_SERIES
from edxml_router.services.metrics.gauges import GAUGES, PREFIX, Gauge, Reading


class _Snapshot:
    """What is known now, once."""

    def __init__(self, totals: Iterable[tuple[Measure, Labels, Any]], readings: Iterable[Reading]) -> None:
        self._totals = list(totals)
        self._readings = list(readings)

    def collect(self) -> Iterator[Metric]:
        yield from self._counted()
        yield from self._standing()

    def _counted(self) -> Iterator[Metric]:
        families = {name: _family(one) for name, one in MEASURES.items()}
        for measure, labels, numbers in self._totals:
            family = families[measure.name]
            if isinstance(family, HistogramMetricFamily):
                *counts, seconds = numbers
                bounds = [*map(repr, measure.buckets), "+Inf"]
                family.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), seconds)
            else:
                family.add_metric(labels, numbers[0])
        yield from families.values()

    def _standing(self) -> Iterator[Metric]:
        families = {
            name: GaugeMetricFamily(PREFIX + name, one.about, labels=one.labels) for name, one in GAUGES.items()
        }
        shown: dict[tuple[Gauge, Labels], float] = {}
        for gauge, labels, value in self._readings:
            shown[gauge, labels] = value  # one series has one value, whoever says it twice
        for (gauge, labels), value in shown.items():
            if len(families[gauge.name].samples) < MOST_SERIES:
                families[gauge.name].add_metric(labels, value)
        yield from families.values()


def _family(measure: Measure) -> Any:
    kind = HistogramMetricFamily if measure.buckets else CounterMetricFamily
    return kind(PREFIX + measure.name, measure.about, labels=measure.labels)


def exposition(
    totals: Iterable[tuple[Measure, Labels, Any]], readings: Iterable[Reading], accept: str
) -> tuple[bytes, str]:
    """The text and its media type; ``accept`` is the field that the caller sent."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(cast(Any, _Snapshot(totals, readings)))  # whatever collects is a collector
    encode, kind = choose_encoder(accept)
    return encode(registry), kind
