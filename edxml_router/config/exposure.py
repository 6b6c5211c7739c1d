"""Valid settings that let others read mail: a data folder open to every account, a connection in the clear.

Warnings only: a connection may be encrypted at a lower layer, and a folder shared on purpose. Connections within this
machine do not count.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from edxml_router.config.settings import Sections
from edxml_router.core.detail import Detail

_ENCRYPTED = ("require", "verify-ca", "verify-full")  # "prefer" goes on in the clear when the server says so


def in_the_clear(sections: Sections) -> Iterator[tuple[tuple[str, ...], str]]:
    """The sections that connect to another machine without TLS, and what is wrong."""
    hubs = [(("hub",), sections.hub), (("parent", "hub"), sections.parent.hub if sections.parent else None)]
    for place, hub in hubs:
        if hub is not None and hub.kind == "rabbitmq" and hub.host and hub.tls_ca is None and not _is_here(hub.host):
            yield place, Detail("{place}: {host} is dialled without TLS (tls_ca)", place=".".join(place), host=hub.host)
    url = sections.store.url
    if url is not None and url.startswith("postgresql"):
        host, mode = _server(url)
        if host and not _is_here(host) and mode not in _ENCRYPTED:
            yield ("store", "url"), Detail("store.url: {host} may be reached without TLS (sslmode)", host=host)


def open_folder(folder: Path) -> str | None:
    """What is wrong with the mode of a folder that is there; None when it is for its owner alone."""
    try:
        mode = stat.S_IMODE(folder.stat().st_mode)
    except OSError:
        return None
    if mode & 0o022:
        return Detail(
            "{folder}: mode {mode:04o}, other accounts can change what is in it; 0700 is meant",
            folder=folder,
            mode=mode,
        )
    return (
        Detail("{folder}: mode {mode:04o}, other accounts can look into it; 0700 is meant", folder=folder, mode=mode)
        if mode & 0o077
        else None
    )


def _server(url: str) -> tuple[str, str]:
    """Host and sslmode of a URL; a host in the query stands before the one in front of it."""
    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        host = query.get("host", [unquote(parts.hostname or "")])[-1]
    except ValueError:
        return "", ""
    return ("" if host.startswith("/") else host), query.get("sslmode", [""])[-1]


def _is_here(host: str) -> bool:
    """Whether a host is this machine, by its name alone, without a name server."""
    if host.rstrip(".").lower() in ("localhost", "localhost.localdomain", "ip6-localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
