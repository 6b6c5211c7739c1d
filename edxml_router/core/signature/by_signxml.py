"""Verification by signxml, the reference engine; the only module that imports it.

    verdict = verify(data, root, trust, at)
    verdict.indication      # passed, failed, indeterminate, absent (words of ETSI EN 319 102-1)
    verdict.signed_root     # the tree of exactly what was signed; the reader takes values from nothing else

signxml is asked last (:mod:`~edxml_router.core.signature.verdict` tells the order), with *bytes*, the pinned
certificate, the
exact place, the number of references and closed sets of algorithms: by default it trusts every authority of the
public web. The other engine is :mod:`~edxml_router.core.signature.by_stream`.

``verify`` does not raise for bad input: a fault of the message becomes a verdict with a finding. A fault of this
machine raises Setback EDX622.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime
from functools import cache
from importlib.resources import files
from xml.sax.saxutils import escape

from cryptography import x509
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from edxml_router.core.detail import Detail
from edxml_router.core.faults import machine_fault, own_tools
from edxml_router.core.problems import Refusal, Trouble
from edxml_router.core.signature import fields, form
from edxml_router.core.signature.form import Coverage, SignatureForm
from edxml_router.core.signature.verdict import LEGACY, Indication, Verdict, judge_signature, put_together
from edxml_router.core.trust.certificate import Signer
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.wording import in_words
from edxml_router.core.xml.safe_xml import DSIG, Element
from edxml_router.resources import schema_file

__all__ = ["LEGACY", "Coverage", "Indication", "Signer", "Verdict", "verify"]

# At DEBUG signxml prints whole documents, which hold personal data.
logging.getLogger("signxml").setLevel(logging.INFO)


_LOCATION = f"./{form.ENVELOPE}/{form.HEADER}/"
_METHODS = frozenset(item for item in SignatureMethod if item.value in form.SIGNATURE_METHODS)
_DIGESTS = frozenset(item for item in DigestAlgorithm if item.value in form.DIGEST_METHODS)

# The W3C's schema of XML-DSig wants CanonicalizationMethod to hold only elements that it knows, and does not know the
# one of Exclusive XML Canonicalization (section 4), which WS-Security toolkits write there. Here both are known.
_SCHEMA = """<schema xmlns="http://www.w3.org/2001/XMLSchema" targetNamespace="{dsig}" elementFormDefault="qualified">
  <include schemaLocation="{packaged}"/>
  <import namespace="{exclusive}" schemaLocation="{ours}"/>
</schema>"""


@cache
def _schemas() -> list[etree.XMLSchema]:
    """Read by libxml2 itself, as bytes: signxml opens them as text, in the encoding of the machine's locale."""
    packaged = files("signxml.schemas") / "xmldsig1-schema.xsd"
    places = {"packaged": str(packaged), "ours": str(schema_file("exc-c14n.xsd"))}
    text = _SCHEMA.format(dsig=DSIG, exclusive=form.EXCLUSIVE, **{key: escape(url) for key, url in places.items()})
    return [etree.XMLSchema(etree.fromstring(text, etree.XMLParser(no_network=True)))]


class _Verifier(XMLVerifier):
    """signxml with four corrections, each towards the standards.

    lxml's inclusive canonical form of an *inner* element loses a default namespace declared above it, so signxml
    refuses ``<Signature xmlns="…">`` whose SignedInfo is in Canonical XML 1.0: what .NET, Java and xmlsec write by
    default. As a document of its own the element is canonicalised correctly. signxml also takes the text after an
    element along, and cannot read a ``&#13;`` there. It splits a PrefixList at every single blank. And its schema is
    too strict (see above).
    """

    @classmethod
    def schemas(cls) -> list[etree.XMLSchema]:
        return _schemas()

    def _tostring(self, xml_node: Element, **options: object) -> bytes:
        text: bytes = etree.tostring(xml_node, with_tail=False, **options)
        return text

    def _get_inclusive_ns_prefixes(self, transform_node: Element) -> list[str] | None:
        listed = transform_node.find(f"{{{form.EXCLUSIVE}}}InclusiveNamespaces[@PrefixList]")
        return None if listed is None else list(fields.prefixes(listed.get("PrefixList"))) or None

    def _c14n(
        self, nodes: Element, algorithm: CanonicalizationMethod, inclusive_ns_prefixes: list[str] | None = None
    ) -> bytes:
        if nodes.getparent() is not None:
            nodes = etree.fromstring(etree.tostring(nodes, with_tail=False), self.parser)
        canonical: bytes = super()._c14n(nodes, algorithm, inclusive_ns_prefixes)
        return canonical


class _Tools(threading.local):
    """signxml's parser, one per thread: threads that share one wait for each other, and a new one for each message
    costs a tenth of the verification. huge_tree: attachments above 10 MB of text.
    """

    def __init__(self) -> None:
        self.parser = etree.XMLParser(
            huge_tree=True, resolve_entities=False, no_network=True, load_dtd=False, encoding="utf-8"
        )


_tools = _Tools()


def verify(data: bytes, root: Element, trust: TrustStore, at: datetime) -> Verdict:
    """The verdict on the signature of ``data``, which was parsed into ``root``, at the moment ``at``
    (aware).
    """
    return judge_signature(root, trust, at, lambda found, _, leaf: _signed(data, found, leaf, at), put_together)


def _signed(data: bytes, found: SignatureForm, leaf: x509.Certificate, at: datetime) -> list[Element]:
    """Check signature and digests with signxml; the elements that were signed, or EDX302, EDX312, EDX320."""
    with own_tools("signxml"):  # apart from the message: while an upgrade replaces the files, no letter is broken
        _schemas()
    expected = SignatureConfiguration(
        require_x509=True,
        location=_LOCATION,
        expect_references=len(found.parts),
        signature_methods=_METHODS,
        digest_algorithms=_DIGESTS,
        verification_time=at,
        # XMLDSig 4.4.3.2: without a canonicalisation among the transforms it is Canonical XML 1.0.
        default_reference_c14n_method=CanonicalizationMethod.CANONICAL_XML_1_0,
    )
    try:
        result = _Verifier().verify(
            data, x509_cert=leaf, id_attribute="Id", parser=_tools.parser, expect_config=expected
        )
        return _elements(found, result if isinstance(result, list) else [result])
    except etree.C14NError as error:
        # E.g. a relative namespace address: such a document has no canonical form.
        raise Refusal("EDX312", where=form.PLACE, detail=Detail("the message has no canonical form")) from error
    except Trouble:
        raise
    except etree.DocumentInvalid as error:
        raise Refusal("EDX320", where=form.PLACE, detail=Detail("not by the schema of XML-DSig")) from error
    except Exception as error:  # signxml does not wrap what lxml, base64 and cryptography raise
        broken = Refusal("EDX302", where=form.PLACE, detail=in_words(error))
        raise machine_fault(error, "signxml") or broken from error


def _elements(found: SignatureForm, results: list[VerifyResult]) -> list[Element]:
    """The elements that signxml reports as verified."""
    elements = [result.signed_xml for result in results]
    if [None if item is None else item.tag for item in elements] != list(found.parts):
        raise Refusal("EDX303", where=form.PLACE, detail=Detail("other elements are signed than those referenced"))
    return elements
