"""The settings of the endpoint for Prometheus. A part of :mod:`edxml_router.config.settings`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated

from edxml_router.config.faces.gateway_checks import listen_address
from edxml_router.config.mistake import REMARK, WRONG, Mistake
from edxml_router.config.values import About, SettingsTable
from edxml_router.core.detail import Detail


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings(SettingsTable):
    """Figures for Prometheus, and whether the node lives and is ready (docs/metrics.md)."""

    listen: Annotated[
        str | None,
        About(
            "Address and port of /metrics, /healthz and /readyz; without it there are none. Whoever reaches it reads "
            "names of neighbours and offices and how much goes to them, and never a document's id or an agency's. A "
            "restart takes it.",
            '"127.0.0.1:9464"',
        ),
    ] = None


def check_metrics(metrics: MetricsSettings) -> Iterator[Mistake]:
    """An address that can be listened on; a remark where other machines reach it, since nobody has to log in."""
    if metrics.listen is None:
        return
    place = ("metrics", "listen")
    try:
        host, _ = listen_address(metrics.listen)
    except ValueError:
        detail = Detail('metrics.listen: {text} is not written like "127.0.0.1:9464" or "[::1]:9464"',
                        text=metrics.listen)  # fmt: skip
        yield Mistake(WRONG, place, detail)
        return
    if not ip_address(host).is_loopback:
        detail = Detail(
            "metrics.listen: {text} can be read from other machines, in the clear and by anybody", text=metrics.listen
        )
        yield Mistake(REMARK, place, detail)
