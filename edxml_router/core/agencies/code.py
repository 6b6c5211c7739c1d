"""Agency codes: the two forms of the law, the shapes seen in traffic, and the rule between them.

``AgencyCode.parse(text)`` tells which form a code has; ``canonical()`` gives the form this router works with: QĐ
20/2020 art. 4, general to specific (``H53.31.22``), which also is an AMQP topic: ``H53.#`` is a whole province. The 13
characters of QCVN 102:2016 (``000.22.31.H53``, specific to general) are reversed by rule. The rule is only a default
(provinces renumbered their offices): :mod:`edxml_router.core.agencies.registry` asks its table of aliases first.

Fails with :class:`Refusal` only: EDX503 (not a code), EDX504 (an old code that no rule can map).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal

# QĐ 20/2020 art. 4; for opaque codes too, so that no code outgrows a routing key or a file name.
MAX_LENGTH = 35

BLANKS = " \t\r\n"  # what XML may put around a value; str.strip() would also eat control characters

# A code becomes a routing key and part of file names: no blanks, no slashes, none of AMQP's * and #.
_SAFE = re.compile(r"[A-Za-z0-9._-]+")
_TOP = re.compile(r"[A-Y][0-9]{2}")
_CANONICAL = re.compile(r"[A-Y][0-9]{2}(?:\.[0-9A-Z]+)*")
# QCVN 102:2016 has 3.2.2 digits. Three digits at levels 2 and 3 occur in real lists, as do codes without the
# first group (28.22.H17). Wider guesses are refused: a wrong address is worse than a refusal.
_LEGACY13 = re.compile(r"[0-9]{3}\.[0-9]{2,3}\.[0-9]{2,3}\.[A-Y][0-9]{2}")
_LEGACY3 = re.compile(r"[0-9]{2}\.[0-9]{2,3}\.[A-Y][0-9]{2}")
_THIRTEEN = re.compile(r"[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Y][0-9]{2}")
_SCHEME_ID = re.compile(r"Z[0-9]{2}")
_SCHEME = re.compile(r"Z(?:0[1-9]|[1-9][0-9])[0-9A-Z.]{1,32}")  # art. 6
_ENTERPRISE = re.compile(r"[0-9]{10}(?:[0-9]{3})?")  # art. 5: the registration number, 13 digits for a branch
_BRANCH_WITH_HYPHEN = re.compile(r"[0-9]{10}-[0-9]{3}")


class CodeForm(StrEnum):
    """How a code is written."""

    CANONICAL = "canonical"  # QĐ 20/2020: H53.31.22
    LEGACY13 = "legacy13"  # QCVN 102:2016: 000.22.31.H53
    LEGACY3 = "legacy3"  # the same without its first group: 22.31.H53
    SCHEME = "scheme"  # another organisation, under an identifier scheme Z01 … Z99
    ENTERPRISE = "enterprise"  # a business registration number
    TECHNICAL = "technical"  # opaque, e.g. vxp.saas.03; has a meaning only where it is registered


@dataclass(frozen=True, slots=True, order=True)
class AgencyCode:
    """A code as written (``text``, without surrounding blanks) and its form."""

    text: str
    form: CodeForm

    @classmethod
    def parse(cls, text: str) -> AgencyCode:
        """Tell the form of a code. Case is ignored, except in technical codes.

        Raises Refusal EDX503 with a detail that says what is wrong.
        """
        text = text.strip(BLANKS)
        if not text:
            raise Refusal("EDX503", detail=Detail("the code is empty"))
        if len(text) > MAX_LENGTH:
            raise Refusal(
                "EDX503",
                detail=Detail("{count} characters; a code has at most {most}", count=len(text), most=MAX_LENGTH),
            )
        if not _SAFE.fullmatch(text):
            raise _malformed(text, Detail("a code has letters A-Z, digits and dots only"))
        upper = text.upper()
        groups = upper.split(".")
        if "" in groups:
            raise _malformed(text, Detail("an empty group between dots"))
        if _TOP.fullmatch(groups[0]):
            if not _CANONICAL.fullmatch(upper):
                raise _malformed(text, Detail("a government code has letters A-Z, digits and dots only"))
            return cls(text, CodeForm.CANONICAL)
        if _SCHEME_ID.match(upper):
            if not _SCHEME.fullmatch(upper):
                raise _malformed(text, Detail("a scheme code is Z01 to Z99 and 1 to 32 letters, digits or dots"))
            return cls(text, CodeForm.SCHEME)
        if _TOP.fullmatch(groups[-1]):
            return cls(text, _legacy_form(text, upper))
        if _ENTERPRISE.fullmatch(text):
            return cls(text, CodeForm.ENTERPRISE)
        if _BRANCH_WITH_HYPHEN.fullmatch(text):
            raise _malformed(
                text, Detail("write a branch's number as 13 digits: {number}", number=text.replace("-", ""))
            )
        if not any(character.isalpha() for character in text):
            raise _malformed(text, Detail("a number that is neither an agency code nor of 10 or 13 digits"))
        return cls(text, CodeForm.TECHNICAL)

    @property
    def is_government(self) -> bool:
        """Whether the code has levels: both government forms do, the others are opaque."""
        return self.form in (CodeForm.CANONICAL, CodeForm.LEGACY13, CodeForm.LEGACY3)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups from general to specific; an opaque code is one group.

        An old code with a hole keeps the zero group (``001.00.10.H47`` is H47, 10, 00, 001): enough to know
        the province, which routing needs, without inventing a new code.
        """
        if self.form is CodeForm.CANONICAL:
            return tuple(self.text.upper().split("."))
        if not self.is_government:
            return (self.canonical(),)
        groups = self.text.upper().split(".")
        while not groups[0].strip("0"):
            del groups[0]
        return tuple(reversed(groups))

    @property
    def top(self) -> str:
        """The level-1 code (ministry, province); an opaque code is its own."""
        return self.groups[0]

    @property
    def level(self) -> int:
        """1 for a ministry or province, 2 for the level below, and so on; 0 for an opaque code."""
        return len(self.groups) if self.is_government else 0

    @property
    def has_hole(self) -> bool:
        """Whether an old code leaves a level empty above a used one, so that no rule maps it."""
        if self.form not in (CodeForm.LEGACY13, CodeForm.LEGACY3):
            return False
        return not all(group.strip("0") for group in self.groups)

    def canonical(self) -> str:
        """The code in the form of QĐ 20/2020, by the mechanical rule: groups reversed, empty ones dropped.

        Raises Refusal EDX504 where a zero group stands above a used one (``000.01.00.H53``): dropping it
        would name another agency, keeping it would invent a code.
        """
        if self.form is CodeForm.TECHNICAL:
            return self.text
        if self.form in (CodeForm.CANONICAL, CodeForm.SCHEME, CodeForm.ENTERPRISE):
            return self.text.upper()
        if self.has_hole:
            raise Refusal(
                "EDX504", detail=Detail("{code}: a level is empty although a lower one is used", code=self.text)
            )
        return ".".join(self.groups)

    def known_as(self) -> str:
        """The code under which a catalogue lists the agency: the canonical one, or an old code with its hole."""
        return self.text.upper() if self.has_hole else self.canonical()

    def legacy13(self) -> str | None:
        """The 13 characters of QCVN 102:2016, or None where the code does not fit into them."""
        if self.form is CodeForm.LEGACY13:
            old = self.text.upper()
        elif self.form is CodeForm.LEGACY3:
            old = f"000.{self.text.upper()}"
        else:
            groups = self.groups
            padded = groups + ("00", "00", "000")[len(groups) - 1 :]
            if self.form is not CodeForm.CANONICAL or len(padded) != 4 or not all(g.strip("0") for g in groups):
                return None
            old = ".".join(reversed(padded))
        return old if _THIRTEEN.fullmatch(old) else None

    def is_under(self, prefix: str) -> bool:
        """Whether the code is ``prefix`` (canonical) or lies below it; nothing lies below an opaque code."""
        groups = self.groups
        return any(".".join(groups[:end]) == prefix for end in range(1, len(groups) + 1))

    def __str__(self) -> str:
        return self.text


def is_under(code: str, prefix: str) -> bool:
    """Whether canonical ``code`` is ``prefix`` or below it: ``H53.31`` is under ``H53``, not under ``H5``."""
    return code == prefix or code.startswith(f"{prefix}.")


def is_canonical(text: str) -> bool:
    """Whether ``text`` is a government code in canonical form as it stands (quick, for long lists)."""
    return len(text) <= MAX_LENGTH and _CANONICAL.fullmatch(text) is not None


def is_safe(text: str) -> bool:
    """Whether ``text`` could be an alias: harmless in a routing key or file name, even if it is not a code."""
    return len(text) <= MAX_LENGTH and _SAFE.fullmatch(text) is not None


def _legacy_form(text: str, upper: str) -> CodeForm:
    if _LEGACY13.fullmatch(upper):
        return CodeForm.LEGACY13
    if _LEGACY3.fullmatch(upper):
        return CodeForm.LEGACY3
    *numbers, top = upper.split(".")
    digits = "".join(numbers)
    if len(digits) == 7 and digits.isdigit():
        # 000.1137.H53 stands so in a published list: say what it may mean, but do not act on the guess.
        perhaps = f"{digits[:3]}.{digits[3:5]}.{digits[5:]}.{top}"
        told = Detail(
            "an old code has groups of 3, 2 and 2 digits before the letter group; perhaps {perhaps}", perhaps=perhaps
        )
        raise _malformed(text, told)
    raise _malformed(text, Detail("an old code has groups of 3, 2 and 2 digits before the letter group"))


def _malformed(text: str, why: str) -> Refusal:
    return Refusal("EDX503", detail=Detail("{text}: {why}", text=ascii(text), why=why))


@lru_cache(maxsize=65536)
def level_of(code: str) -> int:
    """How many groups a government code has (QĐ 20/2020, article 4); 0 for any other."""
    try:
        return AgencyCode.parse(code).level
    except Refusal:
        return 0
