"""Private keys and certificates in files.

``load_key`` gives a key only if nobody but the router's account can read the file: mode 0600 or stricter,
owned by that account or root. ``load_certificates`` gives every certificate of a PEM file, in order.

Keys are files without a pass phrase: a phrase would stand beside the key for an unattended start. Fails with
:class:`Refusal` EDX902 (not readable), EDX903 (a key that is unsafe or of no use), EDX908 (not writable).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.signature.signing import PrivateKey
from edxml_router.core.trust import certificate
from edxml_router.core.wording import in_words
from edxml_router.disk import durable


def load_key(path: Path) -> PrivateKey:
    """The RSA or EC key in ``path``."""
    data = read_private(path)
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError as error:
        raise Refusal("EDX903", where=str(path), detail=Detail("the key has a pass phrase")) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Refusal("EDX903", where=str(path), detail=Detail("not a private key in PEM")) from error
    return check_key(key, str(path))


def read_private(path: Path) -> bytes:
    """The content of a file that only the router's account, or root, can read."""
    try:
        # The mode is asked of the open file, not of the name, which could change in between. Not blocking: a
        # pipe under that name would hold up the start for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            _check_private(path, status)
            return file.read()
    except OSError as error:
        raise _unreadable(path, error) from error


def check_key(key: object, where: str) -> PrivateKey:
    """``key`` if it may sign: RSA of 2048 bits or more, P-256, P-384 or P-521; else EDX903."""
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < certificate.MIN_RSA_BITS:
            raise Refusal("EDX903", where=where, detail=Detail("RSA key of {bits} bits", bits=key.key_size))
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in certificate.CURVES:
        return key
    raise Refusal("EDX903", where=where, detail=Detail("neither RSA nor P-256, P-384, P-521"))


def load_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Every certificate of a PEM file, in order; at least one."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    return certificate.read_all(data, str(path))


def write_key(path: Path, key: PrivateKey) -> None:
    """A new file with ``key``, mode 0600 from the first moment on; EDX908 if the file is there already."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_new(path, pem, mode=0o600)


def write_new(path: Path, data: bytes, mode: int = 0o644) -> None:
    """A new file, on disk when this returns; EDX908 if it is there already or cannot be written."""
    try:
        durable.create(path, data, mode)
    except FileExistsError as error:
        raise Refusal("EDX908", where=str(path), detail=Detail("the file is there already")) from error
    except OSError as error:
        raise Refusal("EDX908", where=str(path), detail=in_words(error)) from error


def write_over(path: Path, data: bytes, mode: int = 0o644) -> None:
    """The file with new content, whole or not at all, with the mode and the owner that it had; EDX908 if it cannot be
    written. An operator who is root must not shut the router out of its own file. A new file has
    ``mode``, less what the umask takes."""
    try:
        durable.write([(path, data)], path.stat() if path.exists() else None, mode)
    except OSError as error:
        raise Refusal("EDX908", where=str(path), detail=in_words(error)) from error


def _check_private(path: Path, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        raise Refusal("EDX903", where=str(path), detail=Detail("not a regular file"))
    if mode & 0o077:
        raise Refusal("EDX903", where=str(path), detail=Detail("mode {mode:04o}, others can use it", mode=mode))
    if status.st_uid not in {0, os.geteuid()}:
        raise Refusal("EDX903", where=str(path), detail=Detail("owned by another account"))


def _unreadable(path: Path, error: OSError) -> Refusal:
    return Refusal("EDX902", where=str(path), detail=in_words(error))
