"""Revocation lists, responders' answers and time stamps from the addresses that the configuration names: one GET or
POST, bounded in size and time.

    data = fetch("http://ca.example.vn/issuing.crl")
    data = ask_responder("http://ocsp.ca.example.vn", request)        # RFC 6960, appendix A.1
    data = ask_for_stamp("http://tsa.example.vn", query)              # RFC 3161, 3.4

Never called with an address out of a message or a certificate: a stranger would choose whom we call. A redirection
is not followed either, for the same reason; the operator writes the new address. What comes back is bytes from
nobody in particular: :mod:`edxml_router.core.trust.revocation` says whether they are a list, and whose,
:mod:`edxml_router.core.trust.ocsp` whether they are an answer, :mod:`edxml_router.core.proof.time_stamp` a stamp.

Fails with :class:`Setback` EDX318 (a list), EDX319 (an answer), EDX645 (a stamp).
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Sequence
from email.message import Message
from typing import IO, Final

from edxml_router import __version__
from edxml_router.core.detail import Detail, said
from edxml_router.core.problems import Setback
from edxml_router.core.proof import time_stamp
from edxml_router.core.trust import ocsp
from edxml_router.core.trust.revocation_list import MAX_BYTES
from edxml_router.core.wording import in_words
from edxml_router.credentials.revocation.deadline import Deadline, Handler

SCHEMES: Final = ("http", "https", "file")
TIMEOUT: Final = 30.0  # seconds, for connecting, for every wait, and for the whole but for what PACE allows
PACE: Final = 256 * 1024  # bytes; each that come give a large list one second more
ANSWER_TIMEOUT: Final = 10.0  # seconds; there may be thousands of questions
_PIECE: Final = 64 * 1024

Posted = tuple[str, bytes]  # media type, content


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirection becomes an error."""

    def redirect_request(
        self,
        req: urllib.request.Request,  # noqa: ARG002  # urllib's signature
        fp: IO[bytes],  # noqa: ARG002
        code: int,  # noqa: ARG002
        msg: str,  # noqa: ARG002
        headers: Message,  # noqa: ARG002
        newurl: str,  # noqa: ARG002
    ) -> None:
        return None


def download(url: str, max_bytes: int = MAX_BYTES, timeout: float = TIMEOUT) -> bytes:
    """What stands at ``url`` (http, https or file). ``timeout`` is in seconds."""
    return _get("EDX318", url, None, SCHEMES, max_bytes, timeout)


def ask_for_stamp(url: str, query: bytes, timeout: float = ANSWER_TIMEOUT) -> bytes:
    """What the time stamp authority at ``url`` (http or https) answers to ``query`` (DER)."""
    posted = ("application/timestamp-query", query)
    return _get("EDX645", url, posted, SCHEMES[:2], time_stamp.ANSWER_MAX, timeout)


def ask_responder(url: str, question: bytes, timeout: float = ANSWER_TIMEOUT) -> bytes:
    """What the responder at ``url`` (http or https) says to ``question`` (DER)."""
    return _get("EDX319", url, ("application/ocsp-request", question), SCHEMES[:2], ocsp.MAX_BYTES, timeout)


def _get(code: str, url: str, posted: Posted | None, schemes: Sequence[str], max_bytes: int, timeout: float) -> bytes:
    def setback(detail: str) -> Setback:
        return Setback(code, where=url, detail=detail)

    deadline = Deadline(timeout, PACE)
    try:
        with deadline:
            return _received(deadline, url, posted, schemes, max_bytes, timeout)
    except urllib.error.HTTPError as error:
        error.close()
        raise setback(Detail("HTTP status {code}", code=error.code)) from error
    except _UnfitError as error:
        raise setback(said(error)) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        if deadline.missed:
            raise setback(Detail("not complete after {timeout:g} s", timeout=timeout)) from error
        raise setback(_said(error.reason if isinstance(error, urllib.error.URLError) else error)) from error


class _UnfitError(Exception):
    """What came is not wanted."""


def _received(
    deadline: Deadline, url: str, posted: Posted | None, schemes: Sequence[str], max_bytes: int, timeout: float
) -> bytes:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),  # as the environment says: many nodes reach the world by a proxy only
        Handler(deadline),
        urllib.request.FileHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Stay(),
    ):
        opener.add_handler(handler)
    headers = {"User-Agent": f"edxml-router/{__version__}"}
    if posted is not None:
        headers["Content-Type"] = posted[0]
    request = urllib.request.Request(url, posted[1] if posted else None, headers)  # noqa: S310  # the schemes are named
    if request.type not in schemes:
        raise _UnfitError(f"scheme {request.type}")
    with opener.open(request, timeout=timeout) as answer:
        data = bytearray()
        while piece := answer.read1(min(_PIECE, max_bytes + 1 - len(data))):
            data += piece
            if len(data) > max_bytes:
                raise _UnfitError(Detail("more than {most} bytes", most=max_bytes))
            deadline.allow(len(data))
    if deadline.missed:  # what was cut off may look complete
        raise _UnfitError(Detail("not complete after {timeout:g} s", timeout=timeout))
    return bytes(data)


def _said(reason: object) -> str:
    """Why, in few words; the texts of libraries may be long."""
    return in_words(reason) if isinstance(reason, Exception) else str(reason)[:200]
