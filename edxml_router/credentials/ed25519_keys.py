"""Ed25519 keys, which sign calls to offices' systems and checkpoints, in files as those of
:mod:`edxml_router.credentials.keys`.

Raises Refusal EDX902, EDX903 (unsafe, or of another kind) and EDX908 (not writable).
"""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.credentials import keys


def load_ed25519_key(path: Path) -> Ed25519PrivateKey:
    """The key in this file."""
    data = keys.read_private(path)
    try:
        key = load_pem_private_key(data, password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise Refusal("EDX903", where=str(path), detail=Detail("not a private key in PEM")) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Refusal("EDX903", where=str(path), detail=Detail("not a key of Ed25519"))
    return key


def make_ed25519_key(path: Path) -> Ed25519PrivateKey:
    """A new key in a new file, mode 0600."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    keys.write_new(path, pem, mode=0o600)
    return key
