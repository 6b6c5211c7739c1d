"""What can go wrong, as data: a closed table of problems and the three ways to fail.

``PROBLEMS["EDX304"]`` says what a code means, who must act and what to do, in English and Vietnamese. Code raises one
of three exceptions, and the *kind* of exception is the decision:

* :class:`Refusal`: no, for good; the same bytes would be refused again;
* :class:`Setback`: not now; the cause is expected to pass, try again later;
* :class:`Defect`: our own mistake; quarantine the bytes, tell the operator, go on with the next.

The rows themselves are in :mod:`edxml_router.core.problem_tables`. A code is never renumbered or reused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from edxml_router.core.detail import Detail
from edxml_router.core.problem_tables import ROWS


class Actor(StrEnum):
    """Who must act for a problem to go away."""

    SENDER = "sender"
    OPERATOR = "operator"
    RECIPIENT = "recipient"
    ROUTER = "router"


class Weight(StrEnum):
    """How heavily a problem weighs: a permanent no, a transient one, or only a remark in the verdict."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    REMARK = "remark"


@dataclass(frozen=True, slots=True)
class Problem:
    """One row of the table. ``exit_status`` is what a command line ends with when this problem stops it."""

    code: str
    slug: str
    actor: Actor
    weight: Weight
    http_status: int
    exit_status: int
    title: Mapping[str, str]
    remedy: Mapping[str, str]

    @property
    def family(self) -> int:
        """The hundreds digit: 1 parse … 9 configuration."""
        return int(self.code[3])


FAMILIES: Mapping[int, Detail] = MappingProxyType(
    {
        1: Detail("parse"),
        2: Detail("schema"),
        3: Detail("signature and trust"),
        4: Detail("authority and policy"),
        5: Detail("addressing"),
        6: Detail("store and capacity"),
        7: Detail("transport"),
        8: Detail("recipient"),
        9: Detail("configuration"),
    }
)

# Exit statuses follow sysexits.h where a meaning exists there, so that scripts need no table of ours.
EXIT_REFUSED = 1  # also click's own status when a person declines
EXIT_NOT_FOUND = 66
EXIT_SOFTWARE = 70
EXIT_TEMPORARY = 75
EXIT_CONFIG = 78


def _problem(row: tuple[str, str, str, str, int, int, str, str, str, str]) -> Problem:
    code, slug, actor, weight, http_status, exit_status, en, en_remedy, vi, vi_remedy = row
    return Problem(
        code,
        slug,
        Actor(actor),
        Weight(weight),
        http_status,
        exit_status,
        MappingProxyType({"en": en, "vi": vi}),
        MappingProxyType({"en": en_remedy, "vi": vi_remedy}),
    )


PROBLEMS: Mapping[str, Problem] = MappingProxyType({row[0]: _problem(row) for row in ROWS})


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem that occurred: which, where in the input, and the particulars.

    ``where`` is a place a person can go to: ``line 12, column 5``, ``/edXML/…/To[2]/OrganId``, a setting's
    name. ``detail`` holds ids, numbers and names of elements; never document content or personal data.
    """

    code: str
    where: str = ""
    detail: str = ""

    @property
    def problem(self) -> Problem:
        return PROBLEMS[self.code]

    def title(self, language: str = "en") -> str:
        return self.problem.title[language]

    def remedy(self, language: str = "en") -> str:
        return self.problem.remedy[language]

    def __str__(self) -> str:
        parts = [f"{self.code} {self.title()}"]
        if self.detail:
            parts.append(self.detail)
        if self.where:
            parts.append(f"at {self.where}")
        return ": ".join(parts)


class Trouble(Exception):  # noqa: N818  # one of the project's words, as are its three kinds
    """Base of the three ways to fail; carries a :class:`Finding`."""

    def __init__(self, code: str, *, where: str = "", detail: str = "") -> None:
        self.finding = Finding(code, where, detail)
        super().__init__(str(self.finding))

    @property
    def code(self) -> str:
        return self.finding.code

    def __reduce__(self) -> tuple[Any, ...]:
        # The finding is the whole state; the three kinds take different constructor arguments.
        return _again, (type(self), self.finding)


class Refusal(Trouble):
    """No, for good."""


class Setback(Trouble):
    """Not now; try again later."""


class Defect(Trouble):
    """Our own mistake: the bytes are quarantined and the worker goes on."""

    def __init__(self, detail: str, *, where: str = "") -> None:
        super().__init__("EDX699", where=where, detail=detail)


class ConfigErrors(Exception):  # noqa: N818  # it is about all of them at once
    """The configuration is wrong; ``findings`` has every mistake, ``remarks`` what is only worth a look, by their
    lines."""

    def __init__(self, findings: Sequence[Finding], remarks: Sequence[Finding] = ()) -> None:
        self.findings = tuple(findings)
        self.remarks = tuple(remarks)
        super().__init__("; ".join(str(finding) for finding in self.findings))


def _again(kind: type[Trouble], finding: Finding) -> Trouble:
    """Rebuild a trouble that was raised in another process."""
    trouble = kind.__new__(kind)
    Exception.__init__(trouble, str(finding))
    trouble.finding = finding
    return trouble
