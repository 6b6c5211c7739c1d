"""The second engine, for size and speed: verification without the whole document in memory.

    verdict = verify(skeleton, root, trust, at)         # root: the parsed skeleton.text

It knows one profile, that of :mod:`~edxml_router.core.signature.form`, and computes the digests itself, from lxml's
canonical form and ``cryptography``'s keys. The canonical form of a document with long base64 texts is the canonical
form of its skeleton with these texts put back, their line ends as XML has them (``CR LF`` and ``CR`` are ``LF``): such
a text contains nothing that canonicalisation would write differently. So the skeleton is canonicalised, and the texts
are read from the source while hashing. No second parser is involved: the tree that is read is the tree that was hashed.
The canonical form is hashed while it is written and never held, because a few bytes may expand to many. The tree is not
copied, and no large element is moved within it, which lxml does in quadratic time.

signxml stays the reference. Whatever is accepted here it must accept too, with the same values.

``verify`` does not raise for bad input: everything that goes wrong becomes a verdict with a finding. It takes the
Signature out of ``root``. A source that cannot be read raises what that source raises.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import threading
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.signature import form
from edxml_router.core.signature.fields import Canonical, Fields
from edxml_router.core.signature.form import Coverage, SignatureForm
from edxml_router.core.signature.verdict import Verdict, judge_signature
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.wording import in_words
from edxml_router.core.xml.safe_xml import Element
from edxml_router.core.xml.skeleton import Skeleton

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_SIGNATURE: Final = f"{form.ENVELOPE}/{form.HEADER}/{form.SIGNATURE}"
_TRACES: Final = f"{form.ENVELOPE}/{form.HEADER}/{form.TRACES}"
MOST_COPIED: Final = 40_000  # elements of a part that must be parsed a second time


class _Tools(threading.local):
    """A parser per thread, as in :mod:`~edxml_router.core.xml.safe_xml`."""

    def __init__(self) -> None:
        self.parser = etree.XMLParser(
            huge_tree=True, resolve_entities=False, no_network=True, load_dtd=False, collect_ids=False, encoding="utf-8"
        )


_tools = _Tools()


def verify(skeleton: Skeleton, root: Element, trust: TrustStore, at: datetime) -> Verdict:
    """The verdict on the signature of a message at the moment ``at`` (aware); ``root`` is ``skeleton.text`` parsed."""
    return judge_signature(
        root,
        trust,
        at,
        lambda found, given, leaf: _signed(skeleton, root, found, given, leaf),
        lambda coverage, _, __: _only_signed(root, coverage),
    )


def _signed(
    skeleton: Skeleton, root: Element, found: SignatureForm, given: Fields, leaf: x509.Certificate
) -> list[Element]:
    """Check signature and digests; the elements that were signed. Refusal EDX112, EDX302, EDX303, EDX312."""
    signature = root.find(_SIGNATURE)
    try:
        signed_info = io.BytesIO()
        _canonical(signature[0], given.canonical, signed_info)
        _check_value(given, signed_info.getvalue(), leaf)
        by_id = {part.get("Id"): part for part in form.parts(root)} if found.coverage is Coverage.PARTS else {}
        _detach(signature)
        elements = []
        hashed = 0
        for reference in given.references:
            element = by_id[reference.uri[1:]] if reference.uri else root
            digest = hashlib.new(reference.method)
            filler = _Filler(digest, skeleton)
            _canonical(element, reference.canonical, filler)
            hashed += filler.end()
            if not hmac.compare_digest(digest.digest(), reference.digest):
                raise _broken(Detail("digest of {part}", part=reference.uri or Detail("the whole")))
            elements.append(element)
    except etree.C14NError as error:
        # E.g. a relative namespace address: such a document has no canonical form.
        raise Refusal("EDX312", where=form.PLACE, detail=Detail("the message has no canonical form")) from error
    tags = tuple(element.tag for element in elements)
    if tags != found.parts or hashed != len(skeleton.runs):
        raise Refusal("EDX303", where=form.PLACE, detail=Detail("other elements are signed than those referenced"))
    return elements


def _check_value(given: Fields, signed: bytes, leaf: x509.Certificate) -> None:
    """Check the canonical SignedInfo with the leaf's key. The method must suit the key."""
    key = leaf.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and given.method.startswith("rsa-"):
            key.verify(given.value, signed, padding.PKCS1v15(), _HASHES[given.method[4:]])
        elif isinstance(key, rsa.RSAPublicKey) and given.method.endswith("-rsa-MGF1"):
            algorithm = _HASHES[given.method[:6]]
            # RFC 9231, 2.3.10: without parameters the salt is as long as the hash.
            key.verify(given.value, signed, padding.PSS(padding.MGF1(algorithm), algorithm.digest_size), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey) and given.method.startswith("ecdsa-"):
            key.verify(_der(given.value, key), signed, ec.ECDSA(_HASHES[given.method[6:]]))
        else:
            raise _broken(Detail("SignatureMethod and key are of different kinds"))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        raise _broken(in_words(error)) from error


def _der(value: bytes, key: ec.EllipticCurvePublicKey) -> bytes:
    """XMLDSig 6.4.3 writes r and s side by side, each as long as the key."""
    size = (key.key_size + 7) // 8
    if len(value) != 2 * size:
        raise _broken(Detail("SignatureValue is of another length than the key's"))
    return encode_dss_signature(int.from_bytes(value[:size], "big"), int.from_bytes(value[size:], "big"))


class _Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


def _canonical(element: Element, method: Canonical, sink: _Sink) -> None:
    """Write the canonical form, piece by piece. Refusal EDX112 for a part that would have to be copied and is large."""
    if element.getparent() is not None and not (method.exclusive and not method.prefixes):
        # Alone, because lxml forgets namespaces of the elements above when it canonicalises an inner one; the
        # exclusive form without prefixes asks for none of them but those that the elements are in.
        count = sum(1 for _ in element.iter())
        if count > MOST_COPIED:
            name = etree.QName(element.tag).localname
            detail = Detail(
                "{count} elements in {name}; sign it in Exclusive Canonicalization without prefixes, or the whole",
                count=count,
                name=name,
            )
            raise Refusal("EDX112", where=form.PLACE, detail=detail)
        text = etree.tostring(element, encoding="utf-8", with_tail=False)
        element = etree.fromstring(text, _tools.parser)
    etree.ElementTree(element).write_c14n(
        sink,
        exclusive=method.exclusive,
        with_comments=False,
        inclusive_ns_prefixes=list(method.prefixes) or None,
    )


class _Filler:
    """Puts what is written to it into ``digest``, with the runs in the place of their marks."""

    def __init__(self, digest: Any, skeleton: Skeleton) -> None:
        self._digest = digest
        self._source = skeleton.source
        self._runs = {run.mark.encode(): run for run in skeleton.runs}
        self._token = skeleton.token.encode()
        self._size = len(next(iter(self._runs), b""))  # bytes of a mark; all have the same
        self._held = b""
        self._count = 0

    def write(self, data: bytes, /) -> None:
        if not self._size:
            self._digest.update(data)
            return
        data = self._held + data if self._held else data
        at = 0
        # The token is in nothing but the marks, as the skeleton's check has seen.
        while (found := data.find(self._token, at)) >= 0 and found + self._size <= len(data):
            self._digest.update(data[at:found])
            run = self._runs[data[found : found + self._size]]
            for piece in _line_ends(self._source.pieces(run.start, run.stop)):
                self._digest.update(piece)
            self._count += 1
            at = found + self._size
        keep = found if found >= 0 else max(at, len(data) - self._size + 1)
        self._digest.update(data[at:keep])
        self._held = data[keep:]

    def end(self) -> int:
        """End the input; the number of runs there were."""
        self._digest.update(self._held)
        self._held = b""
        return self._count


def _line_ends(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """XML 1.0, 2.11: CR LF, and CR alone, are LF to everything behind the parser."""
    pending = b""
    for piece in pieces:
        whole = pending + piece if pending else piece
        pending = b"\r" if whole.endswith(b"\r") else b""
        if b"\r" in whole:
            whole = whole.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield whole
    if pending:
        yield b"\n"


def _detach(signature: Element) -> None:
    """Apply the enveloped transform: the Signature goes, the text after it stays."""
    parent, before = signature.getparent(), signature.getprevious()
    if signature.tail:
        if before is None:
            parent.text = (parent.text or "") + signature.tail
        else:
            before.tail = (before.tail or "") + signature.tail
    signature.tail = None
    parent.remove(signature)


def _only_signed(root: Element, coverage: Coverage) -> Element:
    """The message as signed: what a signature by parts does not cover is emptied.

    That is the trace list alone: the form has seen that nothing else is there, and the Signature is gone. Its children
    are dropped where they are; to take it out, or the parts, would take the square of their number.
    """
    traces = root.find(_TRACES) if coverage is Coverage.PARTS else None
    if traces is not None:
        traces.clear()
    return root


def _broken(detail: str) -> Refusal:
    return Refusal("EDX302", where=form.PLACE, detail=detail)
