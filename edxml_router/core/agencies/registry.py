"""The registry: which agency a code means on a given day.

An immutable snapshot over dictionaries (150,000 agencies are a look-up, not a query); a reload builds a new one and
swaps it whole. Aliases take precedence over the mechanical rule between old and new codes. Whether a level still exists
or a province is closed is in the tables, never in code.

``resolve`` fails with :class:`Refusal`: EDX501 (no agency has this code, or not yet), EDX502 (closed; the detail names
successors), EDX503 (malformed), EDX504 (an old code with a hole that no alias explains).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, timedelta
from types import MappingProxyType

from edxml_router.core.agencies.agency import Agency, Alias, Level, Succession, fold, superior_code
from edxml_router.core.agencies.code import BLANKS, AgencyCode, CodeForm
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal


class Registry:
    """A snapshot of the catalogue. Make it with :meth:`build`; it never changes afterwards."""

    __slots__ = (
        "_agencies",
        "_aliases",
        "_folded",
        "_successions",
        "base",
        "digest",
        "findings",
        "imported",
        "levels",
        "version",
    )

    def __init__(
        self,
        agencies: Mapping[str, Agency],
        aliases: Mapping[str, tuple[Alias, ...]],
        successions: Mapping[str, tuple[Succession, ...]],
        levels: Mapping[str, Level],
        digest: str,
        findings: tuple[Finding, ...],
        imported: Mapping[str, date],
        base: str,
    ) -> None:
        self._agencies = agencies
        self._aliases = aliases
        self._successions = successions
        self._folded: list[tuple[str, Agency]] = []
        self.levels = levels
        self.digest = digest
        self.version = digest[:16]
        self.findings = findings
        self.imported = imported
        self.base = base

    @classmethod
    def build(
        cls,
        agencies: Iterable[Agency],
        aliases: Iterable[Alias] = (),
        successions: Iterable[Succession] = (),
        levels: Iterable[Level] = (),
        *,
        digest: str = "",
        findings: Iterable[Finding] = (),
        imported: Mapping[str, date] = MappingProxyType({}),
        base: str = "",
    ) -> Registry:
        """Index the rows. Of two rows with one code the later wins: a node's own rows follow the packaged ones.

        ``digest`` (hex) identifies the snapshot, and its beginning, ``version``, does in logs and answers;
        ``findings`` are rows that could not be used.
        ``imported``: when the row of an agency was last imported here; ``base`` identifies the rows that were not.
        """
        by_code = {agency.code: agency for agency in agencies}
        by_alias: dict[str, tuple[Alias, ...]] = {}
        for alias in sorted(aliases, key=lambda a: a.valid_from or date.min, reverse=True):
            by_alias[alias.alias] = (*by_alias.get(alias.alias, ()), alias)
        followers: dict[str, tuple[Succession, ...]] = {}
        for step in successions:
            followers[step.code] = (*followers.get(step.code, ()), step)
        for code, steps in followers.items():
            if code in by_code:
                by_code[code] = by_code[code]._replace(successors=tuple(step.successor for step in steps))
        by_level = {level.name: level for level in levels}
        return cls(by_code, by_alias, followers, by_level, digest, tuple(findings), imported, base)

    def __len__(self) -> int:
        return len(self._agencies)

    def __iter__(self) -> Iterator[Agency]:
        return iter(self._agencies.values())

    def __contains__(self, code: object) -> bool:
        return code in self._agencies

    def get(self, code: str) -> Agency | None:
        """The agency of a canonical code, whatever its state; None where there is none."""
        return self._agencies.get(code)

    def alias(self, text: str) -> Alias | None:
        """The newest alias of that spelling, whatever its dates; None where there is none."""
        return self._aliases[text][0] if text in self._aliases else None

    def aliases(self, code: str) -> tuple[Alias, ...]:
        """Every alias of an agency."""
        return tuple(a for group in self._aliases.values() for a in group if a.canonical == code)

    def valid_aliases(self, on: date) -> Iterator[Alias]:
        """Every alias that is valid on that day."""
        return (alias for group in self._aliases.values() for alias in group if alias.valid_on(on))

    def every_alias(self) -> Iterator[Alias]:
        """All aliases, whatever their dates."""
        return (alias for group in self._aliases.values() for alias in group)

    def successions(self, code: str) -> tuple[Succession, ...]:
        """The successions of an agency."""
        return self._successions.get(code, ())

    def children(self, code: str) -> tuple[Agency, ...]:
        """The agencies directly below one."""
        return tuple(agency for agency in self if agency.parent == code)

    def superiors(self, code: str) -> Iterator[Agency]:
        """The registered agencies above a code, nearest first. ``parent`` decides; without it, the dots."""
        seen = {code}
        above = agency.parent if (agency := self._agencies.get(code)) else superior_code(code)
        while above and above not in seen:
            seen.add(above)
            if agency := self._agencies.get(above):
                yield agency
            above = agency.parent if agency else superior_code(above)

    def find(self, query: str) -> Iterator[Agency]:
        """Agencies whose code and name contain all words of ``query``; case and diacritics do not matter."""
        words = fold(query).split()
        if not self._folded:  # once for each registry: folding costs more than the search
            self._folded = [(fold(f"{agency.code} {agency.name}"), agency) for agency in self]
        for text, agency in self._folded:
            if all(word in text for word in words):
                yield agency

    def canonical_or_none(self, text: str) -> str | None:
        """The canonical code that ``text`` stands for, by alias or by rule, whatever day it is and whether or
        not the agency is registered; None where there is none. For comparing codes, not for addressing."""
        canonical = None
        try:
            for canonical in _spellings(text.strip(BLANKS)):
                if alias := self.alias(canonical):
                    return alias.canonical
                if canonical in self._agencies:
                    return canonical
        except Refusal:
            return None
        return canonical

    def meaning(self, text: str, on: date | None) -> str | None:
        """The canonical code that ``text`` means in something written on the day ``on``, whether or not the agency is
        open.

        A code that nobody had on that day means its first later holder; one that no catalogue knows is mapped by rule.
        None where it is not a code, or where the day is unknown and it has meant several agencies.
        """
        if on is None:
            meant = self.meanings(text)
            return meant.pop() if len(meant) == 1 else None
        canonical: str | None = None
        coming: list[Alias] = []
        try:
            for canonical in _spellings(text.strip(BLANKS)):
                known = self._aliases.get(canonical, ())
                alias = _valid(known, on) or _ended(known, on)
                if alias or canonical in self._agencies:
                    return alias.canonical if alias else canonical
                coming += known
        except Refusal:
            canonical = None
        return min(coming, key=lambda a: a.valid_from or date.min).canonical if coming else canonical

    def meanings(self, text: str) -> set[str]:
        """Every canonical code that ``text`` has ever meant, or will mean as far as the catalogue knows."""
        days = {date.min}  # on which a meaning may begin
        with suppress(Refusal):
            for name in _spellings(text.strip(BLANKS)):
                for alias in self._aliases.get(name, ()):
                    days.add(alias.valid_from or date.min)
                    if alias.valid_to and alias.valid_to < date.max:
                        days.add(alias.valid_to + timedelta(days=1))
        return {meant for day in days if (meant := self.meaning(text, day))}

    def resolve(self, text: str, on: date, *, historic: bool = False) -> Agency:
        """The agency that a code as written means on the day ``on``.

        ``historic`` also finds closed agencies: for statuses and recalls of older documents, and for look-ups. Raises
        Refusal EDX501, EDX502, EDX503 or EDX504.
        """
        agency = self._named(text, on, historic)
        if agency.valid_from and on < agency.valid_from:
            raise Refusal(
                "EDX501",
                detail=Detail("{code} is valid from {valid_from}", code=agency.code, valid_from=agency.valid_from),
            )
        if not historic:
            self.require_open(agency, on)
        return agency

    def level_for(self, code: AgencyCode, name: str) -> str:
        """The level of an agency that a list gives only code and name of, read from the levels' own rows.

        The name decides ("UBND huyện …"), at level 1 the letter; else the first level that claims neither. Empty when
        there is no such level.
        """
        folded = fold(name).replace("uy ban nhan dan", "ubnd")
        depth, letter = code.level, code.top[0]
        for level in self.levels.values():
            if depth == 1 and letter in level.letters:
                return level.name
            if depth > 1 and folded.startswith(level.name_starts):
                return level.name
        return next((each.name for each in self.levels.values() if not each.letters and not each.name_starts), "")

    def _named(self, text: str, on: date, historic: bool) -> Agency:
        canonical = ""
        for canonical in _spellings(text.strip(BLANKS)):
            if found := self._look_up(canonical, on, historic):
                return found
        raise Refusal("EDX501", detail=self._unknown(canonical, on))

    def _look_up(self, name: str, on: date, historic: bool) -> Agency | None:
        known = self._aliases.get(name, ())
        alias, ended = _valid(known, on), _ended(known, on)
        if alias is None and ended:
            # No falling back to the mechanical rule: that would give a used code a new meaning.
            if not historic:
                detail = Detail(
                    "{name}, an alias of {canonical}, ended on {valid_to}",
                    name=name,
                    canonical=ended.canonical,
                    valid_to=ended.valid_to,
                )
                raise Refusal("EDX502", detail=detail)
            alias = ended
        if alias is None:
            return self._agencies.get(name)
        if alias.canonical not in self._agencies:
            raise Refusal(
                "EDX501",
                detail=Detail(
                    "{name} is an alias of {canonical}, which nobody has", name=name, canonical=alias.canonical
                ),
            )
        return self._agencies[alias.canonical]

    def require_open(self, agency: Agency, on: date) -> None:
        """Refusal EDX502 unless the agency is open on that day: it, its level and all its superiors."""
        for each in (agency, *self.superiors(agency.code)):
            below = "" if each is agency else agency.code
            level = self.levels.get(each.level)
            if level and level.valid_to and on > level.valid_to:
                why = Detail(
                    "{code} of level {level}, which ended on {valid_to}",
                    code=each.code,
                    level=level.name,
                    valid_to=level.valid_to,
                )
                raise Refusal("EDX502", detail=_below(below, why))
            if each.closed_on(on):
                raise Refusal("EDX502", detail=_below(below, self._closed(each)))

    def _closed(self, agency: Agency) -> str:
        until = Detail(" after {valid_to}", valid_to=agency.valid_to) if agency.valid_to else ""
        if steps := self.successions(agency.code):
            named = ", ".join(s.successor + ("" if s.verified else " (not verified)") for s in steps)
            return Detail("{code} closed{until}; successor {named}", code=agency.code, until=until, named=named)
        for superior in self.superiors(agency.code):
            if superior.successors:
                hint = Detail(
                    "successor of {code} is {successors}", code=superior.code, successors=", ".join(superior.successors)
                )
                return Detail(
                    "{code} closed{until}; {hint}, which issues its own codes anew",
                    code=agency.code,
                    until=until,
                    hint=hint,
                )
        return Detail("{code} closed{until}; no successor is named", code=agency.code, until=until)

    def _unknown(self, code: str, on: date) -> str:
        for superior in self.superiors(code):
            if superior.closed_on(on):
                return Detail("{code}; hint: {closed}", code=code, closed=self._closed(superior))
            return Detail("{code}; the nearest known code above it is {above}", code=code, above=superior.code)
        return code


def _below(code: str, why: str) -> str:
    """For an agency that is closed only because a superior is."""
    return Detail("{code} is under {why}", code=code, why=why) if code else why


def _valid(known: Iterable[Alias], on: date) -> Alias | None:
    return next((alias for alias in known if alias.valid_on(on)), None)


def _ended(known: Iterable[Alias], on: date) -> Alias | None:
    return next((alias for alias in known if alias.valid_to and alias.valid_to < on), None)


def _spellings(written: str) -> Iterator[str]:
    """What to look up for a code, in order; the last is the canonical code.

    As written first, for technical codes and for old codes that a catalogue keeps although no rule maps them. Raises
    Refusal EDX503 or EDX504 when the caller, having found nothing, asks for more than there is.
    """
    yield written
    code = AgencyCode.parse(written)
    if code.is_government:
        yield written.upper()
    if code.form is CodeForm.LEGACY3 and (old := code.legacy13()):
        yield old
    yield code.canonical()


def canonical(registry: Registry, text: str) -> str:
    """The canonical code; of one that no catalogue knows, by its form. Raises Refusal EDX503 for what is no code."""
    return registry.canonical_or_none(text) or AgencyCode.parse(text).canonical()
