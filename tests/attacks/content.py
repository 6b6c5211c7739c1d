"""Attacks in what is signed: the signer is who he says he is, and means harm or was deceived himself.

Every message here has a good signature over the whole by the sender it names.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

from edxml_router.core.xml.safe_xml import DEFAULT_LIMITS
from tests.attacks import gate
from tests.attacks.attack import Attack, Build
from tests.attacks.signature import craft
from tests.fixtures import File, document, response_for, status


def signed(**fields: object) -> Build:
    return lambda: craft.signed(document(**fields))  # type: ignore[arg-type]


def _patched(old: str, new: str) -> Build:
    return signed(replace={old: new})


def _signed_status(**fields: object) -> Build:
    key, chain = gate.certificates.key("p-256", gate.THIEF), gate.certificates.chain(gate.THIEF)
    return lambda: craft.signed(status(sender=gate.THIEF, **fields), craft.Recipe(key=key, chain=chain))  # type: ignore[arg-type]


def zip_bomb() -> bytes:
    """A thousand times its size when somebody unpacks it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(8):
            archive.writestr(zipfile.ZipInfo(f"{number}.txt"), bytes(4 * 1024 * 1024), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def path_in_archive() -> bytes:
    """It writes outside the folder when somebody unpacks it without a thought."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("../../etc/cron.d/x"), b"x")
    return packed.getvalue()


def _archived(build: Build) -> Build:
    return lambda: craft.signed(document(files=[File("cid:1", "a.zip", "application/zip", build())]))


def _encoded(text: str) -> Build:
    return signed(files=[File(encoded=text)])


def _long(text: str, times: int) -> Build:
    return lambda: craft.signed(document(files=[File(encoded=text * times)]))


def _declared(count: int, elements: int = 2000, address: str = "u:x") -> Build:
    """``count`` namespaces in scope of many elements; the digest is of another document, so that making it is cheap."""

    def build() -> bytes:
        names = [f"p{number}" for number in range(count)]
        text = document().decode()
        for number, tag in enumerate(("<edXML:edXMLHeader", "<edXML:MessageHeader", "<edXML:ToPlaces")):
            mine = "".join(f" xmlns:{name}='{address}'" for name in names[number::3])
            text = text.replace(f"{tag}>", f"{tag}{mine}>", 1)
        text = text.replace("<edXML:Place>", "<edXML:Place/>" * elements + "<edXML:Place>", 1)
        transforms = [craft.transform(craft.ENVELOPED), craft.transform(craft.INCLUSIVE)]
        made = craft.signature(document(), craft.Recipe(transforms=transforms))
        return craft.place(text.encode(), made)

    return build


def _listed(count: int) -> Build:
    names = " ".join(f"p{number}" for number in range(count))
    listed = f'<InclusiveNamespaces xmlns="{craft.EXCLUSIVE}" PrefixList="{names}"/>'
    transforms = [craft.transform(craft.ENVELOPED), craft.transform(craft.EXCLUSIVE, listed)]
    return lambda: craft.signed(document(), craft.Recipe(transforms=transforms))


def _small_limits() -> gate.Rules:
    return gate.rules(limits=replace(DEFAULT_LIMITS, max_attachment_bytes=1000))


_NEVER = "taken as it is; an archive is never unpacked"

BOMBS = (
    Attack("size", "a-zip-bomb", "", _archived(zip_bomb), harmless=_NEVER),
    Attack(
        "size",
        "a-path-in-an-archive",
        "",
        _archived(path_in_archive),
        harmless=_NEVER,
    ),
    Attack("size", "201-attachments", "EDX210", signed(files=[File(f"cid:{n}", f"{n}.pdf") for n in range(201)])),
    Attack("size", "an-attachment-beyond-the-limit", "EDX210", _long("QUJD", 400), rules=_small_limits),
    Attack("size", "a-large-attachment-beyond-the-limit", "EDX210", _long("QUJD", 2_600_000), rules=_small_limits),
    Attack(
        "size",
        "base64-of-white-space",
        "",
        _long("QUJD\n" + " " * 1000, 11_000),
        harmless="taken: 33 kB of content in 11 MB of text, counted as 11 MB",
    ),
    Attack(
        "size",
        "10-MB-that-are-almost-base64",
        "EDX208",
        lambda: _long("QUJD", 2_600_000)().replace(b"QUJDQ", b"QU=DQ", 1),
    ),
    Attack(
        "size",
        "more-recipients-than-allowed",
        "EDX407",
        signed(to=[f"H41.{number}" for number in range(101)]),
        rules=lambda: gate.rules(limits=replace(DEFAULT_LIMITS, max_recipients=100)),
    ),
    Attack("size", "namespaces-times-elements", "EDX112", _declared(180, elements=2000)),
    Attack("size", "few-namespaces-times-many-elements", "EDX112", _declared(24, elements=120_000)),
    Attack("size", "one-element-with-a-hundred-namespaces", "EDX107", _declared(300)),
    Attack("size", "a-long-address-times-elements", "EDX112", _declared(1, elements=2000, address="u:" + "x" * 60_000)),
    Attack("size", "a-hundred-prefixes-in-a-list", "EDX112", _listed(100)),
    Attack("size", "ten-thousand-and-one-recipients", "EDX407", signed(to=[f"H41.{n}" for n in range(10_001)])),
)


def _named(name: str) -> Build:
    return signed(files=[File(name=name)])


_NAMES = {
    "a-path-upwards": "../../etc/passwd",
    "an-absolute-path": "/etc/passwd",
    "a-windows-path": "..\\..\\autoexec.bat",
    "a-drive": "C:autoexec.bat",
    "a-share": "\\\\example.vn\\x.pdf",
    "dot-dot": "..",
    "an-empty-name": "   ",
    "a-long-name": "a" * 256 + ".pdf",
    "a-name-written-backwards": "cong-van\u202efdp.exe",
    "a-name-with-an-isolate": "cong-van\u2066fdp.exe\u2069",
    "a-name-with-a-left-to-right-mark": "cong\u200e-van.pdf",
    "a-name-with-a-zero-width-space": "cong\u200b-van.pdf",
    "a-name-on-two-lines": "cong-van.pdf\nContent-Type: text/html",
    "a-name-with-a-tab": "cong\tvan.pdf",
    "a-name-with-an-escape-sequence": "cong-van\u009b31m.pdf",
    "a-name-with-a-line-separator": "cong\u2028van.pdf",
}
_BASE64 = {
    "padding-in-the-middle": "QUI=QUJD",
    "the-alphabet-of-addresses": "QUJ_QUJ-",
    "no-padding": "QUJDQQ",
    "too-much-padding": "QUJDQQ===",
    "one-character-too-many": "QUJDQ",
    "full-width-letters": "ＱＵＪＤ",
    "a-percent-escape": "QUJD%3D",
    "not-base64-at-all": "<![CDATA[<script>alert(1)</script>]]>",
}


def _content(name: str, code: str, build: Build, **more: object) -> Attack:
    return Attack("content", name, code, build, **more)  # type: ignore[arg-type]


_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"

ATTACKS = (
    *(_content(f"attachment: {name}", "EDX209", _named(text)) for name, text in _NAMES.items()),
    *(_content(f"base64: {name}", "EDX208", _encoded(text)) for name, text in _BASE64.items()),
    _content("two-attachments-of-one-id", "EDX206", signed(files=[File(), File(name="khac.pdf")])),
    _content("two-attachments-of-one-id-but-for-cid", "EDX206", signed(files=[File(), File("209", "khac.pdf")])),
    _content("an-attachment-that-the-manifest-lacks", "EDX206", _patched("<ContentId>cid:209<", "<ContentId>cid:210<")),
    _content(
        "a-program-called-a-document",
        "",
        signed(files=[File(content=b"MZ\x90\x00")]),
        harmless="taken, with the remark EDX211",
    ),
    _content(
        "the-sender-twice",
        "EDX202",
        _patched("</edXML:From>", "</edXML:From><edXML:From><edXML:OrganId>H41.66</edXML:OrganId></edXML:From>"),
    ),
    _content(
        "two-codes-of-the-sender",
        "EDX201",
        _patched(
            "<edXML:OrganId>H53.02</edXML:OrganId><edXML:OrganizationInCharge>",
            "<edXML:OrganId>H53.02</edXML:OrganId><edXML:OrganId>H41.66</edXML:OrganId><edXML:OrganizationInCharge>",
        ),
    ),
    _content(
        "elements-inside-the-senders-code",
        "EDX201",
        _patched("<edXML:OrganId>H53.02<", "<edXML:OrganId>H53<edXML:x/>.02<"),
    ),
    _content(
        "a-second-document-id",
        "EDX202",
        _patched("</edXML:DocumentId>", "</edXML:DocumentId><edXML:DocumentId>x</edXML:DocumentId>"),
    ),
    _content("a-document-id-written-backwards", "EDX215", signed(document_id="H53.02,2026/03/02,\u202e21/UBND-VP")),
    _content("a-document-id-on-two-lines", "EDX215", signed(document_id="H53.02\n2026-03-02 accepted")),
    _content("a-document-id-of-a-megabyte", "EDX108", signed(document_id="x" * 1_000_000)),
    _content("a-code-in-full-width-letters", "EDX503", signed(to=["Ｈ41.03"])),
    _content("a-code-with-a-cyrillic-letter", "EDX503", signed(to=["Н41.03"])),
    _content("a-code-with-a-zero-width-space", "EDX503", signed(to=["H41\u200b.03"])),
    _content("a-pattern-as-a-code", "EDX503", signed(to=["H41.#"])),
    _content("a-query-as-a-code", "EDX503", signed(to=["H41' OR '1'='1"])),
    _content("a-path-as-a-code", "EDX503", signed(to=["../H41.03"])),
    _content("nobody-has-this-code", "EDX501", signed(to=["H99.99"])),
    _content("a-recipient-twice", "EDX207", signed(to=["H41.03", "H41.03"])),
    _content("a-recipient-twice-in-two-spellings", "EDX207", signed(to=["H41.03", "000.00.03.H41"])),
    _content("a-fourth-kind-of-business", "EDX201", signed(business="4")),
    _content("a-kind-in-arabic-digits", "EDX201", signed(business="\u0661")),
    _content(
        "a-document-that-is-a-status-too",
        "EDX202",
        _patched("<edXML:Subject>", "<edXML:StatusCode>06</edXML:StatusCode><edXML:Subject>"),
    ),
    _content("a-status-about-nothing", "EDX202", _signed_status(response=response_for(document_id=None))),
    _content("a-status-to-nobody", "EDX507", _signed_status(response=response_for(organ_id=None))),
    _content("a-state-secret-by-its-subject", "EDX405", signed(subject="(TỐI MẬT) V/v thử nghiệm")),
    _content("a-state-secret-in-decomposed-letters", "EDX405", signed(subject="TÔ\u0301I MÂ\u0323T")),
    _content("a-state-secret-with-a-zero-width-space", "EDX405", signed(subject="TỐI\u200bMẬT")),
    _content("a-state-secret-with-soft-hyphens-as-well", "EDX405", signed(subject="T\u00adỐI\u200bMẬ\u00adT")),
    _content(
        "fields-of-a-foreign-namespace",
        "EDX201",
        _patched("<edXML:Subject>", '<x:Subject xmlns:x="urn:example">x</x:Subject><edXML:Subject>'),
    ),
    _content(
        "a-schema-named-inside",
        "",
        _patched(
            "<edXML:edXMLEnvelope ",
            f'<edXML:edXMLEnvelope xmlns:xsi="{_INSTANCE}" xsi:schemaLocation="urn:x https://example.vn/x.xsd" ',
        ),
        harmless="taken; the address is never opened, the schema is the packaged one",
    ),
    _content(
        "another-type-by-xsi",
        "EDX201",
        _patched("<edXML:Subject>", f'<edXML:Subject xmlns:xsi="{_INSTANCE}" xsi:type="x">'),
    ),
)
