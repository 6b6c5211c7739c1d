"""Signed messages as anybody's software may write them: the same content, spelled in every way XML has.

:func:`messages` makes plain messages; ``spell`` changes how they are written, before signing. They are signed
by python-xmlsec, so that no signer of ours decides what is right.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass

import xmlsec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import strategies as st
from lxml import etree

from tests import certificates
from tests.attacks.signature import craft
from tests.attacks.signature.craft import EXCLUSIVE, INCLUSIVE, PARTS, WHOLE
from tests.fixtures import DSIG, File, document

CANONICAL11 = "http://www.w3.org/2006/12/xml-c14n11"
PSS = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"
METHODS = {
    "rsa-2048": (*(f"{craft.MORE}rsa-sha{bits}" for bits in (256, 384, 512)), PSS),
    "rsa-3072": (f"{craft.MORE}rsa-sha256", PSS.replace("256", "512")),
    "p-256": (f"{craft.MORE}ecdsa-sha256", f"{craft.MORE}ecdsa-sha512"),
    "p-384": (f"{craft.MORE}ecdsa-sha384",),
    "p-521": (f"{craft.MORE}ecdsa-sha512",),
}
DIGESTS = (craft.SHA256, f"{craft.MORE}sha384", "http://www.w3.org/2001/04/xmlenc#sha512")


@dataclass(frozen=True)
class Signing:
    """How to sign: kind of key, address of the method, what is covered, the canonical forms (None: left out)."""

    kind: str = "p-256"
    method: str = f"{craft.MORE}ecdsa-sha256"
    uris: tuple[str, ...] = WHOLE
    of_info: str = EXCLUSIVE
    of_content: str | None = EXCLUSIVE
    digest: str = craft.SHA256
    prefix: str = ""  # or "ds:"
    info_list: str | None = None  # PrefixList inside CanonicalizationMethod, as it is written
    content_list: str | None = None  # … inside the last Transform


def signed(plain: bytes, how: Signing) -> bytes:
    """``plain`` with a Signature by python-xmlsec at the end of its header, and not another byte changed."""
    digests = ["" for _ in how.uris]
    root = etree.fromstring(place(plain, _signature(how, digests, "")), etree.XMLParser(huge_tree=True))
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    pem = certificates.key(how.kind, "H53.02").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    context.key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatPem)
    context.sign(xmlsec.tree.find_node(root, xmlsec.constants.NodeSignature))
    digests = [str(item.text) for item in root.iter(f"{{{DSIG}}}DigestValue")]
    return place(plain, _signature(how, digests, str(root.find(f".//{{{DSIG}}}SignatureValue").text)))


def _signature(how: Signing, digests: list[str], value: str) -> str:
    p = how.prefix
    names = ([craft.ENVELOPED] if how.uris == WHOLE else []) + ([how.of_content] if how.of_content else [])
    transforms = "".join(_method(f"{p}Transform", name, how.content_list) for name in names)
    listed = f"<{p}Transforms>{transforms}</{p}Transforms>" if names else ""
    references = "".join(
        f'<{p}Reference URI="{uri}">{listed}<{p}DigestMethod Algorithm="{how.digest}"/>'
        f"<{p}DigestValue>{digest}</{p}DigestValue></{p}Reference>\n"
        for uri, digest in zip(how.uris, digests, strict=True)
    )
    sent = "".join(
        f"<{p}X509Certificate>{base64.b64encode(item.public_bytes(Encoding.DER)).decode()}</{p}X509Certificate>"
        for item in certificates.chain("H53.02", how.kind)
    )
    return (
        f'<{p}Signature {f"xmlns:{p[:-1]}" if p else "xmlns"}="{DSIG}">\n<{p}SignedInfo>'
        f'{_method(f"{p}CanonicalizationMethod", how.of_info, how.info_list)}'
        f'<{p}SignatureMethod Algorithm="{how.method}"/>'
        f"{references}</{p}SignedInfo>\n<{p}SignatureValue>{value}</{p}SignatureValue>"
        f"<{p}KeyInfo><{p}X509Data>{sent}</{p}X509Data></{p}KeyInfo></{p}Signature>"
    )


def _method(name: str, algorithm: str, listed: str | None) -> str:
    if listed is None or algorithm != EXCLUSIVE:
        return f'<{name} Algorithm="{algorithm}"/>'
    inside = f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="{listed}"/>'
    return f'<{name} Algorithm="{algorithm}">{inside}</{name}>'


def place(plain: bytes, made: str) -> bytes:
    """``plain`` with ``made`` at the end of its header, whatever prefix that has."""
    at = plain.rindex(b"</", 0, plain.index(b"edXMLHeader>", plain.index(b"TraceHeaderList>")))
    return plain[:at] + made.encode() + plain[at:]


CANONICALS = (EXCLUSIVE, INCLUSIVE, CANONICAL11)
SIGNINGS = st.builds(
    lambda pair, *rest: Signing(*pair, *rest),
    st.sampled_from([(kind, method) for kind, methods in METHODS.items() for method in methods]),
    st.sampled_from([WHOLE, PARTS]),
    st.sampled_from(CANONICALS),
    st.sampled_from([*CANONICALS, None]),
    st.sampled_from(DIGESTS),
    st.sampled_from(["", "ds:"]),
)

# --- plain messages --------------------------------------------------------------------------------------------

VIETNAMESE = "Ủy ban nhân dân xã Đức Lập Hạ, huyện Đức Hòa: “kết nối” – về việc… ằẵặỗợữ"
TEXTS = st.one_of(
    st.text(st.sampled_from(VIETNAMESE), max_size=40),
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=20
    ),
    st.sampled_from([VIETNAMESE, "a\tb", "<>&\"'", "]] >", " x ", ""]),
)


def _encoded(content: bytes, lines: str) -> str:
    if not lines:
        return base64.b64encode(content).decode()
    return base64.encodebytes(content).decode().replace("\n", lines)


def _files(specifications: list[tuple[int, str]]) -> list[File]:
    return [
        File(content_id=f"cid:{number}", encoded=_encoded(bytes([number]) * size, lines))
        for number, (size, lines) in enumerate(specifications, start=1)
    ]


# Lengths around a run of LEAST characters, with and without white space between them.
LEAST = 2000
SIZES = st.one_of(st.integers(0, 200), st.sampled_from([1497, 1498, 1499, 1500, 1501, 1503, 1600, 5000]))
FILES = st.lists(st.tuples(SIZES, st.sampled_from(["", "\n", "\r\n", "\r", " ", "\n\n\t"])), min_size=1, max_size=4)

# --- the same in other bytes -----------------------------------------------------------------------------------

Spelling = Callable[[bytes], bytes]


def replaced(old: bytes, new: bytes, count: int = -1) -> Spelling:
    return lambda data: data.replace(old, new, count)


SPELLINGS: dict[str, Spelling] = {
    "line ends of DOS": replaced(b"\n", b"\r\n"),
    "line ends of old Macs": replaced(b"\n", b"\r"),
    "character references": replaced("Ủ".encode(), b"&#x1EE6;"),
    "a carriage return by reference": replaced(b"<edXML:TypeName>", b"<edXML:TypeName>&#13;"),
    "CDATA": replaced(b"<edXML:Competence>", b"<edXML:Competence><![CDATA[a & b <c> ]]&gt; ]]>"),
    "an unused namespace on top": replaced(b"<edXML ", b'<edXML xmlns:unused="urn:example:unused" '),
    "an unused namespace inside": replaced(b"<edXML:From>", b'<edXML:From xmlns:unused="urn:example:unused">'),
    "a namespace again": replaced(
        b"<edXML:From>", b'<edXML:From xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016">'
    ),
    "a default namespace on the header": replaced(
        b"<edXML:edXMLHeader>", b'<edXML:edXMLHeader xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016">'
    ),
    "another default namespace below": replaced(b"<edXML:Code>", b'<edXML:Code xmlns="urn:example:other">'),
    "white space in tags": replaced(b"<edXML:Subject>", b"<edXML:Subject \t\r\n >"),
    "empty elements": replaced(b"<edXML:Fax></edXML:Fax>", b"<edXML:Fax/>"),
    "single quotes": replaced(b'Id="header"', b"Id='header'"),
    "attributes": replaced(b"<edXML:TraceHeaderList>", b'<edXML:TraceHeaderList version="1 &#10;&quot;2" actor=\'"\'>'),
    "another prefix": lambda data: data.replace(b"edXML:", b"e:").replace(b"xmlns:edXML=", b"xmlns:e="),
    "white space between elements": replaced(b"><edXML:To>", b">\r\n\t<edXML:To>"),
    "no XML declaration": lambda data: data.partition(b"?>")[2].lstrip(),
    "a byte order mark": lambda data: b"\xef\xbb\xbf" + data,
}


def spell(data: bytes, names: set[str]) -> bytes:
    for name, change in SPELLINGS.items():  # in this order
        if name in names:
            data = change(data)
    return data


@st.composite
def plain_messages(draw: st.DrawFn) -> bytes:
    data = document(ids=True, subject=draw(TEXTS) or "x", files=_files(draw(FILES)))
    return spell(data, draw(st.sets(st.sampled_from(sorted(SPELLINGS)), max_size=5)))


@st.composite
def signed_messages(draw: st.DrawFn) -> tuple[str, bytes]:
    """The kind of key, and a message with a good signature."""
    how = draw(SIGNINGS)
    return how.kind, signed(draw(plain_messages()), how)
