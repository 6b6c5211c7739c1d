"""Revocation lists that were fetched, one file for each address, so that a restart does not begin with nothing.

    keep(folder, url, fetched, authorities, now)     # after a look: a bad list never replaces a good one
    held(folder, url)                                # what the trust store is made of

A file that is damaged counts as missing: it is fetched again, and until then revocation is unknown (EDX314). ``keep``
fails with :class:`Setback` EDX318 and leaves what is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from cryptography import x509

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.trust.revocation import check_new_list
from edxml_router.core.trust.revocation_list import RevocationList
from edxml_router.core.wording import in_words
from edxml_router.credentials.revocation import list_files
from edxml_router.disk import durable


def path_of(folder: Path, url: str) -> Path:
    """The file of the list from ``url``. An address is no file name, and may be longer than one."""
    return folder / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.crl"


def held(folder: Path, url: str) -> tuple[RevocationList, ...]:
    """The list on hand; none where there is none, or it is damaged."""
    try:
        return list_files.load_lists(path_of(folder, url))
    except Refusal:
        return ()


def keep(folder: Path, url: str, fetched: bytes, authorities: Iterable[x509.Certificate], now: datetime) -> bool:
    """Put the list in its place, if it may; whether it is another than before."""
    path = path_of(folder, url)
    try:
        kept = path.read_bytes() if path.exists() else None
        if fetched == kept:
            return False
        check_new_list(fetched, kept, authorities, now, url)
        durable.write([(path, fetched)])
    except OSError as error:
        raise Setback(
            "EDX318", where=url, detail=Detail("{path}: {reason}", path=path, reason=in_words(error))
        ) from error
    return True
