"""Words of people that were erased on purpose, as values, and the entry that tells of it.

    redaction = Redaction(now, digest, "H53.31", (commitment,), "operator:an", "91/2025/QH15:14")
    redaction.entry()                      # names the commitments, and none of the words

An entry commits to such words by a salted digest (:mod:`edxml_router.core.delivery.entries.reasons`). Erased are the
words and the salt; after that nobody can tell, or try out, what they were, and every proof of the entry stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edxml_router.core.delivery.journal import WORDS_REDACTED, Entry
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal

RULE: Final = "redaction"  # by which a letter goes that is removed with the words
GROUND_LENGTH_MAX: Final = 60  # characters
_GROUND: Final = re.compile(r"[\w./:-]{2,60}")


@dataclass(frozen=True, slots=True)
class Redaction:
    """What was erased of one envelope, and of what one recipient's office wrote. ``commitments``: those of the words;
    ``ground``: the number of the law, order or request, or ``retention:`` and the rule whose term was over;
    ``letter``: the letter's bytes were removed as well."""

    at: datetime
    digest: str
    recipient: str
    commitments: tuple[str, ...]
    actor: str
    ground: str
    letter: bool = False

    def entry(self) -> Entry:
        """The entry that tells of it."""
        facts: dict[str, object] = {"ground": self.ground}
        if self.commitments:
            facts["reasons_sha256"] = sorted(self.commitments)
        if self.letter:
            facts["letter"] = True
        return Entry(self.at, WORDS_REDACTED, self.digest, self.recipient, actor=self.actor, facts=facts)


def ground_of_rule(rule: str) -> str:
    """The ground where the term of a rule of [retention] is over."""
    return f"retention:{rule}"


def redaction_of(entry: Entry) -> Redaction | None:
    """What an entry tells; None where it is of something else."""
    if entry.event != WORDS_REDACTED:
        return None
    named, facts = entry.facts.get("reasons_sha256", ()), entry.facts
    commitments = tuple(map(str, named)) if isinstance(named, list) else ()
    ground, letter = str(facts.get("ground", "")), facts.get("letter") is True
    return Redaction(entry.at, entry.envelope, entry.recipient, commitments, entry.actor, ground, letter)


def require_ground(text: str) -> str:
    """The ground in the form in which it is journalled. It stays for ever, so it is a number and never a sentence, in
    which a person could be named again. Raises Refusal EDX687."""
    ground = text.strip()
    if not _GROUND.fullmatch(ground) or not any(each.isdecimal() for each in ground):
        told = Detail("a number without spaces is needed, of at most {most} characters", most=GROUND_LENGTH_MAX)
        raise Refusal("EDX687", where="--ground", detail=told)
    return ground
