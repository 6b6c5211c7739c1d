"""Time stamp authorities of journal.stamps: ask one, and read a stamp by its anchors.

    token = stamp_by(authority, data)               # asked, and verified at once
    stamp = read_stamp_of(authority, token, data)   # a kept one, again

Raises Setback EDX645 where nothing comes, EDX646 for an answer that does not count, Refusal EDX902 for anchors that
cannot be read.
"""

from __future__ import annotations

from edxml_router.config import StampSettings
from edxml_router.core.detail import said
from edxml_router.core.problems import Setback
from edxml_router.core.proof.time_stamp import TimeStamp, read_stamp, stamp_query, token_in_answer
from edxml_router.credentials.keys import load_certificates
from edxml_router.credentials.revocation.fetching import ANSWER_TIMEOUT, ask_for_stamp


def stamp_by(authority: StampSettings, data: bytes, timeout: float = ANSWER_TIMEOUT) -> tuple[bytes, TimeStamp]:
    """A stamp over ``data`` of this moment, and what it says."""
    anchors = load_certificates(authority.anchors)
    query = stamp_query(data)
    answer = ask_for_stamp(authority.url, query.text, timeout)
    try:
        token = token_in_answer(answer)
        return token, read_stamp(token, data, anchors, query.nonce, authority.policy or "")
    except ValueError as error:
        raise Setback("EDX646", where=authority.url, detail=said(error)) from error


def read_stamp_of(authority: StampSettings, token: bytes, data: bytes) -> TimeStamp:
    """What a kept stamp says. Raises ValueError where it does not hold."""
    return read_stamp(token, data, load_certificates(authority.anchors), policy=authority.policy or "")
