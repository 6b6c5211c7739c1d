"""A set of rules that was kept, made into a snapshot again.

    past = read_rules(digest, fetch)         # fetch: bytes by digest, each of which is what its digest says
    past.rules, past.program

Raises Refusal EDX634 where parts are missing or no version of the program has written such; EDX629 for a form that a
later version writes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any, Final

from cryptography import x509

from edxml_router.core.agencies.registry import Registry
from edxml_router.core.agencies.routing import Routes
from edxml_router.core.agencies.rows import AGENCIES, ALIASES, LEVELS, SUCCESSIONS, AgencyTable, Value
from edxml_router.core.delivery.terms import DeliveryTerms, IntakeLimits, Policy, UnsignedException
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.message.classification import Markings
from edxml_router.core.problems import Refusal
from edxml_router.core.signature.verdict import Engine
from edxml_router.core.trust import certificate as certificates
from edxml_router.core.trust.bindings import Act, BindingRow, Bindings
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.trust.revocation import Freshness
from edxml_router.core.trust.revocation_list import RevocationList
from edxml_router.core.trust.standing import KnownAnswers, Responder
from edxml_router.core.xml.schema import digest_of_schemas
from edxml_router.stages.rules import Peer, PeerRole, Rules
from edxml_router.stages.rulesets.pieces import part_name
from edxml_router.stages.rulesets.writing import FORMAT

Fetch = Callable[[Collection[str]], Mapping[str, bytes]]

_LIMITS: Final = IntakeLimits()
_MISTAKES: Final = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError,
                    csv.Error)  # fmt: skip
MOST_BYTES: Final = 512 * 1024 * 1024  # of a set; a national one has a tenth of it
_ODD: Final = Detail("it does not say what such a set says")


@dataclass(frozen=True, slots=True)
class PastRules:
    """A snapshot of another day: of which node and version of the program, and the schemas' digest."""

    digest: str
    node: str
    program: str
    schema: str
    rules: Rules

    def digests(self) -> Mapping[str, str]:
        """As :meth:`edxml_router.stages.rules.Rules.digests`, with the schemas of then."""
        return {**self.rules.digests(), "schema": self.schema}


def read_rules(digest: str, fetch: Fetch) -> PastRules:
    """The set of this digest."""
    parts = KeptParts(fetch)
    told = all_parts(digest, parts)
    try:
        return _read(digest, told, parts)
    except _MISTAKES as error:
        raise _damaged(digest, _ODD) from error
    except Refusal as refusal:  # of a row or certificate in it
        if refusal.code == "EDX634":
            raise
        raise _damaged(digest, refusal.finding.detail) from refusal


def all_parts(digest: str, parts: KeptParts) -> Mapping[str, Any]:
    """What a set says, when all that it names has been loaded into ``parts``. Raises Refusal EDX629, EDX634."""
    told = _json(parts.joined([digest]))
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise Refusal("EDX629", where=digest[:16], detail=Detail("this version does not know the form of the rules"))
    try:
        parts.load(_named_parts(told))
        parts.load({name for bucket in told["trust"]["answers"] for name in _answer_parts(parts.joined([bucket]))})
    except _MISTAKES as error:
        raise _damaged(digest, _ODD) from error
    return told


def _named_parts(told: Mapping[str, Any]) -> set[str]:
    """The parts that a set names. Raises ValueError, KeyError, TypeError for what is none."""
    trust = told["trust"]
    lists: list[Any] = [
        told["bindings"],
        told["peers"],
        told["routes"],
        *told["agencies"]["files"].values(),
        *told["schemas"].values(),
        trust["anchors"],
        trust["intermediates"],
        *trust["lists"],
        *(trust["responders"] or ()),
        trust["answers"],
    ]
    return {str(name) for names in lists for name in names if name is not None}


def _answer_parts(bucket: bytes) -> set[str]:
    """The parts of the answers in a list of them. Raises ValueError for what is none."""
    return {str(name) for _, *names in _rows(bucket) for name in names}


class KeptParts:
    """Parts by digest, fetched in a few questions."""

    def __init__(self, fetch: Fetch, *, checked: bool = True) -> None:
        """Without ``checked`` somebody else looks whether they are what their digests say."""
        self._fetch, self._checked = fetch, checked
        self._there: dict[str, bytes] = {}
        self._bytes = 0  # that were joined: a set may name one part a million times

    def load(self, names: Collection[str]) -> None:
        """Fetch those that are not here yet. Raises Refusal EDX634."""
        wanted = set(names) - self._there.keys()
        found = self._fetch(wanted) if wanted else {}
        for name in sorted(wanted):
            if name not in found:
                raise _damaged(name, Detail("it is missing"))
            if self._checked and part_name(found[name]) != name:
                raise _damaged(name, Detail("its digest is not the one that it is kept under"))
        self._there |= found

    def joined(self, names: Sequence[str]) -> bytes:
        """Their bytes, one after the other. Raises Refusal EDX634, also for more than :data:`MOST_BYTES` in all."""
        self.load(names)
        self._bytes += sum(len(self._there[name]) for name in names)
        if self._bytes > MOST_BYTES:
            raise _damaged(names[0], Detail("the set is larger than {most} bytes", most=MOST_BYTES))
        return b"".join(self._there[name] for name in names)


def _read(digest: str, told: Mapping[str, Any], parts: KeptParts) -> PastRules:
    settings = told["settings"]
    heading, *owners = _rows(parts.joined(told["routes"]))
    rules = Rules(
        limits=_limits(settings["limits"]),
        registry=_registry(told["agencies"], parts),
        routes=Routes(
            {code: owner for kind, code, owner in owners if kind == "served"},
            {code: owner for kind, code, owner in owners if kind == "claim"},
            heading["parent"],
            heading["rest"],
        ),
        trust=_trust_store(told["trust"], parts),
        bindings=Bindings(_binding(row) for row in _rows(parts.joined(told["bindings"]))),
        peers={row["name"]: _peer(row) for row in _rows(parts.joined(told["peers"]))},
        delivery=DeliveryTerms(lifetime=timedelta(seconds=settings["lifetime"])),
        policy=Policy(
            tuple(settings["classified"]),
            timedelta(seconds=settings["max_age"]),
            timedelta(seconds=settings["max_ahead"]),
        ),
        markings=Markings(settings["classified"]),
        engine=Engine(settings["engine"]),
        largest={Route(name): size for name, size in heading["largest"].items()},
    )
    schemas = [parts.joined(names) for _, names in sorted(told["schemas"].items())]
    return PastRules(digest, str(told["node"]), str(told["program"]), digest_of_schemas(schemas), rules)


def _limits(told: Mapping[str, Any]) -> IntakeLimits:
    """Those that another version did not know are today's."""
    values: dict[str, Any] = {}
    for each in fields(_LIMITS):
        if each.name in told:
            is_time = isinstance(getattr(_LIMITS, each.name), timedelta)
            values[each.name] = timedelta(seconds=told[each.name]) if is_time else int(told[each.name])
    return IntakeLimits(**values)


def _registry(told: Mapping[str, Any], parts: KeptParts) -> Registry:
    def rows(table: AgencyTable[Value]) -> Iterator[Value]:
        text = parts.joined(told["files"][table.file]).decode()
        return (table.read(cells) for cells in csv.reader(text.splitlines(keepends=True)))

    return Registry.build(
        list(rows(AGENCIES)), list(rows(ALIASES)), list(rows(SUCCESSIONS)), list(rows(LEVELS)), digest=told["digest"]
    )


def _trust_store(told: Mapping[str, Any], parts: KeptParts) -> TrustStore:
    def certificate(name: str) -> x509.Certificate:
        return certificates.read(parts.joined([name]))

    known = None
    if told["responders"] is not None:
        buckets = [parts.joined([name]) for name in told["answers"]]
        known = KnownAnswers(
            [Responder(certificate(one), certificate(named) if named else None) for one, named in told["responders"]],
            {bytes.fromhex(name): parts.joined(names) for bucket in buckets for name, *names in _rows(bucket)},
        )
    return TrustStore.from_pem(
        certificates.write_pem([certificate(name) for name in told["anchors"]]),
        certificates.write_pem([certificate(name) for name in told["intermediates"]]),
        [RevocationList(parts.joined(names)) for names in told["lists"]],
        Freshness(bool(told["required"]), timedelta(seconds=told["grace_seconds"])),
        known,
    )


def _binding(row: Mapping[str, str]) -> BindingRow:
    since, until = datetime.fromisoformat(row["since"]), datetime.fromisoformat(row["until"])
    return BindingRow(Act(row["act"]), row["subject"], row["agency"], since, until, row["reason"])


def _peer(row: Mapping[str, Any]) -> Peer:
    one = row.get("unsigned")
    exception = None
    if one is not None:
        exception = UnsignedException(date.fromisoformat(one["until"]), one["reason"], frozenset(one["senders"]))
    return Peer(row["name"], PeerRole(row["role"]), frozenset(row["prefixes"]), frozenset(row["codes"]), exception)


def _rows(data: bytes) -> list[Any]:
    return [json.loads(line) for line in data.split(b"\n") if line]


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _damaged(name: str, detail: str) -> Refusal:
    return Refusal("EDX634", where=name[:16], detail=detail)
