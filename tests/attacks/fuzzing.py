"""What fuzzing tries: whatever the bytes are, the way parse → validate → verify → read ends in a value or a Refusal.

:func:`try_bytes` is the target of ``scripts/fuzz`` and of ``test_fuzz``. It asks both engines, and what the
second accepts, signxml must accept with the same values. A problem of ours, of any kind, comes out as it was raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from edxml_router.core.body import MemoryBody
from edxml_router.core.problems import Refusal
from edxml_router.core.signature.verdict import Engine
from edxml_router.core.xml.safe_xml import DEFAULT_LIMITS
from edxml_router.stages.acceptance.examination import examine
from tests import certificates
from tests.attacks.signature import craft
from tests.attacks.signature.cases import good
from tests.certificates import NOW
from tests.fixtures import document, recall, status

CORPUS = Path(__file__).resolve().parent / "corpus"  # small files: what was once found, and what led to it
MOST = 8 * 1024  # bytes of a seed; larger ones are slow and no stranger
LIMITS = replace(DEFAULT_LIMITS, max_bytes=256 * 1024, max_text=2_000)  # so that the second engine has runs, too


def try_bytes(data: bytes) -> bool:
    """Whether ``data`` is an envelope; raises what must never be raised."""
    try:
        examine(MemoryBody(data), LIMITS, certificates.store(), NOW, Engine.BOTH)
    except Refusal as refusal:
        # The second engine may refuse alone what is spelled oddly (tests/differential, STRICTER), never accept alone.
        if refusal.code == "EDX317" and not refusal.finding.detail.endswith("; stream: signature-broken"):
            raise AssertionError(f"the engines do not agree: {refusal.finding.detail}") from refusal
        return False
    return True


def seeds() -> Iterator[bytes]:
    """Messages to begin with: honest ones, the attacks that are small, and the kept corpus."""
    yield from (document(), status(), recall(), good(craft.WHOLE), good(craft.PARTS))
    for folder in (CORPUS, CORPUS.parent / "parse"):
        for file in sorted(folder.iterdir()):
            if file.stat().st_size <= MOST:
                yield file.read_bytes()


# Pieces that a mutation by bytes alone would hardly hit upon.
WORDS = (
    b"<", b">", b"</", b"/>", b"<!--", b"-->", b"<?", b"?>", b"<![CDATA[", b"]]>", b"&#13;", b"&#x", b"&amp;", b'="',
    b"xmlns=", b"edXML:", b"Id=", b"xml:id=", b"<Signature", b"</Signature>", b"<SignedInfo>", b"<Reference", b"URI=",
    b"<Transform", b"<KeyInfo>", b"<X509Certificate>", b"DigestValue", b"StatusCode",
    b"BussinessDocType", b"OrganId", b"ContentId",
    b"ContentTransferEncoded", b"AttachmentName", b"QUJD", b"====", b"\r\n", b"\t", b"\xe1\xbb\xa6",
    b"\xef\xbb\xbf", b"\xff", b"\x00",
)  # fmt: skip

VALUES = (
    b"", b"0", b"-1", b"QQ==", b"A" * 3000, b"H41.66", b"\xe1\xbb\xa6", b" \n ", b"&#x202E;",
    b"<![CDATA[x]]>", b"9" * 30,
)  # fmt: skip


class Choice(Protocol):
    """Numbers to choose by: from ``random.Random``, or from Hypothesis."""

    def randrange(self, stop: int) -> int: ...


def mutate(data: bytes, choice: Choice) -> bytes:
    """``data`` with one to four changes."""
    for _ in range(1 + choice.randrange(4)):
        change = CHANGES[choice.randrange(len(CHANGES))]
        data = change(data, choice) if data else WORDS[choice.randrange(len(WORDS))]
    return data


def _span(data: bytes, choice: Choice, most: int = 400) -> tuple[int, int]:
    start = choice.randrange(len(data))
    return start, min(len(data), start + 1 + choice.randrange(most))


def _flip(data: bytes, choice: Choice) -> bytes:
    at = choice.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << choice.randrange(8))]) + data[at + 1 :]


def _word(data: bytes, choice: Choice) -> bytes:
    at = choice.randrange(len(data) + 1)
    return data[:at] + WORDS[choice.randrange(len(WORDS))] + data[at:]


def _cut(data: bytes, choice: Choice) -> bytes:
    start, stop = _span(data, choice)
    return data[:start] + data[stop:]


def _double(data: bytes, choice: Choice) -> bytes:
    start, stop = _span(data, choice)
    at = choice.randrange(len(data) + 1)
    return data[:at] + data[start:stop] + data[at:]


def _element(data: bytes, choice: Choice) -> bytes:
    """An element taken out, or put in once more elsewhere between two elements."""
    opening = data.find(b"<", choice.randrange(len(data)))
    name = data[opening + 1 : opening + 60].partition(b">")[0].partition(b" ")[0]
    closing = data.find(b"</" + name + b">", opening)
    if opening < 0 or closing < 0 or not name:
        return data
    stop = closing + len(name) + 3
    if choice.randrange(2):
        return data[:opening] + data[stop:]
    at = data.find(b"<", choice.randrange(len(data)))
    return data[:at] + data[opening:stop] + data[at:] if at >= 0 else data


def _value(data: bytes, choice: Choice) -> bytes:
    """A text between two tags replaced."""
    opening = data.find(b">", choice.randrange(len(data)))
    closing = data.find(b"<", opening)
    if opening < 0 or closing < 0:
        return data
    return data[: opening + 1] + VALUES[choice.randrange(len(VALUES))] + data[closing:]


CHANGES: tuple[Callable[[bytes, Choice], bytes], ...] = (
    _flip, _word, _cut, _double, _element, _element, _value, _value,
)  # fmt: skip
