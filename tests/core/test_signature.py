"""The verdict on signatures: what passes, under which keys and forms, and that nothing else ever does."""

from __future__ import annotations

import base64
import logging
import random
import re
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from edxml_router.core.message import reader
from edxml_router.core.message.envelope import Business
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.signature import by_signxml, form
from edxml_router.core.signature.by_signxml import Coverage, Indication, Verdict, verify
from edxml_router.core.signature.signing import sign_document
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.xml.safe_xml import Limits, parse
from tests import certificates
from tests.attacks.signature import craft
from tests.attacks.signature.craft import ENVELOPED, EXCLUSIVE, INCLUSIVE, PARTS, Recipe, transform
from tests.certificates import KEY_TYPES, NOW
from tests.fixtures import NS, File, document, status

CANONICAL11 = "http://www.w3.org/2006/12/xml-c14n11"
FORMS = list(Coverage)


def judged(data: bytes, trust: TrustStore | None = None) -> Verdict:
    return verify(data, parse(data), trust or certificates.store(), NOW)


def signed(data: bytes, coverage: Coverage = Coverage.WHOLE, kind: str = "p-256") -> bytes:
    return sign_document(data, certificates.key(kind, "H53.02"), certificates.chain("H53.02", kind), coverage)


def canonical(element: etree._Element) -> bytes:
    alone = etree.fromstring(etree.tostring(element, with_tail=False), etree.XMLParser(huge_tree=True))
    made: bytes = etree.tostring(alone, method="c14n", exclusive=True)
    return made


def content(element: etree._Element) -> list[tuple[str, dict[str, str], str, str]]:
    """Everything in it but the prefixes, which lxml chooses anew when it moves an element."""
    return [(item.tag, dict(item.attrib), item.text or "", item.tail or "") for item in element.iter()]


def without_signature(root: etree._Element) -> etree._Element:
    """As the enveloped transform sees it."""
    copy = etree.fromstring(etree.tostring(root), etree.XMLParser(huge_tree=True))
    for found in list(copy.iter(form.SIGNATURE)):
        before, parent = found.getprevious(), found.getparent()
        if before is None:
            parent.text = (parent.text or "") + (found.tail or "")
        else:
            before.tail = (before.tail or "") + (found.tail or "")
        found.tail = None
        parent.remove(found)
    return copy


# --- what passes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coverage", FORMS)
@pytest.mark.parametrize("kind", KEY_TYPES)
def test_our_signatures_pass(kind: str, coverage: Coverage) -> None:
    verdict = judged(signed(document(), coverage, kind))
    assert (verdict.indication, verdict.reason, verdict.finding) == (Indication.PASSED, "ok", None)
    assert verdict.coverage is coverage
    assert (
        verdict.algorithm
        == {
            "rsa-2048": "rsa-sha256",
            "rsa-3072": "rsa-sha256",
            "p-256": "ecdsa-sha256",
            "p-384": "ecdsa-sha384",
            "p-521": "ecdsa-sha512",
        }[kind]
    )
    assert verdict.signer
    assert verdict.signer.agencies == ("H53.02",)


@pytest.mark.parametrize("uris", [craft.WHOLE, PARTS], ids=["whole", "parts"])
@pytest.mark.parametrize("of_signed_info", [EXCLUSIVE, INCLUSIVE, CANONICAL11])
@pytest.mark.parametrize("of_content", [EXCLUSIVE, INCLUSIVE, CANONICAL11, None])
def test_all_canonical_forms_pass(of_content: str | None, of_signed_info: str, uris: tuple[str, ...]) -> None:
    """Also the one left out, which means Canonical XML 1.0: .NET and Java write that by default."""
    first = [transform(ENVELOPED)] if uris == craft.WHOLE else []
    last = [transform(of_content)] if of_content else []
    recipe = Recipe(uris=uris, canonicalization=of_signed_info, transforms=[*first, *last])
    assert judged(craft.signed(document(ids=True), recipe)).indication is Indication.PASSED


def test_pss_passes() -> None:
    recipe = Recipe(
        method="http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
        key=certificates.key("rsa-2048", "H53.02"),
        chain=certificates.chain("H53.02", "rsa-2048"),
    )
    assert judged(craft.signed(document(), recipe)).indication is Indication.PASSED


def test_inclusive_namespaces_pass() -> None:
    prefixes = f'<InclusiveNamespaces xmlns="{EXCLUSIVE}" PrefixList="edXML"/>'
    # The list changes nothing here: edXML is visibly used wherever it would be rendered.
    recipe = Recipe(uris=PARTS, transforms=[transform(EXCLUSIVE, prefixes)])
    assert judged(craft.signed(document(ids=True), recipe)).indication is Indication.PASSED


@pytest.mark.parametrize("order", [[0, 1], [1, 0], [0, 0, 1], [0], [0, 1, 2], [2, 1, 0]])
def test_certificates_may_stand_in_any_order(order: list[int]) -> None:
    """The leaf alone is enough where the store knows the intermediate."""
    issuing = certificates.issuing().certificate
    known = [certificates.leaf(), issuing, certificates.root().certificate]
    trust = TrustStore([certificates.root().certificate], [issuing])
    recipe = Recipe(chain=[known[number] for number in order])
    assert judged(craft.signed(document(), recipe), trust).indication is Indication.PASSED


def test_a_key_value_and_a_name_beside_the_certificate_are_ignored() -> None:
    chain = certificates.chain("H53.02", "rsa-2048")
    value = craft.key_value(chain[0].public_key())
    info = f"<KeyInfo><KeyName>H53.02</KeyName>{value}{craft.x509_data(*chain)}</KeyInfo>"
    recipe = Recipe(method=f"{craft.MORE}rsa-sha256", key=certificates.key("rsa-2048", "H53.02"), key_info=info)
    assert judged(craft.signed(document(), recipe)).indication is Indication.PASSED


def test_a_status_is_signed_by_its_one_part() -> None:
    verdict = judged(signed(status(), Coverage.PARTS))
    assert verdict.indication is Indication.PASSED
    assert verdict.signed_root is not None
    assert [child.tag for child in verdict.signed_root] == [form.ENVELOPE]


@pytest.mark.parametrize("coverage", FORMS)
def test_large_attachments_pass(coverage: Coverage) -> None:
    """20 MB of content: 27 MB of text in one element, above libxml2's ordinary limit of 10 MB."""
    content = random.Random(1).randbytes(20 * 1024 * 1024)  # noqa: S311 - filler
    data = signed(document(files=[File(content=content)]), coverage)
    assert verify(data, parse(data, Limits()), certificates.store(), NOW).indication is Indication.PASSED


def test_an_unsigned_message_is_absent() -> None:
    verdict = judged(document())
    assert (verdict.indication, verdict.reason) == (Indication.ABSENT, "signature-missing")
    assert verdict.finding
    assert verdict.finding.code == "EDX301"


def test_a_legacy_signature_is_never_verified() -> None:
    verdict = judged(document(signature="<Signature><SignatureValue>x</SignatureValue></Signature>"))
    assert (verdict.indication, verdict.reason) == (Indication.INDETERMINATE, by_signxml.LEGACY)
    assert verdict.finding
    assert verdict.finding.code == "EDX307"


def test_without_anchors_nobody_is_trusted() -> None:
    """signxml alone would fall back on the authorities of the public web."""
    verdict = judged(signed(document()), TrustStore.from_pem(b""))
    assert verdict.indication is Indication.INDETERMINATE
    assert verdict.finding
    assert verdict.finding.code == "EDX316"


# --- only what was signed is read ----------------------------------------------------------------------------


def test_the_whole_signed_tree_is_the_message_without_its_signature() -> None:
    data = signed(document())
    root = judged(data).signed_root
    assert root is not None
    assert canonical(root) == canonical(without_signature(parse(data)))


def test_the_tree_of_parts_holds_the_parts_and_nothing_else() -> None:
    data = signed(document(), Coverage.PARTS)
    received, read = parse(data), judged(data).signed_root
    assert read is not None
    assert [item.tag for item in read] == [form.ENVELOPE, form.ATTACHMENTS]
    assert [item.tag for item in read[0]] == [form.HEADER, form.BODY]
    assert [item.tag for item in read[0][0]] == [form.MESSAGE_HEADER]
    for tag in (form.MESSAGE_HEADER, form.BODY, form.ATTACHMENTS):
        assert content(next(read.iter(tag))) == content(next(received.iter(tag)))


@pytest.mark.parametrize("coverage", FORMS)
@pytest.mark.parametrize("build", [document, status])
def test_values_are_read_from_the_signed_bytes(build: Callable[[], bytes], coverage: Coverage) -> None:
    """What routing, authority and receipts go by equals what the signer wrote."""
    data = signed(build(), coverage)
    root = judged(data).signed_root
    assert root is not None
    wrote, read = reader.read(parse(build())).envelope, reader.read(root).envelope
    if coverage is Coverage.PARTS:  # then neither traces nor business information are signed, and none is read
        assert (read.traces, read.business) == ((), Business.NEW)
        plain = replace(wrote.document, business=None) if wrote.document else None
        wrote = replace(wrote, traces=(), document=plain)
    assert read == wrote


def test_a_trace_added_on_the_way_is_harmless_under_parts() -> None:
    trace = "<edXML:TraceHeader><edXML:OrganId>H41.66</edXML:OrganId></edXML:TraceHeader></edXML:TraceHeaderList>"
    data = signed(document(), Coverage.PARTS).replace(b"</edXML:TraceHeaderList>", trace.encode())
    verdict = judged(data)
    assert verdict.indication is Indication.PASSED
    assert verdict.signed_root is not None
    assert b"H41.66" not in etree.tostring(verdict.signed_root)


@pytest.mark.parametrize("kind", [None, "0", " 0 "])
def test_parts_serve_for_new_documents(kind: str | None) -> None:
    data = craft.signed(document(ids=True, business=kind), Recipe(uris=PARTS))
    assert judged(data).indication is Indication.PASSED


@pytest.mark.parametrize("kind", ["1", "2", "3", "00", "x"])
def test_parts_do_not_serve_for_other_kinds(kind: str) -> None:
    data = craft.signed(document(ids=True, business=kind), Recipe(uris=PARTS))
    finding = judged(data).finding
    assert finding
    assert finding.code == "EDX303"
    assert "BussinessDocType" in finding.detail


# --- nothing else passes -------------------------------------------------------------------------------------


def _mutants(data: bytes, seed: int, count: int) -> list[bytes]:
    """One byte changed, one inserted, one removed, two spans swapped: at random places."""
    chance = random.Random(seed)  # noqa: S311 - a reproducible choice
    found = []
    for _ in range(count):
        at, other = sorted(chance.sample(range(len(data)), 2))
        byte = bytes([chance.randrange(256)])
        found += [
            data[:at] + byte + data[at + 1 :],
            data[:at] + byte + data[at:],
            data[:at] + data[at + 1 :],
            data[:at] + data[other : other + 9] + data[at + 9 : other] + data[at : at + 9] + data[other + 9 :],
        ]
    return found


@pytest.mark.parametrize("coverage", FORMS)
def test_a_changed_message_passes_only_with_the_same_canonical_bytes(coverage: Coverage) -> None:
    data = signed(document(), coverage)
    good = judged(data).signed_root
    assert good is not None
    passed = 0
    for mutant in _mutants(data, seed=7, count=250):
        try:
            verdict = judged(mutant)
        except Refusal:
            continue
        if verdict.indication is Indication.PASSED:
            passed += 1
            assert verdict.signed_root is not None
            assert canonical(verdict.signed_root) == canonical(good)
        else:
            assert verdict.finding
            assert verdict.signed_root is None
    assert passed < 100  # many of 1,000 would mean that the mutants are none


@settings(max_examples=150, deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=40),
    st.sampled_from(FORMS),
    st.sampled_from(["\n", "\r\n", "&#13;", "&#x9;", "<![CDATA[&<]]>", "&amp;", "ế", "é"]),
)
def test_any_text_survives_signing_unchanged(text: str, coverage: Coverage, special: str) -> None:
    written = document(subject=f"{text}@@").replace(b"@@", special.encode())
    read = judged(signed(written, coverage)).signed_root
    assert read is not None
    given_text = parse(written).findtext(f".//{{{NS}}}Subject")
    assert read.findtext(f".//{{{NS}}}Subject") == given_text


@pytest.mark.parametrize(
    "declared",
    ['xmlns:edXML="{NS}" xmlns:z="urn:z"', 'xmlns:a="{NS}"', 'xmlns:xlink="http://www.w3.org/1999/xlink"'],
)
@pytest.mark.parametrize("coverage", FORMS)
def test_declarations_on_descendants_are_no_obstacle(declared: str, coverage: Coverage) -> None:
    data = document(replace={"<edXML:Subject>": f"<edXML:Subject {declared.format(NS=NS)}>"})
    assert judged(signed(data, coverage)).indication is Indication.PASSED


def test_whatever_the_libraries_raise_becomes_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    data = signed(document())
    root = parse(data)
    for error in (TypeError, ValueError, NotImplementedError, IndexError, KeyError, RecursionError, etree.LxmlError):

        def fail(*_: object, raised: type[Exception] = error, **__: object) -> None:
            raise raised("as some input might")

        monkeypatch.setattr(by_signxml._Verifier, "verify", fail)
        verdict = verify(data, root, certificates.store(), NOW)
        assert verdict.indication is Indication.FAILED
        assert verdict.finding
        assert verdict.finding.detail
        assert error.__name__ not in verdict.finding.detail


def test_a_lack_of_memory_is_not_the_senders_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    data = signed(document())
    monkeypatch.setattr(by_signxml._Verifier, "verify", fail)
    with pytest.raises(Setback) as caught:
        judged(data)
    assert (caught.value.finding.code, caught.value.finding.detail) == ("EDX622", "no memory is left")


def test_findings_never_quote_the_document() -> None:
    long = "http://example.vn/" + "x" * 500 + "&#10;"
    data = craft.signed(document(), Recipe(edit=lambda made: made.replace(craft.SHA256, long)))
    finding = judged(data).finding
    assert finding
    assert finding.code == "EDX306"
    assert len(finding.detail) < 120
    assert "\n" not in finding.detail


def test_signxml_never_logs_documents(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):  # of the root; taken back, or every library would log for all later tests
        judged(signed(document()))
    assert not [record for record in caplog.records if record.name.startswith("signxml")]


def test_threads_verify_side_by_side() -> None:
    data = {coverage: signed(document(), coverage) for coverage in FORMS}
    seen: list[Indication] = []

    def work(coverage: Coverage) -> None:
        seen.extend(judged(data[coverage]).indication for _ in range(20))

    threads = [threading.Thread(target=work, args=(coverage,)) for coverage in FORMS * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [Indication.PASSED] * 80


def test_the_certificate_in_the_message_is_the_one_that_counts() -> None:
    """signxml with a pinned certificate ignores KeyInfo; we pin what KeyInfo says, after judging it."""
    other = base64.b64encode(b"\x30\x03\x02\x01\x01").decode()
    data = re.sub(rb"<X509Certificate>.*?<", f"<X509Certificate>{other}<".encode(), signed(document()), count=1)
    finding = judged(data).finding
    assert finding
    assert finding.code == "EDX311"
