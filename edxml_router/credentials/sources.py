"""What the settings say about trust, made into values: the trust store, the table of bindings, and both anew.

    trust = trust_store(settings); table = bindings(settings, registry, needed=False)
    rules, findings = renewed(rules, settings)        # after a change of one of paths(settings)
    findings = renew_lists(settings, now)             # fetch trust.crl_urls

Fails with :class:`Refusal` EDX901 (a table that is wrong), EDX902 (a file that cannot be read).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from cryptography import x509

from edxml_router.config import Settings
from edxml_router.core.agencies.registry import Registry, canonical
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.core.trust import certificate as certificates
from edxml_router.core.trust.bindings import Bindings
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.trust.revocation import Freshness
from edxml_router.core.trust.revocation_list import RevocationList
from edxml_router.credentials import trust_files
from edxml_router.credentials.revocation import fetching, kept_lists, list_files, responders
from edxml_router.credentials.setting_files import read_setting
from edxml_router.observe import events
from edxml_router.stages.rules import Rules


def trust_store(settings: Settings, *, noting: bool = True) -> TrustStore:
    """Anchors, intermediates, revocation lists of files and those that were fetched, what responders have said.

    ``noting``: a certificate about which no responder has been asked is noted for the node, which asks.
    """
    trust = settings.trust
    named = bool(trust.crls or trust.crl_urls or trust.ocsp)
    required = trust.crl_required == "always" or (trust.crl_required == "auto" and named)
    return TrustStore.from_pem(
        read_setting(trust.anchors, "trust.anchors") if trust.anchors else b"",
        read_setting(trust.intermediates, "trust.intermediates") if trust.intermediates else b"",
        _lists(settings),
        Freshness(required, trust.crl_grace),
        responders.known_answers(settings, noting=noting),
    )


def node_store(settings: Settings, trust: TrustStore) -> TrustStore:
    """By what certificates of nodes are judged: their own authorities, and what ``trust`` knows of revocation. Who may
    certify agencies must not certify nodes by accident."""
    path, where = settings.trust.node_anchors, "trust.node_anchors"
    return trust.under(certificates.read_all(read_setting(path, where), where) if path else ()).of_nodes()


def authorities(settings: Settings) -> tuple[x509.Certificate, ...]:
    """Anchors and intermediates."""
    found: list[x509.Certificate] = []
    trust = settings.trust
    for path, where in ((trust.anchors, "trust.anchors"), (trust.intermediates, "trust.intermediates")):
        data = read_setting(path, where) if path else b""
        found += certificates.read_all(data, where) if data.strip() else ()
    return tuple(found)


def _lists(settings: Settings) -> list[RevocationList]:
    found = [one for path in settings.trust.crls for one in list_files.load_lists(path, "trust.crls")]
    for url in settings.trust.crl_urls:
        found += kept_lists.held(settings.kept_lists, url)
    list_files.keep_only(
        [*settings.trust.crls, *(kept_lists.path_of(settings.kept_lists, url) for url in settings.trust.crl_urls)]
    )
    return found


def paths(settings: Settings) -> list[Path]:
    """The files whose change is noticed by a running node."""
    trust = settings.trust
    fetched = [kept_lists.path_of(settings.kept_lists, url) for url in trust.crl_urls]
    named = (trust.anchors, trust.intermediates, trust.node_anchors, settings.bindings, *trust.crls)
    return [*(path for path in named if path), *fetched, *responders.paths(settings)]


def bindings(settings: Settings, registry: Registry, *, needed: bool) -> Bindings:
    """The table, with codes as the registry knows them: a block of an alias must hold for the agency. ``needed``: a
    table that is gone is a mistake."""
    if not needed and not settings.bindings.exists():
        return Bindings()
    table = Bindings.from_csv(read_setting(settings.bindings, "trust.bindings"))
    try:
        return table.with_codes(lambda code: canonical(registry, code))
    except Refusal as refusal:
        raise Refusal("EDX901", where="trust.bindings", detail=refusal.finding.detail) from refusal


def renew_lists(settings: Settings, now: datetime) -> list[Finding]:
    """Fetch the lists of trust.crl_urls and keep those that are good; what is wrong with the others (EDX318). One that
    is odd, in a way that nobody has thought of either, does not keep the others from being renewed."""
    known = authorities(settings)
    findings = []
    for url in settings.trust.crl_urls:
        try:
            kept_lists.keep(settings.kept_lists, url, fetching.download(url), known, now)
        except Setback as setback:
            findings.append(setback.finding)
        except Exception as error:  # noqa: BLE001
            events.defect("renewal", error)
            findings.append(
                Finding("EDX318", url, Detail("it could not be judged, which is a mistake of the router's"))
            )
    return findings


def renewed(rules: Rules, settings: Settings) -> tuple[Rules, list[Finding]]:
    """The rules with trust as the files are now, and what is wrong with the files.

    A bad file keeps what was said before, of its kind alone: bad anchors do not hold up a block. Of a bad table the
    blocks that can be read are added to what was in force: in doubt, closed.
    """
    findings: list[Finding] = []
    try:
        trust = trust_store(settings)
        nodes = node_store(settings, trust)
        # Else the chains that they remember are worth keeping.
        if trust.epoch != rules.trust.epoch:
            rules = replace(rules, trust=trust, nodes=nodes)
        elif nodes.anchors != rules.nodes.anchors:
            rules = replace(rules, nodes=nodes)
    except Refusal as refusal:
        findings.append(refusal.finding)
    try:
        table = bindings(settings, rules.registry, needed=bool(rules.bindings.rows))
    except Refusal as refusal:
        findings.append(refusal.finding)
        table = Bindings(dict.fromkeys((*rules.bindings.rows, *trust_files.blocks(settings.bindings))))
        table = table.with_codes(rules.registry.canonical_or_none)
    return replace(rules, bindings=table), findings
