"""Private keys that stay in a token: a smart card, an HSM (PKCS#11). The only file that knows python-pkcs11.

    key = open_key("pkcs11:token=router;object=node?module-path=/usr/lib/…/lib….so&pin-source=token.pin", base)
    key = open_key(Path("node.key.pem"))                     # or a file, as ever

The address is that of RFC 7512. Of its path ``token``, ``serial``, ``object`` and ``id`` are understood, of its query
``module-path`` and ``pin-source`` (a file, mode 0600); a PIN in the address itself is refused, because a configuration
is shown to people. Key and public key bear the same ``object`` and ``id``.

The token is asked for every signature. After a failure the session is opened anew once. Fails with :class:`Refusal`
EDX902 (the PIN's file), EDX903 (address, PIN, key), EDX904 (python-pkcs11 or the module is not there), and with
:class:`Setback` EDX909 (no answer).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.signature.signing import SigningKey
from edxml_router.core.trust import certificate
from edxml_router.core.trust.certificate import PublicKey
from edxml_router.core.wording import in_words
from edxml_router.credentials.keys import load_key, read_private

SCHEME: Final = "pkcs11:"
_PATH: Final = frozenset({"token", "serial", "object", "id", "type"})
_QUERY: Final = frozenset({"module-path", "pin-source"})
# What python-pkcs11 calls the answers that an operator meets; the others are told as the standard names them.
_WORDS: Final = {
    "PinIncorrect": Detail("the PIN is not the token's"),
    "PinInvalid": Detail("the PIN has characters that the token does not take"),
    "PinLenRange": Detail("the PIN is too short or too long"),
    "PinLocked": Detail("the PIN is locked: too many wrong ones"),
    "PinExpired": Detail("the PIN has expired"),
    "UserPinNotInitialized": Detail("the token has no PIN yet"),
    "NoSuchToken": Detail("no token of that name or serial number"),
    "MultipleTokensReturned": Detail("several tokens of that name; name the serial number as well"),
    "NoSuchKey": Detail("no key of that name or id in the token"),
    "MultipleObjectsReturned": Detail("several keys of that name; name the id as well"),
    "TokenNotPresent": Detail("no token is in the reader"),
    "TokenNotRecognised": Detail("the token is not recognised"),
    "DeviceRemoved": Detail("the token was taken out"),
    "DeviceError": Detail("the token has failed"),
    "DeviceMemory": Detail("the token has no memory left"),
    "HostMemory": Detail("no memory is left"),
    "GeneralError": Detail("the module has failed"),
    "FunctionFailed": Detail("the module has failed"),
    "PKCS11Error": Detail("the module has failed"),
    "RuntimeError": Detail("it is not a PKCS#11 module, or cannot be loaded"),
    "MechanismInvalid": Detail("the token cannot make such a signature"),
    "KeyTypeInconsistent": Detail("the key is of another kind than such a signature needs"),
    "SessionClosed": Detail("the session was closed"),
    "SessionHandleInvalid": Detail("the session was closed"),
    "SessionCount": Detail("the token has no session free"),
}
_NOW: Final = ("TokenNotPresent", "DeviceRemoved", "DeviceError", "GeneralError", "FunctionFailed", "HostMemory")


@dataclass(frozen=True, slots=True)
class Address:
    """What an address says. ``path`` and ``query`` are decoded; ``text`` names it to people."""

    text: str
    path: dict[str, bytes]
    query: dict[str, bytes]


def open_key(reference: Path | str, base: Path = Path()) -> SigningKey:
    """The key in a file, or in the token that an address names; relative files of an address stand in ``base``."""
    if isinstance(reference, Path) or not reference.startswith(SCHEME):
        return load_key(Path(reference))
    return Key(read_address(reference), base)


def read_address(text: str) -> Address:
    """The parts of an address. EDX903 for one that is not understood as a whole."""
    path, _, query = text.removeprefix(SCHEME).partition("?")
    address = Address(text.partition("?")[0], _attributes(path, ";", _PATH), _attributes(query, "&", _QUERY))
    given = set(address.path)
    if "module-path" not in address.query or not {"token", "serial"} & given or not {"object", "id"} & given:
        detail = Detail("token or serial, object or id, and module-path are needed")
        raise Refusal("EDX903", where=address.text, detail=detail)
    if address.path.get("type", b"private") != b"private":
        raise Refusal("EDX903", where=address.text, detail=Detail("type is private"))
    return address


def _attributes(text: str, separator: str, known: frozenset[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in filter(None, text.split(separator)):
        name, equals, value = part.partition("=")
        if name not in known or not equals or name in found:  # the value may be a PIN: it is not repeated
            raise Refusal("EDX903", where=SCHEME, detail=Detail("{name}: not understood, or there twice", name=name))
        found[name] = unquote_to_bytes(value)
    return found


class Key:
    """A key in a token (a :class:`~edxml_router.core.signature.signing.TokenKey`)."""

    def __init__(self, address: Address, base: Path) -> None:
        self._address = address
        self._base = base
        self._pkcs11 = _library()
        self._session: Any = None
        self._private: Any = None
        self._public = self._open()

    def public_key(self) -> PublicKey:
        return self._public

    def sign_data(self, data: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
        """See :class:`~edxml_router.core.signature.signing.TokenKey`."""
        try:
            return self._sign(data, algorithm)
        except self._pkcs11.PKCS11Error:
            self.close()
        try:
            public = self._open()
            if public != self._public:
                raise Setback(
                    "EDX909", where=self._address.text, detail=Detail("there is another key under this name now")
                )
            return self._sign(data, algorithm)
        except self._pkcs11.PKCS11Error as error:
            raise self._away(error) from error
        except Refusal as refusal:  # what was in order at the start is away now
            raise Setback("EDX909", where=refusal.finding.where, detail=refusal.finding.detail) from refusal

    def _sign(self, data: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
        mechanism = self._pkcs11.Mechanism
        if self._private is None:
            raise self._pkcs11.SessionClosed
        if isinstance(self._public, rsa.RSAPublicKey):
            made: bytes = self._private.sign(data, mechanism=mechanism[f"{algorithm.name.upper()}_RSA_PKCS"])
            return made
        digest = hashes.Hash(algorithm)
        digest.update(data)
        raw: bytes = self._private.sign(digest.finalize(), mechanism=mechanism.ECDSA)
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))

    def _open(self) -> PublicKey:
        """A session, the key, and its public half."""
        where, path = self._address.text, self._address.path
        pin = self._pin()
        module = str(self._base / self._address.query["module-path"].decode())
        try:
            library = self._pkcs11.lib(module)
        except (self._pkcs11.PKCS11Error, RuntimeError, OSError) as error:
            raise Refusal(
                "EDX904",
                where=where,
                detail=Detail("module {module}: {reason}", module=module, reason=in_words(error, _WORDS)),
            ) from error
        names = {"token_label": "token", "token_serial": "serial"}
        wanted = {name: _text(path[key], key == "serial") for name, key in names.items() if key in path}
        label = {"label": path["object"].decode()} if "object" in path else {}
        number = {"id": path["id"]} if "id" in path else {}
        classes = self._pkcs11.ObjectClass
        try:
            token = library.get_token(**wanted)
            try:
                self._session = token.open(user_pin=pin)
            except self._pkcs11.UserAlreadyLoggedIn:  # by another key of this process: logins are per process
                self._session = token.open()
            self._private = self._session.get_key(object_class=classes.PRIVATE_KEY, **label, **number)
            public = self._session.get_key(object_class=classes.PUBLIC_KEY, **label, **number)
            return self._checked(public)
        except self._pkcs11.PKCS11Error as error:
            self.close()
            if type(error).__name__ in _NOW:
                raise self._away(error) from error
            raise Refusal("EDX903", where=where, detail=in_words(error, _WORDS)) from error

    def _checked(self, public: Any) -> PublicKey:
        attribute, kind = self._pkcs11.Attribute, self._pkcs11.KeyType
        key: object = None
        if public.key_type is kind.RSA:
            numbers = (int.from_bytes(public[name], "big") for name in (attribute.PUBLIC_EXPONENT, attribute.MODULUS))
            key = rsa.RSAPublicNumbers(*numbers).public_key()
        elif public.key_type is kind.EC:
            key = load_der_public_key(_ec().encode_ec_public_key(public))
        if isinstance(key, rsa.RSAPublicKey) and key.key_size >= certificate.MIN_RSA_BITS:
            return key
        if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in certificate.CURVES:
            return key
        detail = Detail("neither RSA of 2048 bits or more nor P-256, P-384, P-521")
        raise Refusal("EDX903", where=self._address.text, detail=detail)

    def _pin(self) -> str | None:
        source = self._address.query.get("pin-source")
        if source is None:
            return None
        try:
            return read_private(self._base / source.decode().removeprefix("file:")).decode().strip()
        except UnicodeDecodeError as error:
            raise Refusal("EDX903", where="pin-source", detail=Detail("not UTF-8")) from error

    def close(self) -> None:
        """Let the session go; the next signature opens another."""
        session, self._session, self._private = self._session, None, None
        if session is not None:
            try:
                session.close()
            except self._pkcs11.PKCS11Error:
                return  # it was lost already

    def _away(self, error: Exception) -> Setback:
        return Setback("EDX909", where=self._address.text, detail=in_words(error, _WORDS))


def _text(value: bytes, raw: bool) -> Any:
    return value if raw else value.decode()


def _library() -> ModuleType:
    """python-pkcs11, which only those install who have a token."""
    try:
        import pkcs11  # noqa: PLC0415  # optional
    except ModuleNotFoundError as error:
        raise Refusal(
            "EDX904", where=SCHEME, detail=Detail("python-pkcs11: pip install 'edxml-router[pkcs11]'")
        ) from error
    return pkcs11


def _ec() -> ModuleType:
    from pkcs11.util import ec as points  # noqa: PLC0415  # optional

    return points
