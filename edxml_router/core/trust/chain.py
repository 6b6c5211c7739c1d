"""Whom we trust: anchors, intermediates and revocation data as one immutable snapshot, and its judgement of a chain.

    store = TrustStore.from_pem(anchors, intermediates, crls)
    verdict = store.judge(certificates_sent, at)
    verdict.finding          # None: the chain holds at that moment

A reload makes a new store; ``digest`` and its beginning, ``epoch``, name the content of a store; the journal holds them
with each acceptance. Chains are built by ``cryptography``'s verifier (path, signatures, names, path lengths, validity
of authorities); the leaf policy (:mod:`~edxml_router.core.trust.certificate`) and revocation
(:mod:`~edxml_router.core.trust.revocation`) are ours.

A chain that held is remembered with the span of time for which every part of the answer stays the same, so that the hot
path pays one public-key operation, not three. It is an optimisation that cannot change an answer. Refused chains are
not remembered, or a stranger could fill the memory with them.

Findings: EDX308 untrusted, EDX309/EDX310 leaf policy, EDX313 revoked, EDX314 not known whether revoked, EDX316 no
anchors, EDX323 a configured authority that can vouch for nobody, which is not the sender's fault. EDX409 a key or
certificate of the chain is blocked.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from threading import Lock

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import verification

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.trust import authorities
from edxml_router.core.trust import certificate as certificates
from edxml_router.core.trust.certificate import Signer, is_authority
from edxml_router.core.trust.revocation import Freshness, RevocationEvidence, RevocationLists, RevocationSource
from edxml_router.core.trust.revocation_list import RevocationList, read_lists
from edxml_router.core.trust.standing import KnownAnswers, ListsAndAnswers

REMEMBERED = 4096  # chains

_Key = tuple[frozenset[str] | bytes, ...]
_SHA256 = hashes.SHA256()


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """The judgement of a chain. ``leaf`` and ``signer`` are None when no certificate could be read; ``marks``
    are remarks for the journal, e.g. ``crl-stale``."""

    finding: Finding | None
    leaf: x509.Certificate | None = None
    signer: Signer | None = None
    marks: tuple[str, ...] = ()
    chain: tuple[x509.Certificate, ...] = ()  # where it holds: from the leaf up to the anchor


@dataclass(frozen=True, slots=True)
class TrustContent:
    """What the digest of a store is over: its terms, and in hex the SHA-256 of its certificates, of its lists, and of
    what responders have said, empty where none is named."""

    grace_seconds: int
    required: bool
    certificates: tuple[str, ...]
    lists: tuple[str, ...]
    answers: str = ""

    def digest(self) -> str:
        """Raises ValueError for what is not hex."""
        terms = {"grace_seconds": self.grace_seconds, "required": self.required}
        content = hashlib.sha256(json.dumps(terms, sort_keys=True, separators=(",", ":")).encode())
        for one in (*self.certificates, *self.lists, self.answers):
            content.update(bytes.fromhex(one))
        return content.hexdigest()


class TrustStore:
    """Anchors and what helps to judge by them. Immutable; safe to share between threads."""

    def __init__(
        self,
        anchors: Sequence[x509.Certificate] = (),
        intermediates: Sequence[x509.Certificate] = (),
        revocation: RevocationSource | None = None,
        freshness: Freshness | None = None,
        content: TrustContent | None = None,
    ) -> None:
        self.anchors = tuple(anchors)
        self.intermediates = tuple(intermediates)
        self.content = content
        self.lists: Sequence[RevocationList] = ()  # all of :meth:`from_pem`, also those that do not count
        self.known: KnownAnswers | None = None
        self.digest = content.digest() if content else ""
        self.epoch = self.digest[:16]
        self._revocation = revocation or RevocationLists()
        self._freshness = freshness or Freshness(required=False)
        self._roots = verification.Store(list(self.anchors)) if self.anchors else None
        self._held: OrderedDict[_Key, tuple[datetime, datetime, ChainVerdict]] = OrderedDict()
        self._lock = Lock()
        self._blocked: frozenset[str] = frozenset()
        self._of_nodes = False

    @classmethod
    def from_pem(
        cls,
        anchors: bytes,
        intermediates: bytes = b"",
        crls: Sequence[bytes | RevocationList] = (),
        freshness: Freshness | None = None,
        known: KnownAnswers | None = None,
    ) -> TrustStore:
        """A store from files' contents: certificates, and revocation lists, which may have been read already; and what
        responders have said (OCSP), where there are any.

        Empty ``anchors`` make a store that trusts nobody (EDX316). Without ``freshness``, revocation is
        required as soon as there is a list: an operator who provides some means it. EDX902 for unreadable
        input.
        """
        roots = certificates.read_all(anchors, "trust.anchors") if anchors.strip() else ()
        between = certificates.read_all(intermediates, "trust.intermediates") if intermediates.strip() else ()
        lists: list[RevocationList] = []
        for each in crls:
            lists += [each] if isinstance(each, RevocationList) else read_lists([each], "trust.crls")
        chosen = freshness or Freshness(required=bool(lists))
        content = TrustContent(
            int(chosen.grace.total_seconds()),
            chosen.required,
            tuple(item.fingerprint(_SHA256).hex() for item in (*roots, *between)),
            tuple(crl.sha256.hex() for crl in lists),
            known.digest().hex() if known is not None else "",
        )
        source: RevocationSource = RevocationLists(lists)
        if known is not None:
            source = ListsAndAnswers(source, known)
        made = cls(roots, between, source, chosen, content)
        made.lists, made.known = tuple(lists), known
        return made

    def under(self, anchors: Sequence[x509.Certificate]) -> TrustStore:
        """A store with other anchors and the same revocation data. A certificate with unknown revocation status passes:
        the lists here are those of the authorities that issue document certificates.
        """
        return TrustStore(anchors, (), self._revocation, replace(self._freshness, required=False)).blocking(
            self._blocked
        )

    def of_nodes(self) -> TrustStore:
        """The same store for certificates of nodes: chains through the authority of a node hold in it, which certifies
        nodes (:func:`edxml_router.core.pki.entitled`), and neither who signs documents nor any other party."""
        made = copy.copy(self)
        made._of_nodes, made._held = True, OrderedDict()
        return made

    def blocking(self, blocked: frozenset[str]) -> TrustStore:
        """The same store, for which these keys and certificates (SHA-256, hex) count for nothing: no chain may hold
        one, and no responder with one is heard. What it remembers is shared, each answer with what was blocked then.
        """
        if blocked == self._blocked:
            return self
        made = copy.copy(self)
        made._blocked = blocked
        return made

    def blocked(self, chain: Sequence[x509.Certificate]) -> Finding | None:
        """EDX409 when one of these is blocked."""
        try:
            certificates.refuse_blocked_chain(chain, self._blocked)
        except Refusal as refusal:
            return refusal.finding
        return None

    def chain(self, sent: Sequence[bytes], at: datetime) -> Sequence[x509.Certificate]:
        """The signer's certificate among those ``sent`` (DER), and those above it up to an anchor; nothing where it
        leads to none. That it holds is for :meth:`judge` to say."""
        try:
            leaf, others = _leaf([certificates.read(der) for der in dict.fromkeys(sent)])
            return self._chain(leaf, others, at)
        except Refusal:
            return ()

    def evidence(
        self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
    ) -> Sequence[RevocationEvidence]:
        """What is known at that moment of whether a certificate of a chain is revoked."""
        return self._revocation.evidence(certificate, issuer, at)

    def judge(self, sent: Sequence[bytes], at: datetime) -> ChainVerdict:
        """May the signer among the certificates ``sent`` (DER) sign documents at the moment ``at``
        (aware)?
        """
        key: _Key = (self._blocked, *(hashlib.sha256(der).digest() for der in sent))
        with self._lock:
            held = self._held.get(key)
            if held and held[0] <= at < held[1]:
                self._held.move_to_end(key)
                return held[2]
        since, until, verdict = self._judge(sent, at)
        if verdict.finding is None:
            with self._lock:
                self._held[key] = (since, until, verdict)
                while len(self._held) > REMEMBERED:
                    self._held.popitem(last=False)
        return verdict

    def _judge(self, sent: Sequence[bytes], at: datetime) -> tuple[datetime, datetime, ChainVerdict]:
        leaf, named = None, None
        try:
            leaf, others = _leaf([certificates.read(der) for der in dict.fromkeys(sent)])
            named = certificates.signer(leaf)
            certificates.check_leaf(leaf, at)
            chain = self._chain(leaf, others, at)
            certificates.refuse_blocked_chain(chain, self._blocked)
            self._refuse_authorities_of_nodes(chain)
        except Refusal as refusal:
            return at, at, ChainVerdict(refusal.finding, leaf, named)
        since = max(item.not_valid_before_utc for item in chain)
        until = min(item.not_valid_after_utc for item in chain)
        marks: list[str] = []
        for item, issuer in pairwise(chain):
            standing = self._revocation.standing(item, issuer, at, self._freshness, self._blocked)
            if standing.finding is not None:
                return at, at, ChainVerdict(standing.finding, leaf, named)
            marks += [mark for mark in standing.marks if mark not in marks]
            since, until = max(since, standing.since), min(until, standing.until)
        return since, until, ChainVerdict(None, leaf, named, tuple(marks), tuple(chain))

    def _chain(self, leaf: x509.Certificate, sent: Sequence[x509.Certificate], at: datetime) -> list[x509.Certificate]:
        if self._roots is None:
            raise Refusal("EDX316")
        # The verifier bounds the number of signatures it tries, but not the cost of one.
        usable = [item for item in sent if certificates.has_usable_key(item)]
        try:
            verifier = authorities.verifier(self._roots, at, _LEAF_EXTENSIONS)
            chain = verifier.verify(leaf, [*usable, *self.intermediates]).chain
        except (verification.VerificationError, *certificates.DAMAGED) as error:
            self._check_own(leaf, usable, at)
            detail = Detail(
                "issuer {issuer}: {reason}", issuer=leaf.issuer.rfc4514_string(), reason=authorities.reason(error)
            )
            raise Refusal("EDX308", detail=detail) from error
        if len(chain) < 2:  # a self-signed leaf among the anchors: no authority vouches for it
            raise Refusal("EDX308", detail=Detail("the certificate is its own anchor"))
        return chain

    def _refuse_authorities_of_nodes(self, chain: Sequence[x509.Certificate]) -> None:
        """Raises Refusal EDX308. One that is an anchor here was named on purpose."""
        if self._of_nodes:
            return
        for each in chain[1:-1]:
            if certificates.names_of(each, certificates.SERVES):
                issuer = each.subject.rfc4514_string()
                raise Refusal("EDX308", detail=Detail("{issuer} certifies nodes only", issuer=issuer))

    def unfit(self, at: datetime) -> tuple[tuple[x509.Certificate, str], ...]:
        """The anchors and intermediates that can vouch for nobody at the moment ``at``, each with the reason."""
        found = [(each, authorities.trouble(each, at)) for each in self.anchors]
        if self.anchors:
            between = self.intermediates
            found += [(each, authorities.trouble(each, at, self.anchors, between)) for each in between]
        return tuple((each, trouble) for each, trouble in found if trouble)

    def _check_own(self, leaf: x509.Certificate, sent: Sequence[x509.Certificate], at: datetime) -> None:
        """EDX323 where the chain of a leaf is broken by an authority that the operator has configured."""
        above = authorities.issuers(leaf, sent, (*self.intermediates, *self.anchors))
        troubles = dict(self.unfit(at)) if above else {}
        for each in above:
            if each in troubles:
                raise Refusal(
                    "EDX323",
                    detail=Detail(
                        "{subject}: {troubles}", subject=each.subject.rfc4514_string(), troubles=troubles[each]
                    ),
                )


# The leaf's extensions are judged by check_leaf; the verifier still refuses critical ones it does not know.
_LEAF_EXTENSIONS = verification.ExtensionPolicy.permit_all()


def _leaf(loaded: list[x509.Certificate]) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """The signer's certificate and the others. Software writes them in any order: the leaf is the one that
    issued none of the others, and no authority if that leaves a choice. The choice cannot be abused: the
    signature must hold under the one chosen.
    """
    if len(loaded) == 1:
        return loaded[0], []
    issuers = {item.issuer.public_bytes() for item in loaded if item.issuer != item.subject}
    leaves = [item for item in loaded if item.subject.public_bytes() not in issuers]
    if len(leaves) > 1:
        leaves = [item for item in leaves if not is_authority(item)]
    if len(leaves) != 1:
        raise Refusal("EDX311", detail=Detail("no telling which certificate is the signer's"))
    return leaves[0], [item for item in loaded if item is not leaves[0]]
