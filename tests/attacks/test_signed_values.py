"""What is accepted is what was signed: for every accepted message, the values that decide equal those in the signed
bytes.

The values are taken a second time, by nothing of ours: the references of the accepted bytes are resolved, checked with
their digests, and read from the canonical form with XPath. Messages are honest ones in any spelling, and mutated ones;
of those, the few that are accepted are what this is about.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from lxml import etree

from edxml_router.core.message.envelope import Envelope
from edxml_router.core.signature.verdict import Engine, Indication
from edxml_router.core.xml.safe_xml import DEFAULT_LIMITS
from edxml_router.stages.acceptance.submission import Examination
from tests.attacks import gate
from tests.attacks.corpus import ATTACKS
from tests.attacks.signature import craft
from tests.attacks.signature.craft import EXCLUSIVE, PARTS, WHOLE
from tests.certificates import NOW
from tests.differential import letters
from tests.differential.test_engines import mutations
from tests.fixtures import DSIG, NS, File, document, recall, status

NAMES = {"e": NS, "d": DSIG}
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
Values = dict[str, Sequence[str]]


def _signed_bytes(data: bytes) -> list[bytes]:
    """The canonical form of each reference, after its digest was found right."""
    root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, huge_tree=True))
    [signature] = root.iter(f"{{{DSIG}}}Signature")
    references = []
    for reference in signature.iter(f"{{{DSIG}}}Reference"):
        algorithms = [item.get("Algorithm") for item in reference.iter(f"{{{DSIG}}}Transform")]
        forms = [item for item in algorithms if item != craft.ENVELOPED] or [INCLUSIVE]
        name = reference.find(f"{{{DSIG}}}DigestMethod").get("Algorithm").rpartition("#")[2]
        value = base64.b64decode(reference.find(f"{{{DSIG}}}DigestValue").text)
        references.append((reference.get("URI"), forms[0] == EXCLUSIVE, name, value))
    before, parent = signature.getprevious(), signature.getparent()
    if before is None:
        parent.text = (parent.text or "") + (signature.tail or "")
    else:
        before.tail = (before.tail or "") + (signature.tail or "")
    parent.remove(signature)
    found = []
    for uri, exclusive, name, value in references:
        [target] = root.xpath("//*[@Id = $id]", id=uri[1:]) if uri else [root]
        alone = etree.fromstring(etree.tostring(target, with_tail=False), etree.XMLParser(huge_tree=True))
        canonical = etree.tostring(alone, method="c14n", exclusive=exclusive)
        assert hashlib.new(name, canonical).digest() == value
        found.append(canonical)
    return found


def _in_signed_bytes(data: bytes) -> Values:
    trees = [etree.fromstring(canonical, etree.XMLParser(huge_tree=True)) for canonical in _signed_bytes(data)]

    def texts(path: str) -> list[str]:
        found = (item for tree in trees for item in tree.xpath(f"//e:{path}", namespaces=NAMES))
        return ["".join(item.itertext()) for item in found]

    header = "MessageHeader"
    return {
        "sender": texts(f"{header}/e:From/e:OrganId"),
        "to": texts(f"{header}/e:To/e:OrganId"),
        "document": texts(f"{header}/e:DocumentId"),
        # Where none is signed (by parts none is), the document is a new one.
        "kind": [text.strip().lstrip("0") or "0" for text in texts("Bussiness/e:BussinessDocType")] or ["0"],
        "answered": texts(f"{header}/e:ResponseFor/e:DocumentId"),
        "answered agency": texts(f"{header}/e:ResponseFor/e:OrganId"),
        "status": texts(f"{header}/e:StatusCode"),
        "names": texts("Attachment/e:AttachmentName"),
        "contents": [
            hashlib.sha256(base64.b64decode(text)).hexdigest() for text in texts("Attachment/e:ContentTransferEncoded")
        ],
    }


def _as_read(envelope: Envelope) -> Values:
    """What the router goes by, in the same shape."""
    answered = envelope.document.response_for if envelope.document else (envelope.status.response_for,)  # type: ignore[union-attr]
    return {
        "sender": [envelope.sender.organ_id],
        "to": [party.organ_id for party in envelope.to],
        "document": [envelope.document_id] if envelope.document else [],
        "kind": [str(int(envelope.business))],
        "answered": [one.document_id or "" for one in answered if one.document_id is not None],
        "answered agency": [one.organ_id or "" for one in answered if one.organ_id is not None],
        "status": [envelope.status.status_code] if envelope.status else [],
        "names": [item.name for item in envelope.attachments],
        "contents": [item.sha256 for item in envelope.attachments],
    }


def _compare(data: bytes, examined: Examination) -> None:
    signed = _in_signed_bytes(data)
    read = _as_read(examined.envelope)
    for name in signed:
        left, right = list(signed[name]), list(read[name])
        if name in {"sender", "to", "document", "answered agency", "status", "answered"}:
            left, right = [text.strip() for text in left], [text.strip() for text in right]
        if name in {"names", "contents"}:  # the manifest gives the order
            left, right = sorted(left), sorted(right)
        assert left == right, name


def _check(data: bytes) -> bool:
    """Whether it was accepted; if so, by both engines and with the signed values."""
    item = gate.judge(data)
    if not item.fit:
        return False
    assert item.examined
    verdict = item.examined.verdict
    assert verdict.indication is Indication.PASSED
    _compare(data, item.examined)
    written = item.examined.envelope.recipients
    assert set(item.routes) == {gate.RULES.registry.resolve(code, NOW.date()).code for code in written}
    assert item.sender == gate.RULES.registry.canonical_or_none(item.examined.envelope.sender.organ_id)
    return True


def _signed(plain: bytes, uris: Sequence[str]) -> bytes:
    return craft.signed(plain, craft.Recipe(uris=uris))


FILES = (File(content=bytes(range(200))), File("cid:2", "phu-luc.pdf"))
GOOD = [
    *(_signed(document(ids=True, files=FILES, to=("H41.03", "H01.07")), uris) for uris in (WHOLE, PARTS)),
    *(_signed(status(sender=gate.SENDER, ids=True), uris) for uris in (WHOLE, ("#header",))),
    _signed(recall(), WHOLE),
]


@pytest.mark.parametrize("data", GOOD, ids=["whole", "parts", "status", "status by parts", "recall"])
def test_honest_messages_are_accepted_with_the_signed_values(data: bytes) -> None:
    assert _check(data)


@settings(max_examples=80)
@given(letters.signed_messages())
def test_in_any_spelling(message: tuple[str, bytes]) -> None:
    _, data = message
    event("accepted" if _check(data) else "refused")


@settings(max_examples=300)
@given(st.sampled_from(GOOD).flatmap(mutations))
def test_when_mutated(data: bytes) -> None:
    event("accepted" if _check(data) else "refused")


@settings(max_examples=300)
@given(st.data())
def test_when_parts_of_two_messages_are_mixed(data: st.DataObject) -> None:
    """Elements of a forged message put into a signed one, before, behind, or in the place of its own."""
    good = data.draw(st.sampled_from(GOOD))
    forged = document(sender=gate.THIEF, to=("H41",), document_id="H41.66,2026/03/02,1/X", business="1", ids=True)
    names = ("From", "To", "DocumentId", "ResponseFor", "StatusCode", "Bussiness", "MessageHeader", "AttachmentEncoded")
    name = data.draw(st.sampled_from(names))
    assume(f"{name}>".encode() in good)
    piece = _element(forged, name) or f"<edXML:{name}>06</edXML:{name}>".encode()
    own = _element(good, data.draw(st.sampled_from(names)))
    assume(own)
    mixed = good.replace(own, data.draw(st.sampled_from([piece, piece + own, own + piece])), 1)
    event("accepted" if _check(mixed) else "refused")


def _element(data: bytes, name: str) -> bytes:
    for prefix in (b"edXML:", b""):
        opening, closing = data.find(b"<" + prefix + name.encode()), b"</" + prefix + name.encode() + b">"
        if opening >= 0:
            return data[opening : data.index(closing, opening) + len(closing)]
    return b""


@pytest.mark.parametrize("engine", [Engine.SIGNXML, Engine.STREAM])
def test_what_only_one_engine_takes_is_not_accepted_with_other_values(engine: Engine) -> None:
    """The corpus once more with each engine alone: what passes by itself must hold the signed values too."""
    for attack in ATTACKS:
        if attack.family != "signature":
            continue
        data = attack.build()
        item = gate.judge(data, replace(gate.RULES, engine=engine, limits=DEFAULT_LIMITS))
        assert not item.fit, attack
