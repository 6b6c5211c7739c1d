"""A signed container of files: what its manifests cover, who signed, and nothing beside it.

    data = sealed(signed(files, chain, at, sign), stamp=token)
    container = read(data)                        # whole, as listed, and signed by container.signature.certificates[0]
    container.files                               # what was signed, in its order

=============================== ====================================================================
``mimetype``                    first, as it stands: :data:`MIMETYPE`
the files                       what is certified; each is in the first manifest
``META-INF/ASiCManifest001.xml`` their digests; signed by ``META-INF/signature001.p7s`` (CAdES)
``META-INF/ASiCManifest002.xml`` the digests of that manifest and signature; only with a stamp
``META-INF/timestamp001.tst``   the stamp (RFC 3161) over the second manifest
``META-INF/container.sha256``   the seal of :mod:`edxml_router.core.asice.archive`
=============================== ====================================================================

A file that no manifest lists is refused, and so is a manifest that leaves one out or lists them in another order. Whose
certificates may be trusted, and whether a stamp is one, is judged by who has anchors. Fails with
:class:`Refusal` EDX653 (bytes), EDX654 (files), EDX655 (the signature).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509

from edxml_router.core.asice import archive, cades, manifest
from edxml_router.core.asice.cades import CadesSignature
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal

MIMETYPE: Final = b"application/vnd.etsi.asic-e+zip"
FIRST_MANIFEST, SIGNATURE = "META-INF/ASiCManifest001.xml", "META-INF/signature001.p7s"
SECOND_MANIFEST, STAMP = "META-INF/ASiCManifest002.xml", "META-INF/timestamp001.tst"
STAMP_MAX: Final = 64 * 1024  # bytes of a stamp with its certificates
_OWN: Final = "META-INF/"


@dataclass(frozen=True, slots=True)
class Container:
    """What a container holds. ``stamped`` are the bytes that ``stamp`` is over; both are None without a stamp."""

    files: Mapping[str, bytes]
    signature: CadesSignature
    stamp: bytes | None = None
    stamped: bytes | None = None


def signed(
    files: Mapping[str, bytes], chain: Sequence[x509.Certificate], at: datetime, sign: Callable[[bytes], bytes]
) -> dict[str, bytes]:
    """The members of a container of these files with its signature; see :func:`edxml_router.core.asice.cades.write`."""
    for name in files:
        if name.startswith(_OWN) or name == "mimetype":
            raise Refusal("EDX654", where=name, detail=Detail("a name that the container uses itself"))
    covered = manifest.write(SIGNATURE, manifest.SIGNATURE_TYPE, _digests(files))
    value = cades.write(covered, chain, at, sign)
    return {"mimetype": MIMETYPE, **files, FIRST_MANIFEST: covered, SIGNATURE: value}


def to_stamp(members: Mapping[str, bytes]) -> bytes:
    """What a stamp of signed members has to be over: the second manifest."""
    covered = {name: members[name] for name in (FIRST_MANIFEST, SIGNATURE)}
    return manifest.write(STAMP, manifest.STAMP_TYPE, _digests(covered))


def sealed(members: Mapping[str, bytes], stamp: bytes | None = None) -> bytes:
    """The container, with a stamp where there is one (a TimeStampToken in DER over :func:`to_stamp`)."""
    stamped = {SECOND_MANIFEST: to_stamp(members), STAMP: stamp} if stamp is not None else {}
    return archive.write({**members, **stamped})


def read(data: bytes) -> Container:
    """A container whose files are the listed ones and whose signature is that of the certificate shown."""
    members = archive.read(data)
    own = {name: content for name, content in members.items() if name.startswith(_OWN)}
    files = {name: content for name, content in members.items() if name not in own}
    if files.pop("mimetype", None) != MIMETYPE or next(iter(members)) != "mimetype":
        raise Refusal("EDX654", where="mimetype", detail=Detail("it is not first, or says something else"))
    stamp = own.get(STAMP)
    expected = [FIRST_MANIFEST, SIGNATURE, *([SECOND_MANIFEST, STAMP] if stamp is not None else [])]
    if list(own) != expected or list(members)[-len(own) :] != expected:
        odd = next((name for name in own if name not in expected), expected[-1])
        raise Refusal("EDX654", where=odd, detail=Detail("a file that is not listed, or in the wrong place"))
    _check_listed(own[FIRST_MANIFEST], FIRST_MANIFEST, SIGNATURE, manifest.SIGNATURE_TYPE, files)
    signature = cades.read(own[SIGNATURE])
    signature.verify(own[FIRST_MANIFEST])
    if stamp is None:
        return Container(files, signature)
    if len(stamp) > STAMP_MAX:
        raise Refusal("EDX654", where=STAMP, detail=Detail("more than {most} bytes", most=STAMP_MAX))
    covered = {name: own[name] for name in (FIRST_MANIFEST, SIGNATURE)}
    _check_listed(own[SECOND_MANIFEST], SECOND_MANIFEST, STAMP, manifest.STAMP_TYPE, covered)
    return Container(files, signature, stamp, own[SECOND_MANIFEST])


def _check_listed(data: bytes, where: str, cover: str, kind: str, files: Mapping[str, bytes]) -> None:
    listed = manifest.read(data, where)
    if (listed.cover, listed.kind) != (cover, kind):
        raise Refusal("EDX654", where=where, detail=Detail("it is for another signature"))
    manifest.check(listed, files)
    if list(listed.digests) != list(files):
        odd = next((name for name in files if name not in listed.digests), where)
        raise Refusal("EDX654", where=odd, detail=Detail("a file that is not listed, or in the wrong place"))


def _digests(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: hashlib.sha256(content).digest() for name, content in files.items()}
