"""What the settings say of who a node is and who its neighbours are, made into values: the key that signs its receipts,
and by what theirs are checked.

    own = signing(settings)                        # None without node.key
    log = log_signer(settings)                     # None without journal.key
    child = credentials(section)                   # of a parent or a child
    files = paths(settings)                        # a change of one of these is noticed by a running node …
    peers, findings = renewed(peers, settings)     # … and then taken

Fails with :class:`Refusal` EDX902 (a file that cannot be read), EDX903 (a key, or one of another certificate), EDX904,
and with Setback EDX909 (a token that does not answer).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router.config import ChildSettings, ParentSettings, Settings
from edxml_router.core.detail import Detail
from edxml_router.core.link import credentials as by
from edxml_router.core.link.credentials import Credentials, certificate_name
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.proof.note import NoteSigner, VerifierKey
from edxml_router.core.signature.signing import SigningKey, sign_bytes
from edxml_router.core.trust.certificate import read_all
from edxml_router.credentials import token_keys
from edxml_router.credentials.ed25519_keys import load_ed25519_key
from edxml_router.credentials.keys import load_certificates
from edxml_router.credentials.setting_files import read_setting
from edxml_router.stages.rules import Peer


@dataclass(frozen=True, slots=True)
class SigningIdentity:
    """A key at work: ``sign`` takes bytes and gives base64. ``certificates`` (DER) are shown beside what it signed, its
    own first; ``name`` names that one to people."""

    key: SigningKey
    sign: Callable[[bytes], str]
    certificates: Sequence[bytes]
    name: str


def signing(settings: Settings) -> SigningIdentity | None:
    """The node's own key, which must be that of its certificate: else neighbours would refuse all that it signs."""
    if settings.node.key is None or settings.node.certificate is None:
        return None
    key = token_keys.open_key(settings.node.key, settings.path.parent)
    chain = load_certificates(settings.node.certificate)
    if chain[0].public_key() != key.public_key():
        where = str(settings.node.key).partition("?")[0]
        detail = Detail(
            "not the key of node.certificate, {chain}: {certificate}",
            chain=certificate_name(chain[0]),
            certificate=settings.node.certificate,
        )
        raise Refusal("EDX903", where=where, detail=detail)

    def sign(data: bytes) -> str:
        return base64.b64encode(sign_bytes(key, data)).decode("ascii")

    shown = [each.public_bytes(Encoding.DER) for each in chain]
    return SigningIdentity(key, sign, shown, certificate_name(chain[0]))


def log_signer(settings: Settings) -> NoteSigner | None:
    """The key of the node's log, in the log's name."""
    if settings.journal.key is None:
        return None
    return NoteSigner(settings.origin, load_ed25519_key(settings.journal.key))


def log_keys(section: ChildSettings | ParentSettings) -> tuple[VerifierKey, ...]:
    """By what the checkpoints of this neighbour are verified, and its cosignatures."""
    return tuple(map(VerifierKey.read, section.log_keys))


def credentials(section: ChildSettings | ParentSettings) -> Credentials:
    """By what the receipts of this neighbour are checked."""
    named = [one for path in section.certificate for one in by.read(read_setting(path, str(path)), str(path))]
    authority = section.authority
    vouching = read_all(read_setting(authority, str(authority)), str(authority)) if authority else ()
    return Credentials(tuple(named), vouching, section.certificate_name or section.name)


def renewed(peers: Mapping[str, Peer], settings: Settings) -> tuple[Mapping[str, Peer], list[Finding]]:
    """The peers by what the files say now, and what is wrong with the files. One whose files cannot be used keeps what
    it had, and holds up no other."""
    now, findings = dict(peers), []
    for section in neighbour_sections(settings):
        try:
            now[section.name] = replace(now[section.name], credentials=credentials(section))
        except Refusal as refusal:
            findings.append(refusal.finding)
    return now, findings


def paths(settings: Settings) -> list[Path]:
    """The files whose change is noticed by a running node."""
    key = settings.node.key
    files = [key if isinstance(key, Path) else None, settings.node.certificate, settings.journal.key]
    files += [path for section in neighbour_sections(settings) for path in (*section.certificate, section.authority)]
    return [path for path in files if path is not None]


def neighbour_sections(settings: Settings) -> Sequence[ChildSettings | ParentSettings]:
    """The sections of all nodes that this one has a link to."""
    return [*settings.children, *([settings.parent] if settings.parent else [])]
