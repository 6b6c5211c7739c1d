"""A second factor: an authenticator app (TOTP, RFC 6238), and recovery codes for the day that the phone is lost.

    secret = new_secret(); uri = enrolment_uri(secret, "lan", "h53")
    sealed = seal(key, "lan", secret); secret = unseal(key, "lan", sealed)
    step = used_step(secret, "123 456", now, after=row.counter)        # 0: not the code, or used before

The secret must be known to compute codes, so it cannot be kept as a digest: it is sealed (AES-256-GCM) under a key that
is a file, and bound to the account's name, so that a row of the database is of no use without the file or in another's
place.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.disk import durable

STEP_SECONDS: Final = 30
CODES: Final = 10  # recovery codes
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_DRIFT: Final = 1  # steps that a phone's clock may be off
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike


def sealing_file(settings: Settings) -> Path:
    """Where that key is, whether or not it has been made."""
    console = settings.console
    return console.key if console and console.key else settings.node.data / "console.key"


def sealing_key(settings: Settings) -> bytes:
    """The key of the file, which is made on first use where none is named. Raises Refusal EDX440."""
    path = sealing_file(settings)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        data = _made(path)
    except OSError as error:
        raise Refusal("EDX440", where="console.key", detail=error.strerror or "") from error
    if len(data) != _KEY_BYTES:
        raise Refusal("EDX440", where="console.key", detail=Detail("the file has not {count} bytes", count=_KEY_BYTES))
    return data


def _made(path: Path) -> bytes:
    with suppress(FileExistsError):  # another process was first
        durable.create(path, secrets.token_bytes(_KEY_BYTES), 0o600)
    return path.read_bytes()


def new_secret() -> str:
    """160 bits in base32."""
    return pyotp.random_base32(32)


def enrolment_uri(secret: str, name: str, node: str) -> str:
    """What an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=f"edxml-router {node}")


def seal(key: bytes, name: str, secret: str) -> str:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return base64.urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, secret.encode(), name.encode())).decode()


def unseal(key: bytes, name: str, sealed: str) -> str:
    """Raises Refusal EDX440 where it was sealed under another key, or for another account."""
    try:
        data = base64.urlsafe_b64decode(sealed.encode())
        return AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], name.encode()).decode()
    except (InvalidTag, ValueError) as error:
        detail = Detail("the secret of the authenticator was sealed under another key")
        raise Refusal("EDX440", where=name, detail=detail) from error


def used_step(secret: str, code: str, now: datetime, *, after: int) -> int:
    """The step whose code this is, later than the last one that was used: a code counts once. 0 for none."""
    given = "".join(code.split())
    otp = pyotp.TOTP(secret)
    current = int(now.timestamp()) // STEP_SECONDS
    found = 0
    for step in range(current - _DRIFT, current + _DRIFT + 1):
        if hmac.compare_digest(otp.generate_otp(step).encode(), given.encode()) and step > after:
            found = step
    return found


def recovery_codes() -> tuple[str, ...]:
    """Ten codes of 60 bits, to be told once."""
    return tuple("-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3)) for _ in range(CODES))


def recovery_digest(code: str) -> str:
    """What is kept of one: enough chance is in it that no guess need be made slow."""
    return hashlib.sha256("".join(code.split()).lower().encode()).hexdigest()
