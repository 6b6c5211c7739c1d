"""Signed statements about how a delivery went: by the node where it ended, and by each node that passed this on.

    text = EndStatement(...).canonical()          # what the ending node signs, once
    text = PassStatement(...).canonical()         # what a node on the way signs, once
    end = EndStatement.read(signed.text)          # ValueError for anything but the canonical form

A statement is one line of JSON, UTF-8, with sorted keys, no spaces and no empty fields, so that every program has the
same bytes for it; it travels as this text and is never written anew. ``v`` names its kind: nothing else that a node
signs has such a field with such a value, so that no signature of a node can be taken for another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar

from edxml_router.core.detail import Detail
from edxml_router.core.link.manifest import digest, instant, read_list, read_moment, read_number, read_text
from edxml_router.core.problems import Finding

END_KIND: Final = "edxml-end/1"
PASS_KIND: Final = "edxml-pass/1"  # noqa: S105  # no password
STATEMENT_LIMIT: Final = 8 * 1024  # characters; a detail of 1000 characters may need six for each
SIGNATURE_LIMIT: Final = 2 * 1024  # characters in base64; RSA of 8192 bits needs 1368
PASSES_LIMIT: Final = 16  # nodes that may have passed an outcome on

# ETSI EN 319 522-1, clause 6: the event that an outcome is. A cancellation has none there; the recipient does not get
# the content, and the reason tells why.
_ETSI: Final[Mapping[str, str]] = {
    "confirmed": "ContentHandover",
    "returned": "RelayRejection",
    "expired": "ContentHandoverFailure",
    "cancelled": "ContentHandoverFailure",
}
BY_RECIPIENT: Final = "EDX801"  # the problem of what the recipient itself sends back
# Why a statement proves nothing, see edxml_router.core.link.proving.
UNSIGNED, CONTRADICTED, NOT_ENTITLED = "EDX326", "EDX327", "EDX328"
NOT_PROVEN: Final = (UNSIGNED, CONTRADICTED, NOT_ENTITLED)
_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


class SignedText(NamedTuple):
    """A statement, the signature over its UTF-8 bytes (base64; RSA PKCS#1 v1.5 or ECDSA, with SHA-256), and the SHA-256
    (hex) of the certificate that it is checked with."""

    text: str
    signature: str
    signer: str

    @property
    def digest(self) -> str:
        """SHA-256 of the statement, hex: its name in journals and in the statements of those who pass it on."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves an outcome, as far as this node has it. ``told_by`` is the neighbour that reported the outcome, empty
    where the delivery ended here, None where that is not known any more; ``doubt`` says why it is not proven here."""

    end: SignedText | None = None
    passes: tuple[SignedText, ...] = ()  # in the order of the way back
    told_by: str | None = ""
    taken_at: datetime | None = None
    doubt: Finding | None = None
    complete: bool = False  # whether this node has signed its part

    @property
    def proven(self) -> bool:
        return self.end is not None and self.doubt is None


UNKNOWN: Final = Evidence(told_by=None)
OWN: Final = Evidence()  # it ended here; nothing is signed yet


@dataclass(frozen=True, slots=True)
class EndStatement:
    """One delivery has ended so, at this node. ``recipient`` is the agency as it was addressed to this node,
    ``resolved`` as the node's catalogue resolves it; ``document`` is empty where the document could not be read."""

    node: str
    envelope: str
    document: str
    recipient: str
    resolved: str
    generation: int
    outcome: str
    event: str  # ETSI EN 319 522
    at: datetime
    code: str = ""
    detail: str = ""
    accepted: datetime | None = None  # when it took the letter; None where it never did

    def canonical(self) -> str:
        return _canonical(self, END_KIND)

    @classmethod
    def read(cls, text: str) -> EndStatement:
        """Raises ValueError for anything but what :meth:`canonical` gives."""
        return _read(cls, text, END_KIND, _END)


@dataclass(frozen=True, slots=True)
class PassStatement:
    """This node took the statement ``about`` (the SHA-256 of the one before it in the chain) from a neighbour and
    passed it on. All times are of its own clock."""

    node: str
    about: str
    source: str
    target: str
    taken: datetime
    passed: datetime
    accepted: datetime | None = None  # when it took the letter, on the way there

    def canonical(self) -> str:
        return _canonical(self, PASS_KIND)

    @classmethod
    def read(cls, text: str) -> PassStatement:
        """Raises ValueError for anything but what :meth:`canonical` gives."""
        return _read(cls, text, PASS_KIND, _PASS)


def evidence_fields(evidence: Evidence) -> dict[str, Any]:
    """What travels of it beside a receipt."""
    if evidence.end is None:
        return {}
    return {"end": list(evidence.end), "passes": list(map(list, evidence.passes[:PASSES_LIMIT]))}


def read_evidence(item: Mapping[str, Any]) -> Evidence:
    """The inverse, for :func:`~edxml_router.core.link.manifest.read_fields`."""
    if "end" not in item:
        return UNKNOWN
    passes = read_list(item.get("passes", []), PASSES_LIMIT)
    return Evidence(_signed_text(item["end"]), tuple(map(_signed_text, passes)), told_by=None)


def _signed_text(value: Any) -> SignedText:
    text, signature, signer = read_list(value, 3)
    return SignedText(read_text(text, STATEMENT_LIMIT), read_text(signature, SIGNATURE_LIMIT), digest(signer))


def end_event(outcome: str, code: str) -> str:
    """The name in ETSI EN 319 522 of an outcome with this problem code."""
    return "ConsignmentRejection" if (outcome, code) == ("returned", BY_RECIPIENT) else _ETSI[outcome]


def by_recipient(outcome: str, code: str) -> bool:
    """Whether only the node that serves the recipient can know such an outcome."""
    return outcome == "confirmed" or code == BY_RECIPIENT


def _outcome(value: Any) -> str:
    if value not in _ETSI:
        raise ValueError
    return str(value)


def _optional_moment(value: Any) -> datetime | None:
    return None if value == "" else read_moment(value)


_Reader = Callable[[Any], Any]
_Statement = TypeVar("_Statement", EndStatement, PassStatement)
_END: Final[Mapping[str, _Reader]] = {
    "node": read_text,
    "envelope": digest,
    "document": read_text,
    "recipient": read_text,
    "resolved": read_text,
    "generation": read_number,
    "outcome": _outcome,
    "event": read_text,
    "at": read_moment,
    "code": read_text,
    "detail": read_text,
    "accepted": _optional_moment,
}
_PASS: Final[Mapping[str, _Reader]] = {
    "node": read_text,
    "about": digest,
    "source": read_text,
    "target": read_text,
    "taken": read_moment,
    "passed": read_moment,
    "accepted": _optional_moment,
}


def _canonical(statement: EndStatement | PassStatement, kind: str) -> str:
    values = {field.name: getattr(statement, field.name) for field in fields(statement)}
    written = {name: instant(value) if isinstance(value, datetime) else value for name, value in values.items()}
    return _ENCODE({"v": kind, **{name: value for name, value in written.items() if value not in ("", None)}})


def _read(cls: type[_Statement], text: str, kind: str, readers: Mapping[str, _Reader]) -> _Statement:
    try:
        if len(text) > STATEMENT_LIMIT:
            raise ValueError
        given = json.loads(text)
        if given.pop("v") != kind or not given.keys() <= readers.keys():
            raise ValueError
        statement = cls(**{name: readers[name](given.get(name, "")) for name in readers})
        same = statement.canonical() == text
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(Detail("not a statement of this kind")) from error
    if not same:
        raise ValueError(Detail("not in canonical form"))
    return statement
