"""Checks across the settings of the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from edxml_router.config.faces.gateway import GatewaySettings
from edxml_router.config.mistake import WRONG, Mistake
from edxml_router.config.peers import OfficeSettings
from edxml_router.core.detail import Detail

_MOST_PORT = 65535


def listen_address(text: str) -> tuple[str, int]:
    """Host and port of ``127.0.0.1:8443`` or ``[::1]:8443``. Raises ValueError for anything else: a name would be asked
    of a name server, and may mean several addresses."""
    host, separator, port = text.rpartition(":")
    if not separator or not port.isascii() or not port.isdecimal() or int(port) > _MOST_PORT:
        raise ValueError(text)
    six = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if six else host
    if (ip_address(bare).version == 6) != six:  # IPv6
        raise ValueError(text)
    return bare, int(port)


def check(gateway: GatewaySettings | None, offices: tuple[OfficeSettings, ...]) -> Iterator[Mistake]:
    """Every mistake, in no particular order."""
    yield from _offices(gateway, offices)
    if gateway is None:
        return
    for number, text in enumerate(gateway.listen):
        yield from _listens(gateway, number, text)
    for number, text in enumerate(gateway.proxies):
        try:
            ip_network(text)
        except ValueError:
            detail = Detail("gateway.proxies: {text} is neither an address nor a network", text=text)
            yield Mistake(WRONG, ("gateway", "proxies", number), detail)
    both = (("gateway", "certificate"), ("gateway", "key"), ("gateway", "plain"))
    if (gateway.certificate is None) != (gateway.key is None):
        yield Mistake(WRONG, ("gateway",), Detail("gateway.certificate and gateway.key belong together"), both)
    elif gateway.certificate is None and not gateway.plain:
        detail = Detail("gateway.certificate and gateway.key are missing (or plain = true, on loopback)")
        yield Mistake(WRONG, ("gateway",), detail, both)
    elif gateway.certificate is not None and gateway.plain:
        yield Mistake(WRONG, ("gateway", "plain"), Detail("gateway.plain goes without a certificate"), both)


def _listens(gateway: GatewaySettings, number: int, text: str) -> Iterator[Mistake]:
    place = ("gateway", "listen", number)
    try:
        host, _ = listen_address(text)
    except ValueError:
        detail = Detail('gateway.listen: {text} is not written like "0.0.0.0:8443" or "[::]:8443"', text=text)
        yield Mistake(WRONG, place, detail)
        return
    if gateway.plain and not ip_address(host).is_loopback:
        detail = Detail("gateway.plain: {text} can be reached from other machines, which takes TLS", text=text)
        yield Mistake(WRONG, place, detail, (("gateway", "plain"),))


def _offices(gateway: GatewaySettings | None, offices: tuple[OfficeSettings, ...]) -> Iterator[Mistake]:
    names: dict[str, int] = {}
    for number, office in enumerate(offices):
        given = "certificate" if office.certificate else "certificate_name" if office.certificate_name else ""
        if given and (gateway is None or gateway.client_anchors is None):
            detail = Detail("{office}: a certificate to log in by needs gateway.client_anchors", office=office.name)
            yield Mistake(WRONG, ("offices", number, given), detail, (("gateway", "client_anchors"),))
        if office.certificate_name is not None:
            first = names.setdefault(office.certificate_name, number)
            if first != number:
                detail = Detail("{name} logs in as {office} already", name=office.certificate_name,
                                office=offices[first].name)  # fmt: skip
                yield Mistake(WRONG, ("offices", number, "certificate_name"), detail, (("offices", first, "name"),))
