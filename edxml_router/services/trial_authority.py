"""A small authority in a folder, for demonstrations, tests and pilots (``edxml-router pki``).

    init(folder, now)                      root and issuing authority, anchors.pem
    issue(folder, "H53.31", now)           H53.31.key.pem, H53.31.cert.pem
    issue_node(folder, "tay-ninh", now)    the same for a node: TLS and receipts
    revoke(folder, serial, now)            and issuing.crl.pem anew
    publish(folder, now)                   issuing.crl.pem anew

======================= ==========================================================================
``anchors.pem``         the root's certificate: what everybody trusts
``root.key.pem``        signed the issuing authority and is not needed again; keep it off line
``root.crl.pem``        the root's revocation list: the issuing authority is good
``issuing.key.pem``     signs agencies, nodes and their revocation list
``issuing.crl.pem``     the revocation list of agencies and nodes
``issued.csv``          what was issued and what is revoked; the source of that list
======================= ==========================================================================

Fails with :class:`Refusal` EDX606 (no such certificate or authority), EDX902, EDX903, EDX908; EDX503 for a
name that is not fit for a file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router.core import pki
from edxml_router.core.agencies.code import AgencyCode, is_safe
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.signature.signing import PrivateKey
from edxml_router.core.trust.certificate import PublicKey, write_pem
from edxml_router.core.trust.revocation_list import read_lists
from edxml_router.core.wording import in_words
from edxml_router.credentials.keys import load_certificates, load_key, write_key, write_new, write_over

AUTHORITY_DAYS = 3650
LEAF_DAYS = 730
LIST_DAYS = 30
DEPTH = 2  # authorities of nodes below each other: a province's, a district's
_RESERVED = frozenset({"root", "issuing"})

ANCHORS, ISSUED, LIST = "anchors.pem", "issued.csv", "issuing.crl.pem"
ISSUING, ISSUING_KEY = "issuing.cert.pem", "issuing.key.pem"
BEYOND = "EDX638"


class KeyType(StrEnum):
    """Kinds of key to issue for: P-256, or RSA of 3072 bits."""

    EC = "ec"
    RSA = "rsa"


@dataclass(frozen=True, slots=True)
class IssuedRow:
    """A row of ``issued.csv``. Times are ISO 8601 in UTC; ``revoked`` is empty while the certificate is
    good.
    """

    serial: str  # hex
    name: str
    issued: str
    until: str
    revoked: str = ""


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where a key, its certificate chain and the anchors stand."""

    key: Path
    certificate: Path
    anchors: Path


def new_key(key_type: KeyType = KeyType.EC) -> PrivateKey:
    """A fresh key."""
    if key_type is KeyType.RSA:
        return rsa.generate_private_key(public_exponent=65537, key_size=3072)
    return ec.generate_private_key(ec.SECP256R1())


def init(folder: Path, now: datetime, days: int = AUTHORITY_DAYS) -> Path:
    """Make root and issuing authority in ``folder``; returns the path of ``anchors.pem``."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal("EDX908", where=str(folder), detail=in_words(error)) from error
    root_key, issuing_key = new_key(), new_key()
    # The names carry the root's fingerprint: two throw-away authorities never have the same name.
    mark = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()).digest.hex()[:8]
    serials = x509.random_serial_number(), x509.random_serial_number()
    root = pki.root(root_key, f"Root {mark}", serial=serials[0], at=now, days=days, depth=DEPTH + 1)
    issuing = pki.issuing(root, issuing_key, f"Issuing {mark}", serial=serials[1], at=now, days=days, depth=DEPTH)
    for name, issuer in (("root", root), ("issuing", issuing)):
        write_key(folder / f"{name}.key.pem", issuer.key)
        write_new(folder / f"{name}.cert.pem", write_pem([issuer.certificate]))
    write_new(folder / ANCHORS, write_pem([root.certificate]))
    nothing = pki.revocation_list(root, (), number=1, at=now, days=days)
    write_new(folder / "root.crl.pem", nothing.public_bytes(Encoding.PEM))
    publish(folder, now)
    return folder / ANCHORS


def issue(folder: Path, agency: str, now: datetime, key_type: KeyType = KeyType.EC, days: int = LEAF_DAYS) -> KeyFiles:
    """A key and a certificate for ``agency`` (its canonical code), the issuing authority's appended."""

    def certify(issuer: pki.Issuer, key: PublicKey, serial: int) -> x509.Certificate:
        if pki.is_delegated(issuer.certificate):
            raise Refusal(BEYOND, where=str(folder), detail=Detail("this authority certifies nodes only"))
        return pki.agency(issuer, key, [agency], serial=serial, at=now, days=days)

    return _issue(folder, agency, key_type, certify)


def issue_node(
    folder: Path,
    name: str,
    now: datetime,
    hosts: Sequence[str] = (),
    key_type: KeyType = KeyType.EC,
    days: int = LEAF_DAYS,
    serves: Sequence[str] = (),
) -> KeyFiles:
    """A key and a certificate for a node, good for TLS under ``hosts`` (or its name), for receipts, and for the
    outcomes of mail to the agencies that it ``serves`` (:func:`served_names`)."""

    def certify(issuer: pki.Issuer, key: PublicKey, serial: int) -> x509.Certificate:
        require_within(issuer.certificate, serves, str(folder))
        return pki.node(issuer, key, name, hosts, serves, serial=serial, at=now, days=days)

    return _issue(folder, name, key_type, certify)


def served_names(codes: Sequence[str]) -> list[str]:
    """Agencies as a node's certificate names them: canonical codes, each alone or, with ``.*``, with all below it.
    Raises Refusal EDX503 for what is no code."""
    names = []
    for code in codes:
        above = code.removesuffix(".*")
        names.append(AgencyCode.parse(above).known_as() + code[len(above) :])
    return names


def issued(folder: Path) -> tuple[IssuedRow, ...]:
    """What the authority has issued, oldest first."""
    path = folder / ISSUED
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise Refusal("EDX902", where=str(path), detail=in_words(error)) from error
    return tuple(IssuedRow(**row) for row in csv.DictReader(io.StringIO(text)))


def revoke(folder: Path, serial: str, now: datetime) -> Path:
    """Revoke the certificate with this serial number (hex) and publish; EDX606 if it was not issued here."""
    rows = issued(folder)
    if serial not in {row.serial for row in rows}:
        raise Refusal("EDX606", where=str(folder / ISSUED), detail=Detail("serial {serial}", serial=serial))
    _write_index(
        folder,
        [replace(row, revoked=now.isoformat()) if row.serial == serial and not row.revoked else row for row in rows],
    )
    return publish(folder, now)


def publish(folder: Path, now: datetime, days: int = LIST_DAYS) -> Path:
    """Write the revocation list anew, with the next number."""
    path = folder / LIST
    number = read_lists([path.read_bytes()], str(path))[0].number + 1 if path.exists() else 1
    revoked = [
        pki.RevokedCertificate(int(row.serial, 16), datetime.fromisoformat(row.revoked))
        for row in issued(folder)
        if row.revoked
    ]
    made = pki.revocation_list(issuer_of(folder), revoked, number=number, at=now, days=days)
    write_over(path, made.public_bytes(Encoding.PEM))
    return path


def _issue(
    folder: Path,
    name: str,
    key_type: KeyType,
    certify: Callable[[pki.Issuer, PublicKey, int], x509.Certificate],
) -> KeyFiles:
    if not is_safe(name) or name.startswith(".") or name in _RESERVED:
        raise Refusal("EDX503", detail=name)
    issuer = issuer_of(folder)
    key = new_key(key_type)
    certificate = certify(issuer, key.public_key(), x509.random_serial_number())
    files = KeyFiles(folder / f"{name}.key.pem", folder / f"{name}.cert.pem", folder / ANCHORS)
    write_key(files.key, key)
    write_new(files.certificate, write_pem([certificate, *authority_chain(folder)]))
    note_issued(folder, name, certificate)
    return files


def note_issued(folder: Path, name: str, certificate: x509.Certificate) -> None:
    """Write down what was issued: by it a certificate is revoked."""
    row = IssuedRow(
        f"{certificate.serial_number:x}",
        name,
        certificate.not_valid_before_utc.isoformat(),
        certificate.not_valid_after_utc.isoformat(),
    )
    _write_index(folder, [*issued(folder), row])


def require_within(authority: x509.Certificate, serves: Sequence[str], where: str) -> None:
    """Raises Refusal EDX638 for agencies that the authority may not certify, or where it may certify some only and none
    is named: such a node's word would count for nothing."""
    beyond = [name for name in serves if not pki.within(name, authority)]
    if beyond:
        raise Refusal(BEYOND, where=where, detail=Detail("not its own: {names}", names=", ".join(beyond[:10])))
    if not serves and pki.is_delegated(authority):
        raise Refusal(BEYOND, where=where, detail=Detail("no agency is named (--serves)"))


def authority_chain(folder: Path) -> Sequence[x509.Certificate]:
    """The authority's certificate and those above it but the root."""
    return load_certificates(folder / ISSUING)


def issuer_of(folder: Path) -> pki.Issuer:
    """The authority in the folder. Raises Refusal EDX606, EDX902, EDX903."""
    path = folder / ISSUING
    if not path.exists():
        raise Refusal(
            "EDX606", where=str(path), detail=Detail("no authority here; make one with `edxml-router pki init`")
        )
    return pki.Issuer(load_key(folder / ISSUING_KEY), load_certificates(path)[0])


def _write_index(folder: Path, rows: Sequence[IssuedRow]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([field.name for field in fields(IssuedRow)])
    writer.writerows(astuple(row) for row in rows)
    write_over(folder / ISSUED, out.getvalue().encode())
