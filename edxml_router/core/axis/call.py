"""The headers of a call in the way of the national axis's SDK (protocol 3.0.201608), read and proven.

    claim = read(headers)                                   # as they came
    call = prove(claim, secret, now, window, zones)
    call.value("docId")

A client signs a text: a JSON object of its headers with their values. What counts here is that text and nothing else:
its HMAC-SHA-256 must be of the shared secret, each of its values must be in the header that was really sent, and a
header that it does not name is as if it had not come. A client object sends the headers of its earlier calls again;
whoever reads a call asks for those that the call defines, and never sees the others.

Raises Refusal EDX422 for a call that is not proven, EDX423 for one whose time stamp is outside of the window.
"""

from __future__ import annotations

import hmac
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal

PREFIX: Final = "XroadVnpt-"
PROTOCOL: Final = "3.0.201608"
SYSTEM: Final = "systemid"
TIMESTAMP: Final = "timestamp"
SIGNED: Final = "sign-header"
SIGNED_NAMES: Final = "sign-header-key"
PROOF: Final = "hash-header"
BODY_HASH: Final = "hash-file"

NAMES_LIMIT: Final = 64  # headers that one call signs; the SDK knows about twenty
SIGNED_LIMIT: Final = 512 * 1024  # bytes of the signed text: "to" may name ten thousand agencies
SYSTEM_LIMIT: Final = 100  # characters of a system id

# ddMMyyyy'T'HHmmss, and behind the plus sign the milliseconds of that second, where others write a zone.
_STAMP: Final = re.compile(r"(\d{2})(\d{2})(\d{4})T(\d{2})(\d{2})(\d{2})\+(\d{4})", re.ASCII)
_HEX: Final = re.compile(rb"[0-9a-fA-F]{64}")
_BLANKS: Final = " \t"  # what HTTP takes away around a value


@dataclass(frozen=True, slots=True)
class Claim:
    """A call as it came: who it says it is, and what it says to prove that. Nothing of it is proven yet."""

    system: str
    signed: bytes  # the text, as it came
    proof: bytes
    sent: Mapping[str, tuple[str, ...]] = field(repr=False)  # values by name in lower case, without the prefix
    listed: str = ""  # the names that are said to be signed


@dataclass(frozen=True, slots=True)
class SignedCall:
    """A call that is proven: ``values`` by name in lower case, as they were signed."""

    system: str
    at: datetime
    values: Mapping[str, tuple[str, ...]] = field(repr=False)

    def value(self, name: str) -> str:
        """What the header says; empty where it is not signed. Raises Refusal EDX422 where it says two things: a client
        object that keeps ``docid`` of one call and ``docId`` of another sends both."""
        found = {one.strip() for one in self.values.get(name.lower(), ())}
        if len(found) > 1:
            raise _unproven(Detail("{name} comes twice, with different values", name=name))
        return found.pop() if found else ""


def read_claim(headers: Iterable[tuple[bytes, bytes]]) -> Claim:
    """The claim of a call, from its header fields as they came. Raises Refusal EDX422 where something is missing."""
    start = PREFIX.lower().encode()
    raw: defaultdict[str, list[bytes]] = defaultdict(list)
    for field_name, value in headers:
        lower = field_name.lower()
        if lower.startswith(start):
            raw[_text(lower[len(start) :])].append(value.strip(b" \t"))
    for name in (SYSTEM, TIMESTAMP, SIGNED, SIGNED_NAMES, PROOF):
        if not raw[name]:
            raise _unproven(Detail("{name} is missing", name=PREFIX + name))
        if len(raw[name]) > 1:
            raise _unproven(Detail("{name} comes twice", name=PREFIX + name))
    system = _text(raw[SYSTEM][0])
    if not system or len(system) > SYSTEM_LIMIT:
        raise _unproven(Detail("{name} is not a system id", name=PREFIX + SYSTEM))
    [signed], [proof], [listed] = raw[SIGNED], raw[PROOF], raw[SIGNED_NAMES]
    if len(signed) > SIGNED_LIMIT:
        raise _unproven(Detail("{name} is longer than {most} bytes", name=PREFIX + SIGNED, most=SIGNED_LIMIT))
    if not _HEX.fullmatch(proof):
        raise _unproven(Detail("{name} is not an HMAC-SHA-256 in hex", name=PREFIX + PROOF))
    sent = {name: tuple(_text(value) for value in values) for name, values in raw.items()}
    return Claim(system, signed, proof, sent, _text(listed))


def prove(claim: Claim, secret: bytes, now: datetime, window: timedelta, zones: Sequence[tzinfo]) -> SignedCall:
    """The call, once its secret has proven it. ``zones``: those in which its clock may be read, since its time stamp
    names none. Raises Refusal EDX422 and EDX423."""
    if not is_proven(claim, secret):
        detail = Detail("{name} does not prove it", name=PREFIX + PROOF)
        if b"?" in claim.signed or not claim.signed.isascii():  # the SDK signs letters of which its HTTP makes "?"
            detail = Detail("{detail}; letters outside ASCII are lost in headers, write them without", detail=detail)
        raise _unproven(detail)
    pairs = _pairs(claim.signed)
    names = [name for name, _ in pairs]
    if claim.listed.split(";") != names:
        raise _unproven(Detail("{name} names other headers than are signed", name=PREFIX + SIGNED_NAMES))
    values: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in pairs:
        if not any(_same(value, one) for one in claim.sent.get(name.lower(), ())):
            raise _unproven(Detail("{name} is not what was signed", name=PREFIX + name[:50]))
        values[name.lower()].append(value)
    if [one.strip(_BLANKS) for one in values[SYSTEM]] != [claim.system] or len(values[TIMESTAMP]) != 1:
        raise _unproven(Detail("{system} and {time} are not signed", system=PREFIX + SYSTEM, time=PREFIX + TIMESTAMP))
    at = _timely(values[TIMESTAMP][0], now, window, zones)
    return SignedCall(claim.system, at, {name: tuple(found) for name, found in values.items()})


def is_proven(claim: Claim, secret: bytes) -> bool:
    """Whether the signed text is of this secret. Takes as long for a wrong proof as for a right one."""
    proof = claim.proof.lower()
    found = hmac.compare_digest(hmac.digest(secret, claim.signed, "sha256").hex().encode(), proof)
    if claim.signed.isascii():
        return found
    # The text is signed as UTF-8, and a header may be sent as ISO 8859-1: é is one byte then.
    again = _text(claim.signed, only="latin-1").encode()
    return found | hmac.compare_digest(hmac.digest(secret, again, "sha256").hex().encode(), proof)


def signed_headers(values: Mapping[str, str], secret: bytes) -> list[tuple[str, str]]:
    """The headers of a call as a client sends them, from its values by name without the prefix: ``systemid`` and
    ``timestamp`` among them. Values are ASCII, because headers are."""
    text = json.dumps({PREFIX + name: value for name, value in values.items()}, separators=(",", ":"))
    return [
        *((PREFIX + name, value) for name, value in values.items()),
        (PREFIX + SIGNED_NAMES, ";".join(values)),
        (PREFIX + SIGNED, text),
        (PREFIX + PROOF, hmac.digest(secret, text.encode(), "sha256").hex()),
        (PREFIX + "version", PROTOCOL),
    ]


def stamp(at: datetime) -> str:
    """A time stamp of the protocol, in the zone of ``at``."""
    return f"{at:%d%m%YT%H%M%S}+{at.microsecond // 1000:04d}"


def short_hex(digest: bytes) -> str:
    """A digest as the SDK writes it: each byte in hex without its leading zero."""
    return "".join(f"{byte:x}" for byte in digest)


def is_hash_of(written: str, digest: bytes) -> bool:
    """Whether a text is this digest, in the SDK's hex or the ordinary one."""
    text = written.strip().lower().encode()
    return hmac.compare_digest(text, digest.hex().encode()) | hmac.compare_digest(text, short_hex(digest).encode())


def _timely(written: str, now: datetime, window: timedelta, zones: Sequence[tzinfo]) -> datetime:
    """When the call says it was made, in the zone in which it is nearest to ``now``."""
    match = _STAMP.fullmatch(written.strip())
    try:
        if match is None:
            raise ValueError
        day, month, year, hour, minute, second, millisecond = map(int, match.groups())
        bare = datetime(year, month, day, hour, minute, second, millisecond * 1000)
    except ValueError:
        raise _unproven(Detail("{name} is not written ddMMyyyyTHHmmss+SSSS", name=PREFIX + TIMESTAMP)) from None
    try:
        at = min((bare.replace(tzinfo=zone) for zone in zones), key=lambda one: abs(one - now))
    except OverflowError:  # the first or the last day there is
        raise Refusal("EDX423", where=PREFIX + TIMESTAMP) from None
    if abs(at - now) > window:
        detail = Detail("{at:%Y-%m-%d %H:%M:%S}, at most {window} from the node's clock", at=at, window=window)
        raise Refusal("EDX423", where=PREFIX + TIMESTAMP, detail=detail)
    return at


def _pairs(signed: bytes) -> list[tuple[str, str]]:
    """Names (without the prefix) and values of the signed text, in its order."""
    try:
        found: Any = json.loads(_text(signed), object_pairs_hook=list)
    except (ValueError, RecursionError):
        raise _unproven(Detail("{name} is not a JSON object", name=PREFIX + SIGNED)) from None
    if not isinstance(found, list) or not signed.lstrip().startswith(b"{"):
        raise _unproven(Detail("{name} is not a JSON object", name=PREFIX + SIGNED))
    if len(found) > NAMES_LIMIT:
        raise _unproven(Detail("more than {most} headers are signed", most=NAMES_LIMIT))
    pairs = [(name[len(PREFIX) :], value) for name, value in found if name.lower().startswith(PREFIX.lower())]
    if len(pairs) < len(found) or not all(isinstance(value, str) for _, value in pairs):
        raise _unproven(Detail("{name} holds something else than headers and texts", name=PREFIX + SIGNED))
    if len({name for name, _ in pairs}) < len(pairs):
        raise _unproven(Detail("{name} names a header twice", name=PREFIX + SIGNED))
    return pairs


def _same(signed: str, sent: str) -> bool:
    """Whether a header carries the value that was signed, but for what HTTP does to it on the way."""
    value = signed.strip(_BLANKS)
    return sent in (value, value.encode("ascii", "replace").decode())


def _text(value: bytes, only: str = "") -> str:
    """Header fields have no encoding of their own."""
    if not only:
        try:
            return value.decode()
        except UnicodeDecodeError:
            pass
    return value.decode("latin-1")


def _unproven(detail: str) -> Refusal:
    return Refusal("EDX422", detail=detail)
