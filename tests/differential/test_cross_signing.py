"""Messages signed by other software, in its own spelling, pass here by every road; with one byte changed, by none.
What we sign passes there.

Roads are both engines by themselves, and the whole examination that asks both. Signed by the JDK
(``javax.xml.crypto.dsig``) and by the program xmlsec1; python-xmlsec signs all of ``test_engines``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from edxml_router.core.body import MemoryBody
from edxml_router.core.problems import Refusal
from edxml_router.core.signature.signing import sign_document
from edxml_router.core.signature.verdict import Coverage, Engine
from edxml_router.core.xml.safe_xml import DEFAULT_LIMITS
from edxml_router.stages.acceptance.examination import examine
from tests import certificates
from tests.attacks.signature.craft import PARTS, WHOLE
from tests.certificates import KEY_TYPES, NOW
from tests.differential import letters, signers, verifiers
from tests.differential.letters import CANONICALS, METHODS, PSS, Signing
from tests.differential.test_engines import agreed
from tests.fixtures import File, document

RSA, ECDSA = METHODS["rsa-2048"][0], METHODS["p-256"][0]
FORMS = {WHOLE: Coverage.WHOLE, PARTS: Coverage.PARTS}
BY_JDK = [
    Signing(kind, method, uris, canonical, canonical, digest, prefix)
    for kind, method, digest in (
        ("rsa-2048", RSA, letters.DIGESTS[0]),
        ("rsa-2048", PSS, letters.DIGESTS[0]),
        ("rsa-3072", PSS.replace("256", "512"), letters.DIGESTS[2]),
        ("p-256", ECDSA, letters.DIGESTS[0]),
        ("p-384", METHODS["p-384"][0], letters.DIGESTS[1]),
        ("p-521", METHODS["p-521"][0], letters.DIGESTS[2]),
    )
    for uris in FORMS
    for canonical, prefix in zip(CANONICALS, ("", "ds:", ""), strict=True)
]
BY_XMLSEC1 = [
    Signing(kind, method, uris, canonical, canonical)
    for kind, method in (("rsa-2048", RSA), ("p-256", ECDSA))  # this program has no PSS before version 1.3
    for uris in FORMS
    for canonical in CANONICALS
]


def _name(how: Signing) -> str:
    form = "whole" if how.uris == WHOLE else "parts"
    return f"{how.kind}-{how.method.rpartition('#')[2]}-{form}-{CANONICALS.index(how.of_info)}"


def plain(how: Signing, spelling: str = "") -> bytes:
    """With two attachments, one of them in lines as mail programs break them, of which XML keeps both characters."""
    lines = "&#13;\n".join(["QUJD" * 19] * 40)
    files = [File("cid:1", content=bytes(3000)), File("cid:2", encoded=lines)]
    return letters.spell(document(ids=how.uris != WHOLE, files=files), {spelling} if spelling else set())


def verdict(data: bytes) -> str:
    """What the examination says that asks both engines: "passed", or why not."""
    try:
        found = examine(MemoryBody(data), DEFAULT_LIMITS, certificates.store(), NOW, Engine.BOTH).verdict
    except Refusal as refusal:
        return refusal.code
    return "passed" if found.finding is None else found.finding.code


def passes(data: bytes, how: Signing) -> None:
    answer = agreed(data)
    assert (answer.said, answer.coverage) == ("passed", FORMS[how.uris])
    assert answer.algorithm == how.method.rpartition("#")[2]
    assert verdict(data) == "passed"


# Where a byte is changed: what stands before it, and what it is part of.
PLACES = {
    "recipient": b"<edXML:OrganId>H41.0",
    "subject": b"<edXML:Subject>V/v",
    "manifest": b"<edXML:AttachmentName>cong-va",
    "attachment": b"AAAAAAAA",
    "attachment in lines": b"QUJDQUJD",
    "digest": b"DigestValue>",
    "signature": b"SignatureValue>",
}


def _flipped(data: bytes, before: bytes) -> bytes:
    """One bit of one byte is another."""
    at = data.index(before) + len(before)
    return data[:at] + bytes([data[at] ^ 2]) + data[at + 1 :]


def breaks(data: bytes) -> None:
    for name, before in PLACES.items():
        changed = _flipped(data, before)
        assert agreed(changed).said != "passed", name
        assert verdict(changed) != "passed", name


@pytest.fixture(scope="module")
def by_jdk(tmp_path_factory: pytest.TempPathFactory) -> dict[Signing, bytes]:
    made = signers.by_jdk(tmp_path_factory.mktemp("jdk"), [(plain(how), how) for how in BY_JDK])
    return dict(zip(BY_JDK, made, strict=True))


@pytest.mark.parametrize("how", BY_JDK, ids=_name)
def test_signed_by_the_jdk(by_jdk: dict[Signing, bytes], how: Signing) -> None:
    passes(by_jdk[how], how)
    breaks(by_jdk[how])


def test_signed_by_the_jdk_in_every_spelling(tmp_path: Path) -> None:
    """Those of the message as the JDK's parser was given it; it is the JDK that writes it again, signed."""
    hows = [BY_JDK[number % len(BY_JDK)] for number in range(0, 5 * len(letters.SPELLINGS), 5)]
    jobs = [(plain(how, name), how) for how, name in zip(hows, letters.SPELLINGS, strict=True)]
    for data, how in zip(signers.by_jdk(tmp_path, jobs), hows, strict=True):
        passes(data, how)


def test_signed_parts_may_be_passed_on_with_another_trace(by_jdk: dict[Signing, bytes]) -> None:
    """What the form is for; a message signed as a whole may not."""
    for how, data in by_jdk.items():
        traced = data.replace(b"</edXML:TraceHeader>", b"</edXML:TraceHeader>\n", 1)
        assert traced != data
        assert verdict(traced) == ("passed" if how.uris == PARTS else "EDX302")


@pytest.mark.parametrize("how", BY_XMLSEC1, ids=_name)
def test_signed_by_xmlsec1(tmp_path: Path, how: Signing) -> None:
    data = signers.by_xmlsec1(tmp_path, plain(how), how)
    passes(data, how)
    breaks(data)


def test_what_we_sign_passes_the_jdk(tmp_path: Path) -> None:
    """As it does xmlsec1 (tests/core/test_signing.py); and of each message one that was altered, for it to refuse."""
    ours = [
        (
            kind,
            sign_document(document(), certificates.key(kind, "H53.02"), certificates.chain("H53.02", kind), coverage),
        )
        for kind in KEY_TYPES
        for coverage in FORMS.values()
    ]
    altered = [(kind, _flipped(data, PLACES["subject"])) for kind, data in ours]
    assert verifiers.by_jdk(tmp_path, [*ours, *altered]) == [True] * len(ours) + [False] * len(ours)
