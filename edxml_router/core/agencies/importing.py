"""Read somebody else's list of agencies: a verdict for every row, nothing dropped silently.

Three shapes are understood, as CSV (comma, semicolon or tab) or as JSON:

* ``code,name``, the code in any form (the lists that e-office systems pass around); * our own columns
(``agency_codes/README.md``); * the answers of the axis: ``id, pid, code, name, mail, oldCode`` and, since QĐ 20/2020,
``code102`` (the 13-character code beside the new one). The mail address is ignored.

Agencies that are known already stay as they are, unless ``replace_known`` is set: an older list must not reopen a
closed province. A second import of the same list therefore changes nothing. Raises Refusal EDX906 for text that is not
a list.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from edxml_router.core.agencies.agency import Agency, Alias, fold
from edxml_router.core.agencies.code import BLANKS, AgencyCode, CodeForm, is_safe
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.agencies.rows import STATES, YES_NO, day, usual_parent
from edxml_router.core.detail import Detail, joined, said
from edxml_router.core.normal_forms import normal
from edxml_router.core.problems import Finding, Refusal

OLD_CODE_COLUMNS = ("code102", "oldcode")


class RowResult(StrEnum):
    """The result for a row."""

    MAPPED = "mapped"  # an agency under its canonical code
    ALIAS = "alias"  # no rule maps the old code: the agency keeps it
    DUPLICATE = "duplicate"  # an earlier row has the same code; that one counts
    MALFORMED = "malformed"  # no code, no name, or a value out of range


@dataclass(frozen=True, slots=True)
class RowVerdict:
    """One row. ``line`` is the line in the file where it ends (in JSON the number of the entry)."""

    line: int
    code_text: str
    name: str
    verdict: RowResult
    canonical: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Every row's verdict, and the rows to write: only what the registry does not have already."""

    rows: tuple[RowVerdict, ...]
    agencies: tuple[Agency, ...]
    aliases: tuple[Alias, ...]

    @property
    def counts(self) -> Mapping[RowResult, int]:
        seen = Counter(row.verdict for row in self.rows)
        return {verdict: seen[verdict] for verdict in RowResult}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The rows that could not be used, as EDX905."""
        unused = (RowResult.DUPLICATE, RowResult.MALFORMED)
        return tuple(
            Finding(
                "EDX905",
                where=Detail("line {line}", line=row.line),
                detail=Detail("{code_text}: {detail}", code_text=row.code_text, detail=row.detail),
            )
            for row in self.rows
            if row.verdict in unused
        )


@dataclass(frozen=True, slots=True)
class _Read:
    """A row with its code parsed, or the reason why it cannot be."""

    line: int
    fields: Mapping[str, str]
    code: AgencyCode | None = None
    canonical: str = ""
    verdict: RowResult = RowResult.MALFORMED
    detail: str = ""

    @property
    def text(self) -> str:
        return self.fields["code"].strip(BLANKS)

    @property
    def name(self) -> str:
        return normal("NFC", " ".join(self.fields["name"].split()))


def import_rows(text: str, known: Registry, *, source: str = "", replace_known: bool = False) -> ImportReport:
    """Judge every row of a list against what is known. Raises Refusal EDX906 when the text is not a list."""
    read = [_understand(line, fields, known) for line, fields in _rows(text)]
    by_id = {row.fields["id"]: row.canonical for row in read if row.canonical and row.fields.get("id")}
    codes = {row.canonical for row in read}
    first: dict[str, int] = {}
    rows: list[RowVerdict] = []
    agencies: list[Agency] = []
    aliases: dict[str, Alias] = {}
    for row in read:
        verdict, details = row.verdict, [row.detail]
        if row.canonical in first:
            verdict, details = RowResult.DUPLICATE, [Detail("line {line} has the same code", line=first[row.canonical])]
        elif row.code is not None:
            try:
                agency = _agency(row, row.code, known, by_id, source)
            except ValueError as error:
                verdict, details = RowResult.MALFORMED, [said(error)]
            else:
                first[row.canonical] = row.line
                old = known.get(agency.code)
                if old is None or (replace_known and agency != old):
                    agencies.append(agency)
                elif old is not None:
                    same = fold(old.name) == fold(agency.name)
                    details.append(Detail("known already") if same else Detail("known already, under another name"))
                for alias in _aliases(row, known, codes, source, details):
                    aliases[alias.alias] = alias
        canonical = "" if verdict is RowResult.MALFORMED else row.canonical
        detail = joined("; ", filter(None, details))
        rows.append(RowVerdict(row.line, row.text, row.name, verdict, canonical, detail))
    return ImportReport(tuple(rows), tuple(agencies), tuple(aliases.values()))


def _understand(line: int, fields: Mapping[str, str], known: Registry) -> _Read:
    if not fields["name"].strip():
        return _Read(line, fields, detail=Detail("the row has no name"))
    try:
        code = AgencyCode.parse(fields["code"])
    except Refusal as refusal:
        return _Read(line, fields, detail=refusal.finding.detail)
    if alias := known.alias(code.text.upper() if code.is_government else code.text):
        detail = Detail("by alias to {canonical}", canonical=alias.canonical)
        return _Read(line, fields, code, alias.canonical, RowResult.MAPPED, detail)
    try:
        return _Read(line, fields, code, code.canonical(), RowResult.MAPPED)
    except Refusal as refusal:
        return _Read(line, fields, code, code.known_as(), RowResult.ALIAS, refusal.finding.detail)


def _agency(row: _Read, code: AgencyCode, known: Registry, by_id: Mapping[str, str], source: str) -> Agency:
    """The agency that a row describes; what the row leaves open comes from what is known, or from rules.

    Raises ValueError with a text for the operator.
    """
    fields = row.fields
    base = known.get(row.canonical) or Agency(
        code=row.canonical,
        name=row.name,
        level=known.level_for(code, row.name),
        parent=usual_parent(row.canonical),
    )
    level = fields.get("level") or base.level
    if known.levels and level not in known.levels:
        raise ValueError(
            Detail("level {level} is none of {levels}", level=ascii(level), levels=", ".join(known.levels))
        )
    return base._replace(
        name=row.name,
        level=level,
        parent=fields.get("parent") or by_id.get(fields.get("pid", ""), "") or base.parent,
        state=STATES[fields.get("state") or base.state],
        valid_from=day(fields.get("valid_from", "")) or base.valid_from,
        valid_to=day(fields.get("valid_to", "")) or base.valid_to,
        verified=YES_NO[fields["verified"]] if fields.get("verified") else base.verified,
        source=fields.get("source") or source or base.source,
    )


def _aliases(row: _Read, known: Registry, codes: set[str], source: str, details: list[str]) -> Iterator[Alias]:
    """The old codes beside a new one, where the mechanical rule would not lead from one to the other."""
    for column in OLD_CODE_COLUMNS:
        old = row.fields.get(column, "").strip(BLANKS)
        if not old or old.upper() == row.canonical:
            continue
        try:
            parsed = AgencyCode.parse(old)
            old = old if parsed.form is CodeForm.TECHNICAL else old.upper()
            if parsed.canonical() == row.canonical:
                continue
        except Refusal as refusal:
            if not is_safe(old):
                details.append(refusal.finding.detail)
                continue
            old = old.upper()
        if old in codes or old in known:
            details.append(Detail("{old} is the code of an agency and cannot be an alias too", old=old))
        elif (present := known.alias(old)) is None or present.canonical != row.canonical:
            details.append(Detail("alias {old}", old=old))
            yield Alias(old, row.canonical, source=source)


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    text = text.removeprefix("\ufeff")
    return _json_rows(text) if text.lstrip()[:1] in ("[", "{") else _csv_rows(text)


def _csv_rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    header, _, _ = text.partition("\n")
    # Excel writes semicolons where the comma is the decimal sign, as it is in Vietnamese.
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        columns = [column.strip().lower() for column in next(reader, [])]
        if not {"code", "name"} <= set(columns):
            raise Refusal("EDX906", where="line 1", detail=Detail("the header has no columns code and name"))
        for cells in reader:
            if any(cell.strip() for cell in cells):
                fields = dict.fromkeys(columns, "") | dict(zip(columns, cells, strict=False))
                yield reader.line_num, fields
    except csv.Error as error:
        raise Refusal("EDX906", where=Detail("line {line}", line=reader.line_num), detail=said(error)) from error


def _json_rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal("EDX906", detail=Detail("not JSON: {error}", error=said(error))) from error
    if isinstance(data, dict):  # the axis wraps its list: {"status": …, "data": […]}
        data = next((value for value in data.values() if isinstance(value, list)), None)
    if not isinstance(data, list):
        raise Refusal("EDX906", detail=Detail("no list of agencies in the JSON"))
    for number, entry in enumerate(data, start=1):
        if not isinstance(entry, dict):
            raise Refusal("EDX906", where=f"entry {number}", detail=Detail("not an object"))
        fields = {str(key).lower(): "" if value is None else str(value) for key, value in entry.items()}
        yield number, {"code": "", "name": ""} | fields
