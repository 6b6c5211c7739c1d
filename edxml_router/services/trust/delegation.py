"""A node issues the certificates of the nodes below it: by an authority of its own, which may certify no others.

    request_authority(folder, "tay-ninh", ["H53.*"], 0)    at the province: issuing.key.pem, tay-ninh.request.pem
    asked = read_request(data, "tay-ninh.request.pem")     above: what is asked for
    chain = sign_request(above, asked, now, days)          …and the certificate, with those above it
    adopt(folder, chain, anchors, now)                     at the province: from now on a folder like that of `pki init`
    request_node(folder, "xa-an-thanh", [], ["H53.31"])    at a node below: the key stays there

The folder of such an authority is one of :mod:`edxml_router.services.trial_authority`: it issues, lists and revokes
likewise. What it may certify stands in its certificate (:func:`edxml_router.core.pki.within`), and whoever is shown a
chain looks at that again (:func:`edxml_router.core.pki.entitled`): an authority that signs more gains nothing.

Raises Refusal EDX638 for what an authority may not issue, EDX903 for requests and certificates that are none, EDX503,
EDX606, EDX902 and EDX908 as that module does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edxml_router.core import pki
from edxml_router.core.agencies.code import is_safe
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.trust.authorities import trouble
from edxml_router.core.trust.certificate import DAMAGED, SERVED_LIMIT, SERVES, PublicKey, read_all, write_pem
from edxml_router.core.wording import in_words
from edxml_router.credentials.keys import load_key, write_key, write_new
from edxml_router.services import trial_authority
from edxml_router.services.trial_authority import ANCHORS, BEYOND, ISSUING, ISSUING_KEY, KeyType

REQUEST_LIMIT: Final = 256 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """What somebody asks an authority for; ``depth`` is None for a node, else how many authorities below it."""

    name: str
    key: PublicKey
    hosts: Sequence[str]
    serves: Sequence[str]
    depth: int | None


def request_authority(folder: Path, name: str, serves: Sequence[str], depth: int, key_type: KeyType) -> Path:
    """Make the key of an authority in ``folder``, and the request for its certificate. Returns its path."""
    return _request(folder, ISSUING_KEY, name, (), serves, depth, key_type)


def request_node(folder: Path, name: str, hosts: Sequence[str], serves: Sequence[str], key_type: KeyType) -> Path:
    """Make the key of a node in ``folder``, and the request for its certificate. Returns its path."""
    return _request(folder, f"{name}.key.pem", name, hosts, serves, None, key_type)


def _request(
    folder: Path,
    key_file: str,
    name: str,
    hosts: Sequence[str],
    serves: Sequence[str],
    depth: int | None,
    key_type: KeyType,
) -> Path:
    _require_name(name)
    names = trial_authority.served_names(serves)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal("EDX908", where=str(folder), detail=in_words(error)) from error
    key = trial_authority.new_key(key_type)
    write_key(folder / key_file, key)
    path = folder / f"{name}.request.pem"
    write_new(path, pki.request(key, name, hosts, names, depth))
    return path


def _require_name(name: str) -> None:
    if not is_safe(name) or name.startswith("."):
        raise Refusal("EDX503", detail=name)


def read_request(data: bytes, where: str) -> CertificateRequest:
    """What a request says that is signed by its own key."""
    try:
        if len(data) > REQUEST_LIMIT:
            raise ValueError("too long")
        asked = x509.load_pem_x509_csr(data)
        names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        basic = asked.extensions.get_extension_for_class(x509.BasicConstraints).value
        [common] = asked.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        of_nodes = [uri.removeprefix(pki.NODE) for uri in uris if uri.startswith(pki.NODE)]
        if not asked.is_signature_valid or of_nodes != ([] if basic.ca else [common.value]):
            raise ValueError("not signed by its key, or not for one node or authority")
        hosts = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
        key = asked.public_key()
        if not isinstance(key, PublicKey):
            raise ValueError("another kind of key")
    except (x509.ExtensionNotFound, UnsupportedAlgorithm, *DAMAGED) as error:
        detail = Detail("not a request for the certificate of one node or authority, signed by its key")
        raise Refusal("EDX903", where=where, detail=detail) from error
    _require_name(str(common.value))
    codes = [uri.removeprefix(SERVES) for uri in uris if uri.startswith(SERVES)]
    if len(codes) > SERVED_LIMIT:
        raise Refusal(BEYOND, where=where, detail=Detail("more than {most} agencies", most=SERVED_LIMIT))
    depth = (basic.path_length or 0) if basic.ca else None
    return CertificateRequest(str(common.value), key, hosts, trial_authority.served_names(codes), depth)


def sign_request(folder: Path, asked: CertificateRequest, now: datetime, days: int) -> Sequence[x509.Certificate]:
    """The certificate, and those above it but the root. It ends with the authority's own at the latest."""
    issuer = trial_authority.issuer_of(folder)
    until = may_sign(folder, asked, now, days)
    serial, days_left = x509.random_serial_number(), (until - now) / timedelta(days=1)
    name, serves = asked.name, asked.serves
    if asked.depth is None:
        made = pki.node(issuer, asked.key, name, asked.hosts, serves, serial=serial, at=now, days=days_left)
    else:
        made = pki.node_authority(
            issuer, asked.key, name, serves, serial=serial, at=now, days=days_left, depth=asked.depth
        )
    trial_authority.note_issued(folder, asked.name, made)
    return [made, *trial_authority.authority_chain(folder)]


def write_signed(path: Path, chain: Sequence[x509.Certificate]) -> None:
    """Into a new file, the certificate first."""
    write_new(path, write_pem(chain))


def may_sign(folder: Path, asked: CertificateRequest, now: datetime, days: int) -> datetime:
    """Until when the authority in the folder would certify this. Raises Refusal EDX638 where it may not."""
    own, where = trial_authority.issuer_of(folder).certificate, str(folder)
    trial_authority.require_within(own, asked.serves, where)
    until = min(now + timedelta(days=days), own.not_valid_after_utc)
    if until <= now:
        raise Refusal(BEYOND, where=where, detail=Detail("its own certificate has expired"))
    if asked.depth is not None:
        if not asked.serves:
            raise Refusal(BEYOND, where=where, detail=Detail("no agency is named (--serves)"))
        room = own.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length or 0
        if asked.depth >= room:
            detail = Detail("so many authorities may stand below it: {room}", room=room)
            raise Refusal(BEYOND, where=where, detail=detail)
    return until


def adopt(folder: Path, chain: bytes, anchors: bytes, now: datetime) -> Path:
    """Take the certificate of the authority whose key is in ``folder``, with those above it; and the anchors that it
    leads to. Publishes the first revocation list. Returns the certificate's path."""
    path = folder / ISSUING
    shown, roots = read_all(chain, str(path)), read_all(anchors, ANCHORS)
    own = load_key(folder / ISSUING_KEY).public_key()
    if _encoded(shown[0].public_key()) != _encoded(own):
        raise Refusal("EDX903", where=str(path), detail=Detail("the key does not belong to the certificate"))
    if reason := trouble(shown[0], now, roots, shown[1:]):
        raise Refusal("EDX308", where=str(path), detail=reason)
    write_new(folder / ANCHORS, write_pem(roots))
    write_new(path, write_pem(shown))
    trial_authority.publish(folder, now)
    return path


def _encoded(key: object) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined,no-any-return]
