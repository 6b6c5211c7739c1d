"""Measures of connections and signatures: TLS, who may go unsigned, and what the node's place in the tree asks for."""

from __future__ import annotations

import socket
import ssl
import warnings
from collections.abc import Iterator
from datetime import date, datetime
from typing import Final

from edxml_router.config import RabbitHub, Settings
from edxml_router.config.exposure import in_the_clear
from edxml_router.core.delivery.figures.deadlines import VIETNAM
from edxml_router.core.detail import Detail, joined
from edxml_router.services.compliance.situation import Measurement, Situation, gap, met, not_measured
from edxml_router.wiring import hubs

ANSWER_SECONDS: Final = 3.0
_EXCHANGES: Final = 3  # the level of a node that others hang on: a ministry's or a province's
_ONE_AGENCY: Final = 2


def tls(situation: Situation) -> Measurement:
    """The connections that this node makes, by the context that it would make them with."""
    settings = situation.settings
    wrong: list[str] = [told for _, told in in_the_clear(settings)]  # type: ignore[arg-type]  # it has these sections
    good: list[str] = []
    for name, hub in settings.hubs.items():
        if not isinstance(hub, RabbitHub) or hub.tls is None:
            continue
        make = hubs.rabbit_settings(settings, hub).tls
        least = make().minimum_version if make is not None else ssl.TLSVersion.MINIMUM_SUPPORTED
        told = Detail("{name}: {version} or later", name=name, version=least.name.replace("_", "."))
        (good if least >= ssl.TLSVersion.TLSv1_2 else wrong).append(told)
    in_effect = Detail("TLS 1.2 or later to brokers; sslmode of store.url")
    if wrong:
        return gap(in_effect, joined("; ", wrong))
    return met(in_effect, joined("; ", good) if good else Detail("no broker or database is on another machine"))


def gateway_tls(situation: Situation) -> Measurement:
    """The gateway itself is asked for TLS 1.1, as an old client would."""
    gateway = situation.settings.gateway
    if gateway is None:
        return not_measured("–", Detail("there is no gateway"))
    in_effect = Detail("gateway.listen {places}", places=", ".join(gateway.listen))
    if gateway.plain or gateway.certificate is None:
        return not_measured(in_effect, Detail("it speaks HTTP on this machine; what ends TLS before it cannot be seen"))
    host, _, port = gateway.listen[0].rpartition(":")
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host.strip("[]"), host.strip("[]"))  # noqa: S104  # not bound
    old, new = (speaks(address, int(port), version) for version in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2))
    if not new:
        return not_measured(in_effect, Detail("it does not answer"))
    if old:
        return gap(in_effect, Detail("it took a connection with TLS 1.1"))
    return met(in_effect, Detail("it refused TLS 1.1 and took TLS 1.2"))


def speaks(host: str, port: int, version: ssl.TLSVersion) -> bool:
    """Whether a server takes a connection of at most this version. Who it is does not matter here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that old versions are deprecated is why they are tried
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, version
    context.set_ciphers("ALL:@SECLEVEL=0")  # or the library would not offer it, and the server would look better
    try:
        with socket.create_connection((host, port), ANSWER_SECONDS) as plain, context.wrap_socket(plain):
            return True
    except OSError:  # ssl.SSLError among them
        return False


def signed(situation: Situation) -> Measurement:
    settings = situation.settings
    in_effect = Detail("trust.anchors, journal.key, no exceptions (unsigned)")
    today = datetime.now(VIETNAM).date()
    lacking = [
        *(["trust.anchors"] if settings.trust.anchors is None else []),
        *(["journal.key"] if settings.journal.key is None else []),
        *(name for name, until in _exceptions(settings) if until >= today),
    ]
    if lacking:
        return gap(in_effect, Detail("what is missing, or excepted: {names}", names=", ".join(lacking)))
    return met(in_effect, Detail("nothing unsigned is accepted, and checkpoints of the journal are signed"))


def two_layers(_situation: Situation) -> Measurement:
    return gap(Detail("TLS"), Detail("this version encrypts no letter itself"))


def level_fits(situation: Situation) -> Measurement:
    """NĐ 331/2026, article 9.2.c, as it is told: one agency 2, what connects others 3, national around the clock 4."""
    children = len(situation.settings.children)
    least = _EXCHANGES if children else _ONE_AGENCY
    in_effect = Detail("level {level}", level=situation.level)
    told = Detail("{count} nodes hang on it: at least level {least}", count=children, least=least)
    return met(in_effect, told) if situation.level >= least else gap(in_effect, told)


def bill_of_materials(_situation: Situation) -> Measurement:
    return not_measured("–", Detail("whether one is made each quarter cannot be seen from here"))


def incidents(_situation: Situation) -> Measurement:
    return not_measured("–", Detail("it is the work of people"))


def _exceptions(settings: Settings) -> Iterator[tuple[str, date]]:
    parent = settings.parent
    if parent is not None and parent.unsigned is not None:
        yield "parent.unsigned", parent.unsigned.until
    for number, child in enumerate(settings.children, 1):
        if child.unsigned is not None:
            yield f"children[{number}].unsigned", child.unsigned.until
    for number, office in enumerate(settings.offices, 1):
        if office.unsigned is not None:
            yield f"offices[{number}].unsigned", office.unsigned.until
