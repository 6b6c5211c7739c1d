"""The attacks on signatures, as data: how each message is built and the problem that must be named.

A case is a function from a way of covering (``craft.WHOLE`` or ``craft.PARTS``) to the bytes of the message; beside it
stands the expected code for each way. All messages begin as the same good document of H53.02, signed by H53.02.
The list restates for edXML the wrapping family known from SAML and the advisories of 2025 (several SignedInfo,
comments in DigestValue, void canonicalisation), and the classic confusions of algorithm and key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from edxml_router.core import pki
from tests import certificates
from tests.attacks.signature import craft
from tests.attacks.signature.craft import DSIG, EXCLUSIVE, PARTS, WHOLE, Recipe, transform
from tests.certificates import NOW
from tests.fixtures import NS, document

Uris = Sequence[str]
Build = Callable[[Uris], bytes]

SENDER, EVIL = "H53.02", "H41.66"
HERE = "(here)"
LEGACY = (
    "<Signature><SignedInfo><Reference URI=''><DigestValue>x</DigestValue></Reference></SignedInfo>"
    "<SignatureValue>x</SignatureValue></Signature>"
)


@dataclass(frozen=True)
class Case:
    name: str
    build: Build
    expected: dict[Uris, str]  # the code by way of covering; a way that makes no sense is left out


CASES: list[Case] = []


def case(whole: str = "", parts: str = "") -> Callable[[Build], Build]:
    """Register an attack with its expected codes; an empty code: no such attack on this form."""

    def register(build: Build) -> Build:
        expected = {uris: code for uris, code in ((WHOLE, whole), (PARTS, parts)) if code}
        CASES.append(Case(build.__name__.replace("_", "-"), build, expected))
        return build

    return register


def good(uris: Uris, **fields: object) -> bytes:
    """The honest message."""
    return craft.signed(document(ids=True, **fields), Recipe(uris=uris))  # type: ignore[arg-type]


def swap(data: bytes, old: str, new: str) -> bytes:
    assert old.encode() in data, f"the message has no {old}"
    return data.replace(old.encode(), new.encode())


def cut(data: bytes, name: str) -> tuple[bytes, str]:
    """The message without its element ``name`` (as written, with prefix), and that element."""
    found = re.search(rf"<{name}[ >].*</{name}>".encode(), data, re.DOTALL)
    assert found
    return data.replace(found.group(), HERE.encode()), found.group().decode()


def edited(uris: Uris, old: str, new: str) -> bytes:
    """The good message with its Signature changed afterwards."""
    plain = document(ids=True)
    return craft.place(plain, swap(craft.signature(plain, Recipe(uris=uris)).encode(), old, new).decode())


def evil(element: str) -> str:
    """A forged copy of a part: another sender, and another id, so that ids stay unique."""
    return element.replace(SENDER, EVIL).replace('Id="', 'Id="evil-')


# --- wrapping: the signed element is moved, a forged one is read -------------------------------------------


@case(whole="EDX302", parts="EDX302")
def a_signed_value_is_changed(uris: Uris) -> bytes:
    return swap(good(uris), f"<edXML:OrganId>{SENDER}<", f"<edXML:OrganId>{EVIL}<")


@case(whole="EDX302", parts="EDX302")
def the_attachment_is_swapped(uris: Uris) -> bytes:
    return swap(good(uris), "JVBERi0xLj", "JVBERi0xLk")


@case(parts="EDX303")
def only_the_header_is_signed(_: Uris) -> bytes:
    return craft.signed(document(ids=True), Recipe(uris=["#header"]))


@case(parts="EDX303")
def the_body_is_left_out(_: Uris) -> bytes:
    return craft.signed(document(ids=True), Recipe(uris=["#header", "#attachments"]))


@case(parts="EDX303")
def the_attachments_are_left_out(_: Uris) -> bytes:
    return craft.signed(document(ids=True), Recipe(uris=["#header", "#body"]))


@case(whole="EDX302", parts="EDX303")
def a_forged_header_first_the_signed_one_in_a_wrapper(uris: Uris) -> bytes:
    data, header = cut(good(uris), "edXML:MessageHeader")
    return swap(data, HERE, f"{evil(header)}<edXML:Wrapper>{header}</edXML:Wrapper>")


@case(whole="EDX302", parts="EDX303")
def a_forged_header_beside_the_signed_one(uris: Uris) -> bytes:
    data, header = cut(good(uris), "edXML:MessageHeader")
    return swap(data, HERE, evil(header) + header)


@case(whole="EDX302", parts="EDX303")
def a_forged_header_after_the_signed_one(uris: Uris) -> bytes:
    data, header = cut(good(uris), "edXML:MessageHeader")
    return swap(data, HERE, header + evil(header))


@case(whole="EDX302", parts="EDX303")
def the_signed_header_hidden_in_the_trace_list(uris: Uris) -> bytes:
    data, header = cut(good(uris), "edXML:MessageHeader")
    return swap(swap(data, HERE, evil(header)), "</edXML:TraceHeaderList>", f"{header}</edXML:TraceHeaderList>")


@case(whole="EDX305", parts="EDX305")
def a_forged_envelope_first_the_signed_one_in_a_wrapper(uris: Uris) -> bytes:
    data, envelope = cut(good(uris), "edXML:edXMLEnvelope")
    forged = re.sub(rf'<Signature xmlns="{DSIG}">.*?</Signature>', "", evil(envelope), flags=re.DOTALL)
    return swap(data, HERE, f"{forged}<Wrapper>{envelope}</Wrapper>")


@case(whole="EDX302", parts="EDX303")
def the_signed_attachments_in_a_wrapper(uris: Uris) -> bytes:
    data, attachments = cut(good(uris), "AttachmentEncoded")
    return swap(data, HERE, f"{evil(attachments)}<Wrapper>{attachments}</Wrapper>")


@case(whole="EDX312", parts="EDX312")
def a_signed_copy_inside_an_object(uris: Uris) -> bytes:
    """Whoever resolves the reference by search finds the good copy; whoever reads, the forged message."""
    copy = document(ids=True).decode().partition("?>")[2]
    made = craft.signature(document(ids=True), Recipe(uris=uris))
    hidden = made.replace("</Signature>", f"<Object>{copy}</Object></Signature>")
    return craft.place(document(ids=True, sender=EVIL), hidden)


@case(whole="EDX312", parts="EDX312")
def an_empty_object(uris: Uris) -> bytes:
    return craft.signed(document(ids=True), Recipe(uris=uris, after="<Object/>"))


@case(whole="EDX312", parts="EDX312")
def a_manifest_beside_the_key(uris: Uris) -> bytes:
    manifest = f"<Manifest><Reference URI=''><DigestMethod Algorithm='{craft.SHA256}'/></Reference></Manifest>"
    return craft.signed(document(ids=True), Recipe(uris=uris, after=manifest))


@case(parts="EDX303")
def attachments_added_to_a_message_signed_without(_: Uris) -> bytes:
    plain = craft.signed(document(ids=True, files=()), Recipe(uris=["#header"]))
    _, attachments = cut(document(ids=True), "AttachmentEncoded")
    return swap(plain, "</edXML>", f"{attachments}</edXML>")


@case(whole="EDX302", parts="EDX303")
def an_error_list_put_in_on_the_way(uris: Uris) -> bytes:
    errors = "<edXML:ErrorList><edXML:Error><edXML:Code>1</edXML:Code></edXML:Error></edXML:ErrorList>"
    return swap(good(uris), "</edXML:TraceHeaderList>", f"</edXML:TraceHeaderList>{errors}")


# --- ids ---------------------------------------------------------------------------------------------------


@case(parts="EDX312")
def two_elements_with_the_same_id(uris: Uris) -> bytes:
    return swap(good(uris), "<edXML:TraceHeaderList>", '<edXML:TraceHeaderList Id="header">')


@case(parts="EDX312")
def id_on_one_and_ID_on_another(uris: Uris) -> bytes:  # noqa: N802 - the case of the letters is the attack
    return swap(good(uris), "<edXML:TraceHeaderList>", '<edXML:TraceHeaderList ID="header">')


@case(parts="EDX312")
def id_on_one_and_xml_id_on_another(uris: Uris) -> bytes:
    return swap(good(uris), "<edXML:TraceHeaderList>", '<edXML:TraceHeaderList xml:id="header">')


@case(parts="EDX312")
def id_in_a_foreign_namespace(uris: Uris) -> bytes:
    marked = '<edXML:TraceHeaderList xmlns:w="urn:example" w:Id="header">'
    return swap(good(uris), "<edXML:TraceHeaderList>", marked)


@case(parts="EDX303")
def the_part_is_named_by_ID(_: Uris) -> bytes:  # noqa: N802 - as above
    return craft.signed(swap(document(ids=True), 'Id="header"', 'ID="header"'), Recipe(uris=PARTS))


@case(parts="EDX303")
def references_swapped_between_parts(_: Uris) -> bytes:
    return craft.signed(document(ids=True), Recipe(uris=["#header", "#header", "#attachments"]))


# --- references --------------------------------------------------------------------------------------------


def _references(*uris: str) -> Build:
    return lambda _: craft.signed(document(ids=True), Recipe(uris=uris))


for _name, _uris in {
    "an-xpointer-to-the-root": ("#xpointer(/)",),
    "an-xpointer-to-an-id": ("#xpointer(id('header'))", "#body", "#attachments"),
    "an-outside-address": ("https://example.vn/header.xml",),
    "an-attachment-by-cid": ("cid:209",),
    "a-fragment-of-nothing": ("#",),
    "two-hashes": ("##header", "#body", "#attachments"),
    "the-whole-and-a-part": ("", "#header"),
    "the-whole-twice": ("", ""),
    "a-part-twice": (*PARTS, "#header"),
    "a-part-that-is-not-there": (*PARTS, "#nothing"),
}.items():
    CASES.append(Case(_name, _references(*_uris), {WHOLE: "EDX303"}))


@case(whole="EDX303", parts="EDX303")
def a_reference_without_address(uris: Uris) -> bytes:
    return craft.signed(document(ids=True), Recipe(uris=uris, edit=lambda made: re.sub(' URI="[^"]*"', "", made)))


@case(whole="EDX312", parts="EDX312")
def no_reference_at_all(_: Uris) -> bytes:
    return craft.signed(document(ids=True), Recipe(uris=()))


@case(whole="EDX312", parts="EDX312")
def a_reference_of_the_type_manifest(uris: Uris) -> bytes:
    return edited(uris, "<Reference URI=", f'<Reference Type="{DSIG}Manifest" URI=')


# --- place and number --------------------------------------------------------------------------------------


def _moved(uris: Uris, before: str) -> bytes:
    plain = document(ids=True)
    return swap(plain, before, craft.signature(plain, Recipe(uris=uris)) + before)


@case(whole="EDX305", parts="EDX305")
def moved_under_the_root(uris: Uris) -> bytes:
    return _moved(uris, "</edXML>")


@case(whole="EDX305", parts="EDX305")
def moved_into_the_body(uris: Uris) -> bytes:
    return _moved(uris, "</edXML:edXMLBody>")


@case(whole="EDX305", parts="EDX305")
def moved_into_the_trace_list(uris: Uris) -> bytes:
    return _moved(uris, "</edXML:TraceHeaderList>")


@case(whole="EDX305", parts="EDX305")
def moved_into_the_message_header(uris: Uris) -> bytes:
    return _moved(uris, "</edXML:MessageHeader>")


@case(whole="EDX304", parts="EDX304")
def the_same_signature_twice(uris: Uris) -> bytes:
    plain = document(ids=True)
    made = craft.signature(plain, Recipe(uris=uris))
    return craft.place(plain, made + made)


@case(whole="EDX304", parts="EDX304")
def a_second_signature_by_somebody_else(uris: Uris) -> bytes:
    plain = document(ids=True)
    other = Recipe(uris=uris, key=certificates.key("p-256", EVIL), chain=certificates.chain(EVIL))
    return craft.place(plain, craft.signature(plain, other) + craft.signature(plain, Recipe(uris=uris)))


@case(whole="EDX304", parts="EDX304")
def a_signature_inside_the_signature(uris: Uris) -> bytes:
    inner = f"<Object>{craft.signature(document(ids=True), Recipe(uris=uris))}</Object>"
    return craft.signed(document(ids=True), Recipe(uris=uris, after=inner))


@case(whole="EDX304", parts="EDX304")
def a_legacy_signature_beside_a_real_one(uris: Uris) -> bytes:
    return craft.signed(document(ids=True, signature=LEGACY), Recipe(uris=uris))


@case(whole="EDX307")
def a_legacy_signature_alone(_: Uris) -> bytes:
    return document(signature=LEGACY)


@case(whole="EDX307")
def a_real_signature_in_the_namespace_of_the_old_kit(_: Uris) -> bytes:
    return swap(good(WHOLE), f'<Signature xmlns="{DSIG}">', f'<Signature xmlns="{NS}">')


@case(whole="EDX301")
def no_signature(_: Uris) -> bytes:
    return document()


# --- the inside of the signature ---------------------------------------------------------------------------


@case(whole="EDX312", parts="EDX312")
def two_signed_infos(uris: Uris) -> bytes:
    other = craft.signature(document(ids=True, sender=EVIL), Recipe(uris=uris))
    forged = re.search("<SignedInfo>.*</SignedInfo>", other, re.DOTALL)
    assert forged
    return craft.signed(document(ids=True), Recipe(uris=uris, before=forged.group()))


@case(whole="EDX312", parts="EDX312")
def a_second_signed_info_at_the_end(uris: Uris) -> bytes:
    return craft.signed(document(ids=True), Recipe(uris=uris, after="<SignedInfo/>"))


@case(whole="EDX312", parts="EDX312")
def two_signature_values(uris: Uris) -> bytes:
    return edited(uris, "<KeyInfo>", "<SignatureValue>AAAA</SignatureValue><KeyInfo>")


@case(whole="EDX312", parts="EDX312")
def an_empty_signature_value(uris: Uris) -> bytes:
    edit = re.compile("<SignatureValue>.*</SignatureValue>")
    return craft.signed(document(ids=True), Recipe(uris=uris, edit=lambda made: edit.sub("<SignatureValue/>", made)))


@case(whole="EDX302", parts="EDX302")
def a_short_signature_value(uris: Uris) -> bytes:
    edit = re.compile("<SignatureValue>....")
    return craft.signed(document(ids=True), Recipe(uris=uris, edit=lambda made: edit.sub("<SignatureValue>", made)))


@case(whole="EDX320", parts="EDX320")
def a_signature_value_that_is_not_base64(uris: Uris) -> bytes:
    edit = re.compile("<SignatureValue>.*</SignatureValue>")
    return craft.signed(
        document(ids=True),
        Recipe(uris=uris, edit=lambda made: edit.sub("<SignatureValue>A</SignatureValue>", made)),
    )


@case(whole="EDX109", parts="EDX109")
def a_comment_in_the_digest(uris: Uris) -> bytes:
    return edited(uris, "<DigestValue>", "<DigestValue>AAAA<!-- -->")


@case(whole="EDX312", parts="EDX312")
def an_element_in_the_digest(uris: Uris) -> bytes:
    return edited(uris, "<DigestValue>", "<DigestValue><x/>")


@case(whole="EDX312", parts="EDX312")
def two_digests(uris: Uris) -> bytes:
    return edited(uris, "<DigestValue>", "<DigestValue>AAAA</DigestValue><DigestValue>")


@case(whole="EDX302", parts="EDX302")
def the_digest_of_other_content(uris: Uris) -> bytes:
    return craft.place(document(ids=True), craft.signature(document(ids=True, sender=EVIL), Recipe(uris=uris)))


@case(whole="EDX312", parts="EDX312")
def something_else_in_signed_info(uris: Uris) -> bytes:
    return craft.signed(document(ids=True), Recipe(uris=uris, in_signed_info="<SignatureProperties/>"))


# --- comments, instructions, document types, names without meaning -----------------------------------------


@case(whole="EDX109", parts="EDX109")
def a_comment_cuts_the_senders_code(uris: Uris) -> bytes:
    return swap(good(uris), f"<edXML:OrganId>{SENDER}<", f"<edXML:OrganId>{SENDER[:3]}<!-- -->{SENDER[3:]}<")


@case(whole="EDX109", parts="EDX109")
def an_instruction_cuts_the_senders_code(uris: Uris) -> bytes:
    return swap(good(uris), f"<edXML:OrganId>{SENDER}<", f"<edXML:OrganId>{SENDER[:3]}<?x y?>{SENDER[3:]}<")


@case(whole="EDX109", parts="EDX109")
def a_comment_between_elements(uris: Uris) -> bytes:
    return swap(good(uris), "<edXML:edXMLManifest", "<!-- --><edXML:edXMLManifest")


@case(whole="EDX109", parts="EDX109")
def a_comment_after_the_root(uris: Uris) -> bytes:
    return good(uris) + b"<!-- -->"


@case(whole="EDX109", parts="EDX109")
def an_instruction_before_the_root(uris: Uris) -> bytes:
    return swap(good(uris), "<edXML xmlns", "<?xml-stylesheet href='x'?><edXML xmlns")


@case(whole="EDX104", parts="EDX104")
def a_document_type(uris: Uris) -> bytes:
    return swap(good(uris), "<edXML xmlns", f'<!DOCTYPE edXML [<!ENTITY s "{SENDER}">]><edXML xmlns')


@case(whole="EDX312", parts="EDX312")
def a_relative_namespace(uris: Uris) -> bytes:
    """Such a document has no canonical form; some implementations then hash nothing and find it equal."""
    return swap(good(uris), "<edXML:MessageHeader", '<edXML:MessageHeader xmlns:z="1"')


# --- algorithms and transforms -----------------------------------------------------------------------------

_XPATH = transform(
    "http://www.w3.org/TR/1999/REC-xpath-19991116", "<XPath>not(ancestor-or-self::*[local-name()='edXMLBody'])</XPath>"
)
_XPATH2 = transform(
    "http://www.w3.org/2002/06/xmldsig-filter2",
    '<f:XPath xmlns:f="http://www.w3.org/2002/06/xmldsig-filter2" Filter="subtract">//*</f:XPath>',
)
_XSLT = transform(
    "http://www.w3.org/TR/1999/REC-xslt-19991116",
    '<x:stylesheet xmlns:x="http://www.w3.org/1999/XSL/Transform" version="1.0"/>',
)


def _transformed(*transforms: str) -> Build:
    def build(uris: Uris) -> bytes:
        first = [transform(craft.ENVELOPED)] if uris == WHOLE else []
        return craft.signed(document(ids=True), Recipe(uris=uris, transforms=[*first, *transforms]))

    return build


for _name, _transforms in {
    "an-xpath-transform": [_XPATH, transform(EXCLUSIVE)],
    "an-xpath-filter": [_XPATH2, transform(EXCLUSIVE)],
    "an-xslt-transform": [_XSLT, transform(EXCLUSIVE)],
    "a-base64-transform": [transform(f"{DSIG}base64"), transform(EXCLUSIVE)],
    "an-unknown-transform": [transform("http://www.w3.org/TR/xml-exc-c14n#")],  # the old kit writes this one
    "canonical-with-comments": [transform(f"{EXCLUSIVE}WithComments")],
    "two-canonicalisations": [transform(EXCLUSIVE), transform(craft.INCLUSIVE)],
    "a-transform-without-algorithm": ["<Transform/>"],
    "a-parameter-in-canonicalisation": [transform(EXCLUSIVE, "<XPath>1</XPath>")],
}.items():
    CASES.append(Case(_name, _transformed(*_transforms), {WHOLE: "EDX306", PARTS: "EDX306"}))

CASES += [
    Case(
        "the-whole-without-enveloped",
        lambda _: craft.signed(document(), Recipe(transforms=[transform(EXCLUSIVE)])),
        {WHOLE: "EDX306"},
    ),
    Case(
        "enveloped-after-canonicalisation",
        lambda _: craft.signed(document(), Recipe(transforms=[transform(EXCLUSIVE), transform(craft.ENVELOPED)])),
        {WHOLE: "EDX306"},
    ),
    Case(
        "enveloped-on-a-part",
        lambda _: craft.signed(document(ids=True), Recipe(uris=PARTS, transforms=[transform(craft.ENVELOPED)])),
        {PARTS: "EDX306"},
    ),
]


@case(whole="EDX306", parts="EDX306")
def a_sha1_signature(uris: Uris) -> bytes:
    method = f"{DSIG}rsa-sha1"
    return craft.signed(document(ids=True), _rsa(uris).but(method=method))


@case(whole="EDX306", parts="EDX306")
def an_ecdsa_sha1_signature(uris: Uris) -> bytes:
    return craft.signed(document(ids=True), Recipe(uris=uris, method=f"{craft.MORE}ecdsa-sha1"))


@case(whole="EDX306", parts="EDX306")
def a_sha1_digest(uris: Uris) -> bytes:
    return craft.signed(document(ids=True), Recipe(uris=uris, digest=craft.SHA1))


@case(whole="EDX306", parts="EDX306")
def the_public_key_as_secret_of_an_hmac(uris: Uris) -> bytes:
    return craft.signed(document(ids=True), Recipe(uris=uris, method=f"{craft.MORE}hmac-sha256"))


@case(whole="EDX306", parts="EDX306")
def a_truncated_hmac(uris: Uris) -> bytes:
    method = f'SignatureMethod Algorithm="{craft.MORE}ecdsa-sha256"'
    inside = f"<{method}><HMACOutputLength>8</HMACOutputLength></SignatureMethod>"
    return edited(uris, f"<{method}/>", inside)


@case(whole="EDX306", parts="EDX306")
def signed_info_canonical_with_comments(uris: Uris) -> bytes:
    method = f'CanonicalizationMethod Algorithm="{EXCLUSIVE}'
    return edited(uris, method, f"{method}WithComments")


@case(whole="EDX302", parts="EDX302")
def an_rsa_method_on_an_ec_key(uris: Uris) -> bytes:
    return craft.signed(document(ids=True), Recipe(uris=uris, method=f"{craft.MORE}rsa-sha256"))


# --- keys --------------------------------------------------------------------------------------------------


def _rsa(uris: Uris) -> Recipe:
    return Recipe(
        uris=uris,
        method=f"{craft.MORE}rsa-sha256",
        key=certificates.key("rsa-2048", SENDER),
        chain=certificates.chain(SENDER, "rsa-2048"),
    )


@case(whole="EDX311", parts="EDX311")
def a_self_made_key_value(uris: Uris) -> bytes:
    key = certificates.key("rsa-2048", "nobody")
    info = f"<KeyInfo>{craft.key_value(key.public_key())}</KeyInfo>"
    return craft.signed(document(ids=True), _rsa(uris).but(key=key, key_info=info))


@case(whole="EDX302", parts="EDX302")
def a_self_made_key_value_beside_a_good_certificate(uris: Uris) -> bytes:
    key = certificates.key("rsa-2048", "nobody")
    chain = certificates.chain(SENDER, "rsa-2048")
    info = f"<KeyInfo>{craft.key_value(key.public_key())}{craft.x509_data(*chain)}</KeyInfo>"
    return craft.signed(document(ids=True), _rsa(uris).but(key=key, key_info=info))


@case(whole="EDX302", parts="EDX302")
def the_certificate_of_somebody_else(uris: Uris) -> bytes:
    return craft.signed(document(ids=True), Recipe(uris=uris, key=certificates.key("p-256", EVIL)))


@case(whole="EDX311", parts="EDX311")
def no_key_info(uris: Uris) -> bytes:
    return craft.signed(document(ids=True), Recipe(uris=uris, key_info=""))


@case(whole="EDX311", parts="EDX311")
def a_key_name_alone(uris: Uris) -> bytes:
    return craft.signed(document(ids=True), Recipe(uris=uris, key_info="<KeyInfo><KeyName>H53.02</KeyName></KeyInfo>"))


@case(whole="EDX312", parts="EDX312")
def a_key_to_be_fetched(uris: Uris) -> bytes:
    info = '<KeyInfo><RetrievalMethod URI="https://example.vn/key"/></KeyInfo>'
    return craft.signed(document(ids=True), Recipe(uris=uris, key_info=info))


@case(whole="EDX311", parts="EDX311")
def a_garbage_certificate(uris: Uris) -> bytes:
    info = "<KeyInfo><X509Data><X509Certificate>AAAA</X509Certificate></X509Data></KeyInfo>"
    return craft.signed(document(ids=True), Recipe(uris=uris, key_info=info))


@case(whole="EDX311", parts="EDX311")
def a_certificate_that_is_not_base64(uris: Uris) -> bytes:
    info = "<KeyInfo><X509Data><X509Certificate>***</X509Certificate></X509Data></KeyInfo>"
    return craft.signed(document(ids=True), Recipe(uris=uris, key_info=info))


@case(whole="EDX311", parts="EDX311")
def two_certificates_that_could_be_the_signers(uris: Uris) -> bytes:
    both = [*certificates.chain(EVIL), *certificates.chain(SENDER)]
    return craft.signed(document(ids=True), Recipe(uris=uris, chain=both))


@case(whole="EDX312", parts="EDX312")
def a_hundred_certificates(uris: Uris) -> bytes:
    return craft.signed(document(ids=True), Recipe(uris=uris, chain=certificates.chain() * 50))


# --- certificates ------------------------------------------------------------------------------------------


def _certified(certificate: Callable[[], x509.Certificate], **changes: object) -> Build:
    def build(uris: Uris) -> bytes:
        sent = [certificate(), certificates.issuing().certificate]
        return craft.signed(document(ids=True), Recipe(uris=uris, chain=sent).but(**changes))

    return build


def _leaf_with(*extensions: tuple[x509.ExtensionType, bool]) -> Callable[[], x509.Certificate]:
    return lambda: certificates.odd_leaf(extensions=extensions)


_plain = (x509.BasicConstraints(ca=False, path_length=None), True)
_signs = (pki.key_usage(digital_signature=True), True)
_small = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the attack

for _name, _build, _code in (
    (
        "a-certificate-that-has-ended",
        _certified(lambda: certificates.odd_leaf(end=NOW - timedelta(seconds=1))),
        "EDX309",
    ),
    (
        "a-certificate-not-yet-valid",
        _certified(lambda: certificates.odd_leaf(begin=NOW + timedelta(seconds=1))),
        "EDX309",
    ),
    (
        "an-authoritys-certificate",
        _certified(_leaf_with((x509.BasicConstraints(ca=True, path_length=None), True), _signs)),
        "EDX310",
    ),
    (
        "a-key-of-1024-bits",
        _certified(
            lambda: certificates.odd_leaf(public=_small.public_key()), key=_small, method=f"{craft.MORE}rsa-sha256"
        ),
        "EDX310",
    ),
    (
        "an-ed25519-key",
        _certified(lambda: certificates.odd_leaf(public=certificates.ed25519_key().public_key())),
        "EDX310",
    ),
    ("no-key-usage", _certified(_leaf_with(_plain)), "EDX310"),
    ("key-usage-of-an-authority", _certified(_leaf_with(_plain, (pki.key_usage(key_cert_sign=True), True))), "EDX310"),
    ("key-usage-for-nothing-of-ours", _certified(_leaf_with(_plain, (pki.key_usage(crl_sign=True), True))), "EDX310"),
    (
        "a-web-servers-certificate",
        _certified(_leaf_with(_plain, _signs, (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False))),
        "EDX310",
    ),
    (
        "an-unknown-critical-extension",
        _certified(
            _leaf_with(_plain, _signs, (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"x"), True))
        ),
        "EDX308",
    ),
    (
        "a-certificate-of-an-unknown-authority",
        _certified(lambda: certificates.leaf(issuer="Other issuing", above="Other root")),
        "EDX308",
    ),
    (
        "an-authority-of-the-same-name",
        _certified(
            lambda: certificates.odd_leaf(
                issuer=pki.Issuer(certificates.key("p-256", "thief"), certificates.issuing().certificate)
            )
        ),
        "EDX308",
    ),
    (
        "a-leaf-issued-by-a-leaf",
        _certified(
            lambda: certificates.odd_leaf(issuer=pki.Issuer(certificates.key("p-256", EVIL), certificates.leaf(EVIL)))
        ),
        "EDX308",
    ),
):
    CASES.append(Case(_name, _build, {WHOLE: _code, PARTS: _code}))


@case(whole="EDX308", parts="EDX308")
def a_leaf_issued_by_a_leaf_that_is_sent_along(uris: Uris) -> bytes:
    other = certificates.leaf(EVIL)
    forged = certificates.odd_leaf(issuer=pki.Issuer(certificates.key("p-256", EVIL), other))
    sent = [forged, other, certificates.issuing().certificate]
    return craft.signed(document(ids=True), Recipe(uris=uris, chain=sent))


# --- what parts do not cover -------------------------------------------------------------------------------


@case(parts="EDX303")
def a_recall_signed_by_parts(uris: Uris) -> bytes:
    return good(uris, business="1")


@case(whole="EDX302", parts="EDX303")
def a_new_document_turned_into_a_recall_on_the_way(uris: Uris) -> bytes:
    kind = "<edXML:BussinessDocType>0<"
    return swap(good(uris), kind, kind.replace("0", "1"))


@case(whole="EDX302", parts="EDX303")
def a_second_kind_in_the_trace_list(uris: Uris) -> bytes:
    kind = "<edXML:BussinessDocType>0</edXML:BussinessDocType>"
    return swap(good(uris), kind, kind + kind.replace("0", "3"))


@case(whole="EDX302")
def a_trace_added_on_the_way(uris: Uris) -> bytes:
    """Under parts this is allowed, and shown to be harmless in tests/core/test_signature.py."""
    trace = "<edXML:TraceHeader><edXML:OrganId>H41</edXML:OrganId></edXML:TraceHeader>"
    return swap(good(uris), "</edXML:TraceHeader>", f"</edXML:TraceHeader>{trace}")
