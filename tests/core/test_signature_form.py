"""The form of a signature, checked by itself: no cryptography, no parser and no schema stand before it."""

from __future__ import annotations

import pytest
from lxml import etree

from edxml_router.core.problems import Refusal
from edxml_router.core.signature import form
from edxml_router.core.signature.form import Coverage
from tests.attacks.signature import craft
from tests.attacks.signature.craft import PARTS, Recipe
from tests.fixtures import NS, document


def tree(data: bytes) -> etree._Element:
    return etree.fromstring(data)


def edited(old: str, new: str, recipe: Recipe | None = None) -> etree._Element:
    """The tree of a signed message whose text is changed in one place."""
    data = craft.signed(document(ids=True), recipe)
    assert old.encode() in data
    return tree(data.replace(old.encode(), new.encode(), 1))


def refused(root: etree._Element) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        form.read(root)
    return caught.value.code, caught.value.finding.detail


def test_the_form_is_read() -> None:
    whole = form.read(tree(craft.signed(document())))
    assert whole
    assert (whole.coverage, whole.algorithm, whole.parts) == (Coverage.WHOLE, "ecdsa-sha256", (form.ROOT,))
    reordered = form.read(tree(craft.signed(document(ids=True), Recipe(uris=PARTS[::-1]))))
    assert reordered
    assert reordered.coverage is Coverage.PARTS
    assert reordered.parts == (form.ATTACHMENTS, form.BODY, form.MESSAGE_HEADER)
    assert form.read(tree(document())) is None


def test_nothing_is_said_of_a_signature_that_is_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words are for what is wrong: made for every letter, they cost more than the looking."""
    monkeypatch.delattr(form, "Detail")
    assert form.read(tree(craft.signed(document()))) is not None
    assert form.read(tree(craft.signed(document(ids=True), Recipe(uris=PARTS)))) is not None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<edXML:To>", "<!-- --><edXML:To>"),
        ("<edXML:To>", "<?x?><edXML:To>"),
        ("<DigestValue>", "<DigestValue><!-- -->"),
        ("</edXML>", "</edXML><!-- -->"),
        ("<edXML xmlns", "<?x?><edXML xmlns"),
    ],
)
def test_comments_and_instructions_are_refused(old: str, new: str) -> None:
    assert refused(edited(old, new))[0] == "EDX109"


@pytest.mark.parametrize(
    ("old", "new", "detail"),
    [
        ("<SignedInfo>", "<Other/><SignedInfo>", "no proper begin"),
        ("<SignatureValue>", "<Other/><SignatureValue>", "no proper begin"),
        ("<KeyInfo>", "<Other/><KeyInfo>", "only KeyInfo"),
        ("</KeyInfo>", "</KeyInfo><KeyInfo/>", "only KeyInfo"),
        ("<CanonicalizationMethod ", "<SignatureMethod ", "SignedInfo is incomplete"),
        ("<SignatureMethod ", "<CanonicalizationMethod ", "SignedInfo is incomplete"),
        ("</SignedInfo>", "<Other/></SignedInfo>", "something else than references"),
        ("<Reference ", "<Other/><Reference ", "something else than references"),
        ("<Transforms>", "<Transforms><Other/>", "something else"),
        ("<Transforms>", "<Transforms/><Transforms>", "missing or repeated"),
        ("<DigestMethod ", "<DigestMethod/><DigestMethod ", "missing or repeated"),
        ("</DigestValue>", "</DigestValue><Other/>", "missing or repeated"),
        ("<X509Data>", "<Other/><X509Data>", "in KeyInfo"),
        ("<SignedInfo>", '<SignedInfo xmlns="urn:other">', "no proper begin"),
    ],
)
def test_every_part_stands_in_its_place(old: str, new: str, detail: str) -> None:
    root = edited(old, new)
    code, told = refused(root)
    assert code == "EDX312"
    assert detail in told


@pytest.mark.parametrize(
    ("old", "new", "detail"),
    [
        ("<X509Certificate>", "<X509SKI>", "no X509Certificate"),
        ("<X509Certificate>", f"<X509Certificate>{'A' * 30_000}", "too long"),
        ("<X509Certificate>", "<X509Certificate>*", "not base64"),
        ("<X509Certificate>", "<X509Certificate>đ", "not base64"),
    ],
)
def test_certificates_must_be_readable(old: str, new: str, detail: str) -> None:
    data = craft.signed(document()).decode().replace(old, new)
    if old not in data:
        data = data.replace("</X509Certificate>", "</X509SKI>")
    code, told = refused(tree(data.encode()))
    assert code == "EDX311"
    assert detail in told


@pytest.mark.parametrize(
    ("old", "new", "detail"),
    [
        (' URI="#header"', "", "a Reference without URI"),
        ('Id="header"', "", "MessageHeader is not covered: it has no usable Id"),
        ('Id="header"', 'Id="a b"', "MessageHeader is not covered: it has no usable Id"),
        ('Id="header"', 'Id="other"', "not covered: MessageHeader"),
        ('URI="#body"', 'URI="#attachments"', "not covered: edXMLBody"),
        ("<edXML:edXMLBody ", "<edXML:Other/><edXML:edXMLBody ", "Other is outside the signed parts"),
        ("<AttachmentEncoded ", "<AttachmentEncoded/><AttachmentEncoded ", "AttachmentEncoded occurs twice"),
        ("<edXML:TraceHeaderList>", "<edXML:TraceHeaderList/><edXML:TraceHeaderList>", "TraceHeaderList occurs twice"),
    ],
)
def test_what_is_not_covered_is_named(old: str, new: str, detail: str) -> None:
    code, told = refused(edited(old, new, Recipe(uris=PARTS)))
    assert code == "EDX303"
    assert detail in told


def test_parts_are_those_of_an_edxml_message() -> None:
    for inside, detail in (
        ("", "no edXMLEnvelope"),
        ("<edXMLEnvelope/>", "no edXMLHeader"),
        ("<edXMLEnvelope><edXMLHeader/></edXMLEnvelope>", "no MessageHeader"),
    ):
        with pytest.raises(Refusal, match=f"EDX303.*{detail}"):
            form.parts(tree(f'<edXML xmlns="{NS}">{inside}</edXML>'.encode()))
    with pytest.raises(Refusal, match="the root is not edXML"):
        form.parts(tree(document().replace(NS.encode(), b"urn:other")))


def test_the_kind_is_looked_for_everywhere() -> None:
    """Also where the standard has none, and however it is written."""
    form.check_kind_without_cover(tree(document(business="0")))
    for odd in ("<a>1</a>", "0<a/>1", " 2 "):
        root = tree(f'<x><BussinessDocType xmlns="{NS}">{odd}</BussinessDocType></x>'.encode())
        with pytest.raises(Refusal, match="EDX303"):
            form.check_kind_without_cover(root)


def test_the_place_is_told() -> None:
    plain = document()
    data = plain.replace(b"</edXML>", craft.signature(plain, Recipe()).encode() + b"</edXML>")
    with pytest.raises(Refusal) as caught:
        form.check_placement(tree(data))
    assert (caught.value.code, caught.value.finding.where) == ("EDX305", "/edXML/Signature")
