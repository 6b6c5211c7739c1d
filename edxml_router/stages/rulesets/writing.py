"""All that decides about an envelope, as bytes by their SHA-256.

    kept = kept_rules(node.name, node.rules)
    kept.digest                  # of the list of what there is; the journal names it with each decision
    kept.parts                   # digest → bytes: that list, and all that it names

In it are the settings that acceptance goes by, peers and routes, the catalogue of agencies, the bindings, anchors and
intermediates, revocation lists and the answers of responders, the schemas, and the version of the program. No secret is
among them: keys and passwords decide about nothing, and neighbours' certificates judge receipts, not letters. Quotas
are left out as well, since what they put off comes again.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, timedelta
from functools import lru_cache
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router import __version__
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.agencies.rows import AGENCIES, ALIASES, LEVELS, SUCCESSIONS, AgencyTable, Value
from edxml_router.core.trust.bindings import BindingRow
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.xml.schema import schema_files
from edxml_router.stages.rules import Peer, Rules
from edxml_router.stages.rulesets.pieces import der_pieces, line_pieces, part_name

FORMAT: Final = "edxml-rules/1"
_BUCKETS: Final = "0123456789abcdef"  # by which answers are listed: of one that is new a sixteenth is listed anew


@dataclass(frozen=True, slots=True)
class KeptRules:
    """A set of rules as bytes."""

    digest: str
    parts: Mapping[str, bytes]


def kept_rules(here: str, rules: Rules) -> KeptRules:
    """The set that a snapshot of the node ``here`` makes. Equal snapshots make equal bytes."""
    parts: dict[str, bytes] = {}

    def keep(pieces: Iterable[bytes]) -> list[str]:
        names = []
        for piece in pieces:
            names.append(part_name(piece))
            parts[names[-1]] = piece
        return names

    agencies = {}
    for name, pieces in _catalogue(rules.registry):
        agencies[name] = [each for each, _ in pieces]
        parts.update(pieces)
    told = {
        "agencies": {"digest": rules.registry.digest, "files": agencies},
        "bindings": keep(line_pieces(_lines(_binding_row(row) for row in rules.bindings.rows))),
        "format": FORMAT,
        "node": here,
        "peers": keep(line_pieces(_lines(_peer(rules.peers[name]) for name in sorted(rules.peers)))),
        "program": __version__,
        "routes": keep(line_pieces(_lines(_routes(rules)))),
        "schemas": {name: keep(line_pieces(data)) for name, data in schema_files().items()},
        "settings": {
            "classified": list(rules.policy.classified),
            "engine": str(rules.engine),
            "lifetime": rules.delivery.lifetime.total_seconds(),
            "limits": {each.name: _number(getattr(rules.limits, each.name)) for each in fields(rules.limits)},
            "max_age": rules.policy.max_age.total_seconds(),
            "max_ahead": rules.policy.max_ahead.total_seconds(),
        },
        "trust": _trust(rules.trust, keep),
    }
    [digest] = keep([_told(told)])
    return KeptRules(digest, parts)


@lru_cache(maxsize=1)
def _catalogue(registry: Registry) -> tuple[tuple[str, tuple[tuple[str, bytes], ...]], ...]:
    """The tables of a catalogue in pieces. Remembered, since a national one takes a second and trust changes more
    often; a registry never changes."""
    successions = [one for agency in registry for one in registry.successions(agency.code)]
    files: list[tuple[str, bytes]] = [
        (AGENCIES.file, _csv(AGENCIES, registry)),
        (ALIASES.file, _csv(ALIASES, registry.every_alias())),
        (SUCCESSIONS.file, _csv(SUCCESSIONS, successions)),
        (LEVELS.file, _csv(LEVELS, registry.levels.values())),
    ]
    return tuple((name, tuple((part_name(one), one) for one in line_pieces(data))) for name, data in files)


def _csv(table: AgencyTable[Value], rows: Iterable[Value]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(map(table.cells, rows))
    return text.getvalue().encode()


def _trust(trust: TrustStore, keep: Any) -> Mapping[str, Any]:
    content, known = trust.content, trust.known
    told: dict[str, Any] = {
        "anchors": keep(one.public_bytes(Encoding.DER) for one in trust.anchors),
        "intermediates": keep(one.public_bytes(Encoding.DER) for one in trust.intermediates),
        "grace_seconds": content.grace_seconds if content else 0,
        "required": content.required if content else False,
        "lists": [keep(der_pieces(one.data)) for one in trust.lists],
        "responders": None,
        "answers": [],
    }
    if known is not None:
        told["responders"] = [[_kept(one.issuer, keep), _kept(one.named, keep)] for one in known.responders]
        named = {name.hex(): keep(der_pieces(data)) for name, data in sorted(known.answers.items())}
        for bucket in _BUCKETS:
            answers = [[name, *pieces] for name, pieces in named.items() if name.startswith(bucket)]
            told["answers"] += keep([_lines(answers)]) if answers else []
    return told


def _kept(certificate: x509.Certificate | None, keep: Any) -> str | None:
    if certificate is None:
        return None
    [name] = keep([certificate.public_bytes(Encoding.DER)])
    return str(name)


def _binding_row(row: BindingRow) -> Mapping[str, str]:
    since, until = row.since.astimezone(UTC).isoformat(), row.until.astimezone(UTC).isoformat()
    return {
        "act": row.act.value,
        "agency": row.agency,
        "reason": row.reason,
        "since": since,
        "subject": row.subject,
        "until": until,
    }


def _peer(peer: Peer) -> Mapping[str, Any]:
    told: dict[str, Any] = {
        "codes": sorted(peer.codes),
        "name": peer.name,
        "prefixes": sorted(peer.prefixes),
        "role": peer.role.value,
    }
    if peer.unsigned is not None:
        one = peer.unsigned
        told["unsigned"] = {"reason": one.reason, "senders": sorted(one.senders), "until": one.until.isoformat()}
    return told


def _routes(rules: Rules) -> Iterable[Any]:
    """The first line has what everything else goes to; then what each code or prefix belongs to."""
    routes = rules.routes
    yield {"largest": {str(one): rules.largest[one] for one in sorted(rules.largest)}, "parent": routes.parent,
           "rest": routes.rest}  # fmt: skip
    for kind, owners in (("claim", routes.claims), ("served", routes.served)):
        for code in sorted(owners):
            yield [kind, code, owners[code]]


def _number(value: int | timedelta) -> int | float:
    return value.total_seconds() if isinstance(value, timedelta) else value


def _lines(values: Iterable[Any]) -> bytes:
    return b"".join(_told(value) + b"\n" for value in values)


def _told(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
