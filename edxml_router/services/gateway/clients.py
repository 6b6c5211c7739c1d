"""Client certificates: which office one stands for, asked anew for each request.

    clients = Clients(settings)
    caller = clients.of(der, node.rules, now)

A handshake has shown that the other side has the key. Everything else is asked here, because a connection lives for
hours and a resumed session skips the chain: whether the certificate leads to gateway.client_anchors, holds today, is
neither revoked by what the node knows nor blocked by its operator, and is bound to an office. Fails closed: Refusal
EDX415 in every other case.
"""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.trust.certificate import DAMAGED, spki_sha256
from edxml_router.core.trust.chain import TrustStore
from edxml_router.credentials.keys import load_certificates
from edxml_router.services.gateway.caller import Caller
from edxml_router.stages.rules import Rules


class Clients:
    """The bindings of one configuration. Raises Refusal EDX902 for a file that cannot be read."""

    def __init__(self, settings: Settings) -> None:
        gateway = settings.gateway
        named = gateway.client_anchors if gateway is not None else None
        self._anchors = load_certificates(named) if named is not None else ()
        self._by_key = {
            spki_sha256(one): office.name
            for office in settings.offices
            for path in office.certificate
            for one in load_certificates(path)[:1]
        }
        self._by_name = {office.certificate_name: office.name for office in settings.offices if office.certificate_name}
        self._store: tuple[TrustStore, TrustStore] | None = None  # the node's, and what is made of it

    def of(self, der: bytes, rules: Rules, now: datetime) -> Caller:
        """The office of a certificate."""
        verdict = self._trust(rules).blocking(rules.bindings.blocked_keys(now)).judge([der], now)
        if verdict.finding is not None or verdict.leaf is None:
            finding = verdict.finding
            why = Detail("{code} {detail}", code=finding.code, detail=finding.detail) if finding else "?"
            raise Refusal("EDX415", where=_name(verdict.leaf), detail=why)
        office = self._by_key.get(spki_sha256(verdict.leaf))
        if office is None:
            names = verdict.leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            office = self._by_name.get(str(names[0].value)) if len(names) == 1 else None
        if office is None:
            raise Refusal("EDX415", where=_name(verdict.leaf), detail=Detail("the certificate is bound to no office"))
        return Caller(office, f"certificate {verdict.leaf.serial_number:x}")

    def _trust(self, rules: Rules) -> TrustStore:
        if self._store is None or self._store[0] is not rules.trust:
            self._store = rules.trust, rules.trust.under(self._anchors)
        return self._store[1]


def _name(leaf: x509.Certificate | None) -> str:
    try:
        return leaf.subject.rfc4514_string()[:200] if leaf is not None else ""
    except DAMAGED:
        return ""
