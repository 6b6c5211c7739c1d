"""Who may speak for which agency: the signer for the sender, and the peer for its mail.

A passed signature says *which certificate* signed; :func:`speaks_for` says whether that certificate may sign
for the sender. The operator's table (:class:`Bindings`) is asked first, then the codes in the certificate
itself:

1. blocked, by key, by certificate or by agency: no (the kill switch; it takes effect as soon as the table is read).
   A key belongs to the agencies that its certificate names and to those that it is bound to: when one of them is
   blocked, it signs for nobody, whatever else it is bound or delegated to;
2. the table has rows for the key: only those in force count, never the certificate's own claim, so that ending a
   binding ends it;
3. no row for the key: the codes in the certificate count (organizationIdentifier);
4. a signer of one agency may sign for another where a delegation in force names both.

Anything else is EDX402. :func:`may_bring` is the other half: an office brings mail of its own agencies, a
child node that of agencies below its prefixes, the parent that of nobody who lives here (EDX401).

Codes are canonical (``H53.31.22``) everywhere; a code in a certificate may be an alias, which the caller's
``canonical`` resolves.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from typing import TYPE_CHECKING

from edxml_router.core.agencies.code import is_under
from edxml_router.core.detail import Detail, joined, said
from edxml_router.core.problems import Refusal

if TYPE_CHECKING:  # the rows of a table, and their names in the journal, need no certificates
    from edxml_router.core.trust.certificate import Signer

SPKI = re.compile(r"[0-9a-f]{64}")
COLUMNS = ("act", "subject", "agency", "since", "until", "reason")
_VIETNAM = timezone(timedelta(hours=7))  # days in the table are days of Vietnam time
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


class Act(StrEnum):
    """What a row of the table does."""

    BIND = "bind"  # the key `subject` may sign for `agency`
    DELEGATE = "delegate"  # signers of the agency `subject` may sign for `agency`
    BLOCK = "block"  # the key, or the agency, `subject` is not accepted


@dataclass(frozen=True, slots=True)
class BindingRow:
    """One row, in force for ``since <= moment < until``. ``subject`` is a key's SHA-256 (hex; in a block also a
    certificate's) or a code."""

    act: Act
    subject: str
    agency: str = ""
    since: datetime = _FIRST
    until: datetime = _LAST
    reason: str = ""

    def in_force(self, at: datetime) -> bool:
        return self.since <= at < self.until


class Bindings:
    """The operator's table of rows, indexed; immutable."""

    def __init__(self, rows: Iterable[BindingRow] = ()) -> None:
        self.rows = tuple(rows)
        self.digest = _digest(self.rows)
        self._by_subject: Mapping[tuple[Act, str], tuple[BindingRow, ...]] = _index(self.rows)
        self._key_blocks = tuple(row for row in self.rows if row.act is Act.BLOCK and SPKI.fullmatch(row.subject))

    def of(self, act: Act, subject: str) -> tuple[BindingRow, ...]:
        """The rows of this act about ``subject``, in force or not."""
        return self._by_subject.get((act, subject), ())

    def blocked_keys(self, at: datetime) -> frozenset[str]:
        """The SHA-256 of every key and certificate that is blocked at the moment ``at``."""
        return frozenset(row.subject for row in self._key_blocks if row.in_force(at))

    @classmethod
    def from_csv(cls, data: bytes, where: str = "trust.bindings") -> Bindings:
        """Read ``act,subject,agency,since,until,reason``; EDX901 names every bad line.

        ``since`` and ``until`` are days (``2026-03-02``, Vietnam time, both included) or moments with a zone
        (``2026-03-02T08:00:00+07:00``), empty for no bound. Lines that begin with ``#`` are remarks.
        """
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Refusal("EDX901", where=where, detail=Detail("not UTF-8")) from error
        rows: list[BindingRow] = []
        mistakes: list[str] = []
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                row = read_row(line)
            except ValueError as error:
                mistakes.append(Detail("line {number}: {error}", number=number, error=said(error)))
            else:
                rows += [row] if row else []
        if mistakes:
            raise Refusal("EDX901", where=where, detail=joined("; ", mistakes))
        return cls(rows)

    def with_codes(self, canonical: Callable[[str], str | None]) -> Bindings:
        """The same rows with canonical codes; a code that ``canonical`` has None for stays as it is written."""

        def known(text: str) -> str:
            return text if not text or SPKI.fullmatch(text) else canonical(text) or text

        return Bindings(replace(row, subject=known(row.subject), agency=known(row.agency)) for row in self.rows)


def _digest(rows: Iterable[BindingRow]) -> str:
    """SHA-256 (hex) of the rows as JSON, a list of objects with sorted keys and no spaces, in UTF-8: what an acceptance
    rested on can be computed again by any program."""
    told = [
        {
            "act": row.act.value,
            "agency": row.agency,
            "reason": row.reason,
            "since": row.since.astimezone(UTC).isoformat(),
            "subject": row.subject,
            "until": row.until.astimezone(UTC).isoformat(),
        }
        for row in rows
    ]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def speaks_for(
    signer: Signer,
    sender: str,
    bindings: Bindings,
    at: datetime,
    canonical: Callable[[str], str | None] = lambda text: text,
) -> None:
    """May ``signer`` sign for the agency ``sender`` (canonical) at the moment ``at``? EDX402 or EDX409 if
    not.
    """
    named = {code for code in map(canonical, signer.agencies) if code}
    bound = bindings.of(Act.BIND, signer.spki_sha256)
    codes = {row.agency for row in bound if row.in_force(at)} if bound else named
    owners = sorted(named | codes)
    refuse_blocked(bindings, (signer.spki_sha256, signer.fingerprint, sender, *owners), at)
    if sender in codes:
        return
    for code in codes:
        if any(row.agency == sender and row.in_force(at) for row in bindings.of(Act.DELEGATE, code)):
            return
    told = ", ".join(sorted(codes)) or Detail("no agency")
    raise Refusal(
        "EDX402", detail=Detail("the certificate speaks for {told}, the sender is {sender}", told=told, sender=sender)
    )


def refuse_blocked(bindings: Bindings, subjects: Iterable[str], at: datetime) -> None:
    """EDX409 if one of these keys, certificates and agencies is blocked at the moment ``at``."""
    for subject in subjects:
        blocked = [row for row in bindings.of(Act.BLOCK, subject) if row.in_force(at)]
        if blocked:
            raise Refusal(
                "EDX409", detail=Detail("{subject} since {since}", subject=subject, since=blocked[0].since.isoformat())
            )


def may_bring(prefixes: Collection[str], codes: Collection[str], sender: str, *, inside: bool = True) -> None:
    """May a peer bring mail of ``sender`` (canonical)? EDX401 if not.

    ``prefixes`` and ``codes`` say who lives behind the peer. With ``inside`` False they say who lives on
    *our* side, and the peer is the parent: it may bring anybody's mail but theirs, or it could forge our own
    agencies.
    """
    if (sender in codes or any(is_under(sender, prefix) for prefix in prefixes)) is not inside:
        raise Refusal("EDX401", detail=sender)


def _index(rows: tuple[BindingRow, ...]) -> dict[tuple[Act, str], tuple[BindingRow, ...]]:
    found: dict[tuple[Act, str], tuple[BindingRow, ...]] = {}
    for row in rows:
        found[row.act, row.subject] = (*found.get((row.act, row.subject), ()), row)
    return found


def read_row(line: str) -> BindingRow | None:
    """The row in one line of the file, None in a remark or an empty line; ValueError says what is wrong."""
    values = [field.strip() for field in next(csv.reader([line]), [])]
    if not any(values) or values[0].startswith("#") or tuple(values) == COLUMNS:
        return None
    if len(values) != len(COLUMNS):
        raise ValueError(Detail("{count} columns, {wanted} are needed", count=len(values), wanted=len(COLUMNS)))
    act, subject, agency, since, until, reason = values
    if act not in list(Act):
        raise ValueError(Detail("act is {act}", act=" or ".join(Act)))
    key = subject.replace(":", "").lower()
    is_key = SPKI.fullmatch(key) is not None
    if (act == Act.BIND) and not is_key:
        raise ValueError(Detail("subject is the SHA-256 of a public key, 64 hexadecimal digits"))
    if not subject or (act == Act.DELEGATE and is_key):
        raise ValueError(Detail("subject is an agency's code"))
    if bool(agency) is (act == Act.BLOCK):
        raise ValueError(Detail("agency is empty for block, and a code otherwise"))
    begin, end = parse_moment(since, _FIRST, last=False), parse_moment(until, _LAST, last=True)
    if begin >= end:
        raise ValueError(Detail("until is before since"))
    return BindingRow(Act(act), key if is_key else subject, agency, begin, end, reason)


def write_row(row: BindingRow) -> str:
    """The line of the file that :func:`read_row` reads as ``row``."""
    out = io.StringIO()
    since = "" if row.since == _FIRST else row.since.isoformat()
    until = "" if row.until == _LAST else row.until.isoformat()
    csv.writer(out, lineterminator="").writerow(
        (str(row.act), row.subject, row.agency, since, until, " ".join(row.reason.split()))
    )
    return out.getvalue()


def parse_moment(text: str, absent: datetime, *, last: bool) -> datetime:
    """A day or a moment with a zone, ``absent`` for nothing; a day that ends something counts whole. ValueError
    for anything else."""
    if not text:
        return absent
    try:
        if len(text) == 10:
            day = date.fromisoformat(text) + timedelta(days=1 if last else 0)
            return datetime.combine(day, time(), _VIETNAM)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValueError(Detail("{text} is neither a day nor a moment", text=repr(text))) from None
    if moment.tzinfo is None:
        raise ValueError(Detail("{text} has no zone, such as +07:00", text=repr(text)))
    return moment
