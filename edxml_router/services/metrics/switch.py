"""Metrics on or off, as the settings of a node that is about to start say.

with serving_metrics(settings) as taken:
    supervisor.serve(settings, taken)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edxml_router.config import Settings
from edxml_router.observe import tally


@contextmanager
def serving_metrics(settings: Settings) -> Iterator[Callable[[Settings], None]]:
    """Serve the metrics of the node that this process is about to start, if the settings ask for it; yields what is to
    be told of new settings."""
    if settings.metrics.listen is None:
        tally.remove_pipe(settings.node.data)
        yield lambda _settings: None
        return
    # Loaded only where it is wanted: prometheus-client and what reads the figures are megabytes of the supervisor.
    from edxml_router.services.metrics.endpoint import Endpoint  # noqa: PLC0415
    from edxml_router.services.metrics.node_metrics import NodeMetrics  # noqa: PLC0415

    metrics = NodeMetrics(settings)
    metrics.begin()

    def take(new: Settings) -> None:
        metrics.settings = new

    try:
        with Endpoint(settings.metrics.listen, metrics.answer):
            yield take
    finally:
        tally.remove_pipe(settings.node.data)
