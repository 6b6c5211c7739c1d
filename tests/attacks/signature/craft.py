"""A signer without scruples: valid signatures in any form, also those that must be refused.

It shares nothing with ``edxml_router.core.signature.signing``: an attacker does not use our signer.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from tests import certificates
from tests.fixtures import DSIG, NS

EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED = f"{DSIG}enveloped-signature"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
SHA1 = f"{DSIG}sha1"
WHOLE = ("",)
PARTS = ("#header", "#body", "#attachments")  # the ids that tests.fixtures writes

_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


@dataclass(frozen=True)
class Recipe:
    """How to sign. The defaults make a good signature over the whole message by agency H53.02."""

    uris: Sequence[str] = WHOLE
    method: str = f"{MORE}ecdsa-sha256"
    digest: str = SHA256
    canonicalization: str = EXCLUSIVE
    transforms: Sequence[str] | None = None  # XML of each Transform; None: what belongs to the form
    key: object = field(default_factory=lambda: certificates.key("p-256", "H53.02"))
    chain: Sequence[x509.Certificate] | None = None
    key_info: str | None = None  # instead of X509Data with the chain
    before: str = ""  # XML at the places named, inside Signature
    after: str = ""
    in_signed_info: str = ""
    edit: Callable[[str], str] = str  # last changes to the finished Signature, unsigned

    def but(self, **changes: object) -> Recipe:
        return replace(self, **changes)  # type: ignore[arg-type]


def transform(algorithm: str, inside: str = "") -> str:
    return f'<Transform Algorithm="{algorithm}">{inside}</Transform>'


def signature(document: bytes, recipe: Recipe) -> str:
    """The Signature element for the unsigned ``document``."""
    root = etree.fromstring(document, etree.XMLParser(huge_tree=True))
    references = "".join(_reference(root, uri, recipe) for uri in recipe.uris)
    signed_info = (
        f'<SignedInfo xmlns="{DSIG}"><CanonicalizationMethod Algorithm="{recipe.canonicalization}"/>'
        f'<SignatureMethod Algorithm="{recipe.method}"/>{references}{recipe.in_signed_info}</SignedInfo>'
    )
    # As a verifier sees it: inside Signature, inside edXMLHeader; only inclusive forms notice.
    inherited = f'xmlns:edXML="{NS}"' if recipe.canonicalization != EXCLUSIVE else ""
    wrapped = etree.fromstring(f'<Signature xmlns="{DSIG}" {inherited}>{signed_info}</Signature>')
    alone = etree.fromstring(etree.tostring(wrapped[0]))  # lxml's inclusive form of inner elements is wrong
    canonical = etree.tostring(alone, method="c14n", exclusive=recipe.canonicalization == EXCLUSIVE)
    value = base64.b64encode(_sign(recipe, canonical)).decode()
    key_info = recipe.key_info
    if key_info is None:
        sent = recipe.chain or certificates.chain()
        listed = "".join(f"<X509Certificate>{_der(item)}</X509Certificate>" for item in sent)
        key_info = f"<KeyInfo><X509Data>{listed}</X509Data></KeyInfo>"
    inside = signed_info.replace(f' xmlns="{DSIG}"', "")
    made = (
        f'<Signature xmlns="{DSIG}">{recipe.before}{inside}'
        f"<SignatureValue>{value}</SignatureValue>{key_info}{recipe.after}</Signature>"
    )
    return recipe.edit(made)


def place(document: bytes, made: str) -> bytes:
    """``document`` with the Signature at the end of its header."""
    mark = b"</edXML:edXMLHeader>"
    assert document.count(mark) == 1
    return document.replace(mark, made.encode() + mark)


def signed(document: bytes, recipe: Recipe | None = None) -> bytes:
    recipe = recipe or Recipe()
    return place(document, signature(document, recipe))


def key_value(public: object) -> str:
    """A KeyInfo with a bare RSA key and no certificate."""
    assert isinstance(public, rsa.RSAPublicKey)
    numbers = public.public_numbers()
    modulus = base64.b64encode(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")).decode()
    exponent = base64.b64encode(numbers.e.to_bytes(3, "big")).decode()
    inside = f"<RSAKeyValue><Modulus>{modulus}</Modulus><Exponent>{exponent}</Exponent></RSAKeyValue>"
    return f"<KeyValue>{inside}</KeyValue>"


def x509_data(*chain: x509.Certificate) -> str:
    listed = "".join(f"<X509Certificate>{_der(item)}</X509Certificate>" for item in chain)
    return f"<X509Data>{listed}</X509Data>"


def _der(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def _reference(root: etree._Element, uri: str, recipe: Recipe) -> str:
    transforms = recipe.transforms
    if transforms is None:
        transforms = [transform(EXCLUSIVE)] if uri else [transform(ENVELOPED), transform(EXCLUSIVE)]
    listed = f"<Transforms>{''.join(transforms)}</Transforms>" if transforms else ""
    inclusive = f'Algorithm="{EXCLUSIVE}"' not in listed
    found = root.xpath("//*[@*[local-name()='Id' or local-name()='ID'] = $id]", id=uri[1:]) if uri else [root]
    target = found[0] if found else root
    # Serialised and parsed again, so that an inclusive form sees the inherited namespaces.
    alone = etree.fromstring(etree.tostring(target, with_tail=False), etree.XMLParser(huge_tree=True))
    canonical = etree.tostring(alone, method="c14n", exclusive=not inclusive)
    name = recipe.digest.rpartition("#")[2]
    digest = base64.b64encode(hashlib.new(name, canonical).digest()).decode()
    return (
        f'<Reference URI="{uri}">{listed}<DigestMethod Algorithm="{recipe.digest}"/>'
        f"<DigestValue>{digest}</DigestValue></Reference>"
    )


def _sign(recipe: Recipe, data: bytes) -> bytes:
    key = recipe.key
    algorithm = _HASHES[recipe.method.rpartition("-")[2]]() if "-sha" in recipe.method else hashes.SHA256()
    if "hmac" in recipe.method:  # the confusion: the public key, which everybody has, as the secret
        assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
        secret = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return hmac.new(secret, data, algorithm.name).digest()
    if isinstance(key, rsa.RSAPrivateKey):
        if "MGF1" in recipe.method:
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
            return key.sign(data, pss, hashes.SHA256())
        return key.sign(data, padding.PKCS1v15(), algorithm)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(algorithm, deterministic_signing=True)))
    size = (key.key_size + 7) // 8
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")
