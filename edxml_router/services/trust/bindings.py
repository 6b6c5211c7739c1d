"""Changes to the table of bindings, delegations and blocks.

    change = block(settings, names.subject(registry, text, known), period, reason, "lan")
    for row in rows(settings): …

The file is written first and the journal afterwards, because a block must not wait for a database. A failure of the
journal is therefore part of the answer (:attr:`Change.trouble`), and a face shows it after the row. Every act is
journalled with the operator's name and reason, as ``trust.block``, ``trust.unblock`` and so on. A running node notices
the change by itself. Raises Refusal EDX606 (nothing to end), EDX901 (the table is wrong), EDX902, EDX908.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from edxml_router.config import Settings
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.problems import Finding, Refusal, Trouble
from edxml_router.core.trust.bindings import Act, BindingRow
from edxml_router.credentials import trust_files
from edxml_router.services.trust import names
from edxml_router.wiring.agencies import load_registry
from edxml_router.wiring.opening import ledger_of


class Period(NamedTuple):
    """When a row holds: from ``since`` on, before ``until``."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class BindingChange:
    """``row`` stands in the table now; not ``written``: it said as much before. ``remarks``: codes that no catalogue
    has. ``trouble``: what went wrong after it was written."""

    row: BindingRow
    written: bool = True
    remarks: Sequence[Finding] = ()
    trouble: Finding | None = None


def rows(settings: Settings) -> Sequence[BindingRow]:
    """The rows of the table, as written."""
    return trust_files.read(settings.bindings).rows


def bind(settings: Settings, key: str, agency: str, period: Period, reason: str, operator: str) -> BindingChange:
    """Let a key sign for an agency. From then on the codes in its certificate no longer count."""
    registry, known = load_registry(settings), names.known(settings, certificates=False)
    row = BindingRow(Act.BIND, names.key(key, known), names.code(registry, agency), *period, reason)
    return _add(settings, registry, row, operator)


def unbind(settings: Settings, key: str, agency: str, reason: str, operator: str) -> BindingChange:
    """End a binding, now."""
    keys, codes = _written(settings, Act.BIND)
    return _end(settings, Act.BIND, names.key(key, lambda: keys), _code(settings, agency, codes), reason, operator)


def delegate(settings: Settings, parent: str, agency: str, period: Period, reason: str, operator: str) -> BindingChange:
    """Let the signers of the agency ``parent`` sign for another as well."""
    registry = load_registry(settings)
    codes = names.code(registry, parent), names.code(registry, agency)
    return _add(settings, registry, BindingRow(Act.DELEGATE, *codes, *period, reason), operator)


def undelegate(settings: Settings, parent: str, agency: str, reason: str, operator: str) -> BindingChange:
    """End a delegation, now."""
    parents, codes = _written(settings, Act.DELEGATE)
    subject, code = _code(settings, parent, parents), _code(settings, agency, codes)
    return _end(settings, Act.DELEGATE, subject, code, reason, operator)


def block(settings: Settings, subject: str, period: Period, reason: str, operator: str) -> BindingChange:
    """Accept nothing more from a key, a certificate or an agency. The row is written whatever else is wrong with the
    table; that is then reported as the trouble (EDX901)."""
    registry, known = load_registry(settings), names.known(settings, certificates=True)
    row = BindingRow(Act.BLOCK, names.subject(registry, subject, known), "", *period, reason)
    change = _add(settings, registry, row, operator)
    if change.trouble is None:
        try:
            trust_files.read(settings.bindings)
        except Refusal as refusal:
            return BindingChange(change.row, change.written, change.remarks, refusal.finding)
    return change


def unblock(settings: Settings, subject: str, reason: str, operator: str) -> BindingChange:
    """End a block, now."""
    blocked, _ = _written(settings, Act.BLOCK)
    if subject not in blocked:
        subject = names.subject(load_registry(settings), subject, lambda: blocked)
    return _end(settings, Act.BLOCK, subject, "", reason, operator)


def journal_change(settings: Settings, act: str, detail: str, operator: str) -> Finding | None:
    """Journal a change that was already made to files. Returns the finding if that fails."""
    entry = Entry(datetime.now(UTC), f"trust.{act}", actor=f"operator:{operator}", detail=detail[:500])
    try:
        with ledger_of(settings) as ledger, ledger.book() as book:
            book.journal.note([entry])  # a crash before the commit: the file is changed, and no entry says by whom
    except Trouble as trouble:
        return trouble.finding
    return None


def _add(settings: Settings, registry: Registry, row: BindingRow, operator: str) -> BindingChange:
    there = trust_files.append(settings.bindings, row)
    codes = dict.fromkeys((row.subject, row.agency))
    remarks = [finding for each in codes if (finding := names.remark(registry, each))]
    trouble = journal_change(settings, str(row.act), _told(row), operator) if there is row else None
    return BindingChange(there, there is row, remarks, trouble)


def _end(settings: Settings, act: Act, subject: str, agency: str, reason: str, operator: str) -> BindingChange:
    row = BindingRow(act, subject, agency, until=datetime.now(UTC).replace(microsecond=0), reason=reason)
    trust_files.end(settings.bindings, act, subject, agency, row.until)
    return BindingChange(row, trouble=journal_change(settings, f"un{act}", _told(row), operator))


def _written(settings: Settings, act: Act) -> tuple[set[str], set[str]]:
    """The subjects and the agencies in the rows of this act, as they stand in the table."""
    found = [row for row in trust_files.legible(settings.bindings) if row.act is act]
    return {row.subject for row in found}, {row.agency for row in found}


def _code(settings: Settings, text: str, written: Collection[str]) -> str:
    """A code of a row that is to end: as it stands in the table, or the canonical one."""
    return text if text in written else names.code(load_registry(settings), text)


def _told(row: BindingRow) -> str:
    return f"{' '.join(filter(None, (row.subject, row.agency)))}: {row.reason}"
