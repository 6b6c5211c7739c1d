"""Where the kit gets to work: its line, its own agency and key, and the agency under test.

    kit = at_gateway("https://…", Access(token=path), Codes(to="H01.151"), SigningFiles(key, cert))
    kit = at_node(settings, "van-thu", "doi-chung", Codes(), None)

Raises Refusal EDX436 where it is not clear for which agency the kit writes, or to which; EDX403 for an office that is
not there; what the lines raise; and for keys what signing raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from edxml_router.config import Settings
from edxml_router.conformance.letters.stationery import Sign, Stationery
from edxml_router.conformance.lines.gateway_line import GatewayLine, open_client
from edxml_router.conformance.lines.line import CounterpartLine
from edxml_router.conformance.lines.node_line import NodeLine
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.signature.form import Coverage
from edxml_router.core.trust import certificate
from edxml_router.core.wording import in_words
from edxml_router.core.xml.safe_xml import Limits
from edxml_router.services import office, signing

LARGEST_BYTES: Final = 256 * 1024 * 1024  # of a letter that the kit signs


class Access(NamedTuple):
    """By what the kit is known at a gateway: files of a token, of a client certificate and its key, of authorities."""

    token: Path | None = None
    certificate: tuple[Path, Path] | None = None
    authorities: Path | None = None


class Codes(NamedTuple):
    """The kit's agency and the one under test, as they were typed; empty where they follow from the rest."""

    sender: str = ""
    to: str = ""


class SigningFiles(NamedTuple):
    """The kit's own key (a file, or ``pkcs11:…``) and its certificate."""

    key: str
    certificate: Path


@dataclass(frozen=True, slots=True)
class Kit:
    """Ready to begin. ``agency``: the canonical code under test; ``close`` is called at the end."""

    line: CounterpartLine
    paper: Stationery
    node: str
    agency: str
    counterpart: str
    close: Callable[[], None]


def at_gateway(url: str, access: Access, codes: Codes, files: SigningFiles) -> Kit:
    """At the gateway of a node, as an office of it."""
    client = open_client(url, access.token, access.certificate, access.authorities)
    line = GatewayLine(url, client)
    try:
        return _kit(line, url, codes, _agencies_of(files.certificate), (), _signer(files), client.close)
    except BaseException:
        client.close()
        raise


def at_node(settings: Settings, tested: str, own: str, codes: Codes, files: SigningFiles | None) -> Kit:
    """At a node of this machine. Without files its seal for the kit's agency signs ([[seals]])."""
    office.require(settings, tested)
    others = [one.name for one in settings.offices if one.name != tested]
    if own:
        office.require(settings, own)
    if own == tested or (not own and len(others) != 1):
        detail = Detail("which office is the kit's (--as)? There are {names}", names=", ".join(others) or "-")
        raise Refusal("EDX436", where="--as", detail=detail)
    name = own or others[0]
    agencies = {one.name: one.agencies for one in settings.offices}
    line = NodeLine(settings, name, tested)
    own_agencies = _agencies_of(files.certificate) if files is not None else agencies[name]
    sender = _only(codes.sender, own_agencies, "--from")

    def seal(data: bytes, coverage: Coverage) -> bytes:
        return line.seal(line.canonical(sender), data, coverage)

    sign = _signer(files) if files is not None else seal
    return _kit(line, settings.node.name, codes, own_agencies, agencies[tested], sign, lambda: None)


def _kit(
    line: CounterpartLine,
    node: str,
    codes: Codes,
    own: Sequence[str],
    tested: Sequence[str],
    sign: Sign,
    close: Callable[[], None],
) -> Kit:
    sender, to = _only(codes.sender, own, "--from"), _only(codes.to, tested, "--to")
    paper = Stationery(sender, to, lambda: datetime.now(UTC), sign)
    return Kit(line, paper, node, line.canonical(to), line.canonical(sender), close)


def _only(typed: str, known: Sequence[str], option: str) -> str:
    """What was typed, or the only one that there is."""
    if not typed and len(known) != 1:
        detail = Detail("which agency ({option})? {codes}", option=option, codes=", ".join(known) or "-")
        raise Refusal("EDX436", where=option, detail=detail)
    return typed or known[0]


def _agencies_of(path: Path) -> Sequence[str]:
    """The codes that the kit's certificate names."""
    try:
        found = certificate.read_all(path.read_bytes(), str(path))
    except OSError as error:
        raise Refusal("EDX902", where=str(path), detail=in_words(error)) from error
    return tuple(dict.fromkeys(certificate.signer(found[0]).agencies)) if found else ()


def _signer(files: SigningFiles) -> Sign:
    limits = Limits.up_to(LARGEST_BYTES)

    def sign(data: bytes, coverage: Coverage) -> bytes:
        parts = coverage is Coverage.PARTS
        return signing.sign(data, "", files.key, files.certificate, limits, parts=parts)

    return sign
