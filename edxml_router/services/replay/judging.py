"""Judge a letter again by the rules and at the moment of its decision, or by those of today, and compare.

    replayed = replay(asked, "H53.31.22,2026/11/22,7/UBND-VP")
    replayed.same, replayed.differences

It is judged by :func:`edxml_router.pipeline.judge`, as acceptance judges, in a process of its own that may take as
much time as a letter may. By the rules of today it is judged at this moment: revocation lists of today say nothing
about what was current then. Nothing is written. What only the store could tell (another letter
with the same identity, how much a peer had brought) is not judged again, and said to be so.

The set of rules is the one that the entry of the decision names by its digest; of an altered one Refusal EDX634, and
where the entry names none, EDX629. Also raises what :mod:`edxml_router.services.replay.deciding` raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Literal

from edxml_router import __version__, pipeline
from edxml_router.config import Settings
from edxml_router.core.body import Body
from edxml_router.core.delivery.entries.facts import Grounds, envelope_facts
from edxml_router.core.delivery.journal import RULES_APPLIED
from edxml_router.core.detail import Detail
from edxml_router.core.link.skew import CODE as CLOCK_DIFFERS
from edxml_router.core.link.wire import Hop, Transfer
from edxml_router.core.problems import Refusal, Setback
from edxml_router.services.replay.deciding import PastDecision, decision_of, letter_of
from edxml_router.stages.acceptance.submission import Candidate, Submission
from edxml_router.stages.rules import Peer, PeerRole, Rules
from edxml_router.stages.rulesets.keeping import SET
from edxml_router.stages.rulesets.reading import read_rules
from edxml_router.wiring.composition import build_rules
from edxml_router.wiring.judging import judge_apart
from edxml_router.wiring.reading import ReadableDatabase

# Facts of an entry that the rules do not decide, or that are compared by themselves.
_ASIDE: Final = frozenset({"chains", "channel", "expires_at", "hops", "recipient_count", "recipients",
                           "recipients_sha256", "rules"})  # fmt: skip
BY_STORE: Final = frozenset({"EDX404"})  # refusals that only the store can tell
BY_MACHINE: Final = frozenset({"EDX113"})  # that depend on how fast a machine is
Outcome = Literal["accepted", "refused", "postponed"]
_TIME_MAX: Final = timedelta(minutes=1)  # whatever the settings of then say: the database may be anybody's
_BACKED: Final = (PeerRole.CHILD, PeerRole.PARENT)


@dataclass(frozen=True, slots=True)
class ReplayDifference:
    """One thing that came out otherwise; ``recipient`` where it is about one."""

    name: str
    then: str
    now: str
    recipient: str = ""


@dataclass(frozen=True, slots=True)
class ReplayedDecision:
    """A decision that was made again. ``unjudged``: why the outcome of then could not come out again, where only the
    store or the machine could tell; then it is not compared."""

    decided: PastDecision
    digests: Mapping[str, str]  # of what it was judged by now
    program: str  # the version that judged it then; empty where that is not known
    today: bool
    judged: Candidate
    differences: Sequence[ReplayDifference]
    unjudged: str = ""

    @property
    def same(self) -> bool:
        """Whether everything came out the same; not where something could not."""
        return not self.differences and not self.unjudged

    @property
    def outcome(self) -> Outcome:
        """Of judging it now: accepted, refused or put off."""
        return _outcome(self.judged)

    @property
    def code(self) -> str:
        """The problem that it has now; empty for none."""
        return self.judged.trouble.code if self.judged.trouble else ""

    @property
    def tools(self) -> Sequence[tuple[str, str, str]]:
        """What cannot be had as it was then: the version of the program and the schemas, each with that of then and
        that of now."""
        then, now = self.decided.rules.get("schema", ""), self.digests["schema"]
        found = [("program", self.program, __version__), ("schema", then[:16], now[:16])]
        return [(name, old, new) for name, old, new in found if old and old != new]


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a letter is judged by: the snapshot, the node's name, the digests, and the program's version."""

    rules: Rules
    here: str
    digests: Mapping[str, str]
    program: str
    at: datetime


def replay(
    asked: ReadableDatabase,
    document: str,
    recipient: str = "",
    today: Callable[[], tuple[str, Rules]] | None = None,
) -> ReplayedDecision:
    """Judge again. ``recipient``: of the routes only this agency's (canonical code). ``today``: the name and the rules
    of the node in force now; without it those of then."""
    decided = decision_of(asked, document)
    body = letter_of(asked, decided)
    if today is not None:
        here, rules = today()
        ground = _Ground(rules, here, rules.digests(), "", asked.now())
    else:
        ground = _then(asked, decided)
    judged = _judge(ground, decided, body)
    code = decided.line.entry.code
    unjudged = code if judged.trouble is None and code in BY_STORE | BY_MACHINE else ""
    differences = () if unjudged else tuple(_differences(decided, judged, recipient))
    return ReplayedDecision(decided, ground.digests, ground.program, today is not None, judged, differences, unjudged)


def _then(asked: ReadableDatabase, decided: PastDecision) -> _Ground:
    named = dict(decided.rules)
    digest = named.pop(SET, "")
    if not digest:
        raise Refusal("EDX629", where=decided.digest, detail=_kept_from(asked))
    past = read_rules(digest, asked.views.rule_parts)
    if dict(past.digests()) != named:
        raise Refusal("EDX634", where=digest[:16], detail=Detail("it gives other digests than the entry has"))
    return _Ground(past.rules, past.node, past.rules.digests(), past.program, decided.at)


def _kept_from(asked: ReadableDatabase) -> Detail:
    first = next(iter(asked.views.lines(event=RULES_APPLIED, limit=1)), None)
    if first is None or first.position is None:
        return Detail("no rules are kept here yet")
    return Detail("they are kept from position {position} of the journal on", position=first.position)


def _judge(ground: _Ground, decided: PastDecision, body: Body) -> Candidate:
    """As it was brought: all recipients first, and where others were accepted than the letter names, those of then, for
    an office may have chosen among them."""
    peer = ground.rules.peers.get(decided.line.entry.actor)
    submission = _submission(decided, body, peer)
    judged = _once(ground, submission)
    chosen = tuple(decided.recipients)
    if submission.transfer is None and chosen and judged.routes.keys() != decided.recipients.keys():
        again = _once(ground, Submission(body, submission.peer, submission.channel, chosen=chosen))
        judged = again if again.fit or not judged.fit else judged
    return judged


def _once(ground: _Ground, submission: Submission) -> Candidate:
    judge = partial(_judged_by, ground)
    [judged] = judge_apart(judge, [submission], min(ground.rules.limits.judging_time, _TIME_MAX))
    return judged


def _judged_by(ground: _Ground, submission: Submission) -> Candidate:
    return pipeline.judge(ground.rules, ground.here, submission, ground.at)


def _submission(decided: PastDecision, body: Body, peer: Peer | None) -> Submission:
    """What the peer brought. The manifest of a transfer is not kept: its recipients are those of the acceptance, its
    lifetime what was left of it; of a refused one nobody knows them, and they did not decide."""
    name = decided.line.entry.actor
    if peer is None or peer.role not in _BACKED:
        return Submission(body, name, decided.channel)
    hops = tuple(decided.hops) or (Hop(name, decided.at),)
    ends = decided.line.entry.facts.get("expires_at")
    expires = datetime.fromisoformat(str(ends)) if ends else decided.at
    transfer = Transfer(
        id="",
        envelope=body.digest,
        size=body.size,
        recipients=tuple(decided.recipients),
        generation=0,
        hops=hops,
        expires_at=expires,
        sent_at=decided.at,
    )
    return Submission(body, name, decided.channel, transfer)


def _differences(decided: PastDecision, judged: Candidate, recipient: str) -> Iterator[ReplayDifference]:
    entry = decided.line.entry
    if decided.outcome != _outcome(judged):
        yield ReplayDifference("outcome", decided.outcome, _outcome(judged))
    code = judged.trouble.code if judged.trouble else ""
    if entry.code != code:
        yield ReplayDifference("code", entry.code, code)
    row = judged.row
    if not decided.accepted or row is None or not judged.fit:
        return
    verdict = f"{row.indication}: {row.reason}" if row.reason else row.indication
    if entry.detail != verdict:
        yield ReplayDifference("signature", str(entry.detail), verdict)
    facts, now = _compared(entry.facts), _compared(envelope_facts(row, Grounds()))
    for name in sorted(facts.keys() | now.keys()) if facts else ():  # entries of early versions tell none
        if facts.get(name) != now.get(name):
            yield ReplayDifference(name, _shown(facts.get(name)), _shown(now.get(name)))
    for code in sorted(decided.recipients.keys() | judged.routes.keys()):
        then, following = decided.recipients.get(code, ""), str(judged.routes.get(code, ""))
        if then != following and (not recipient or code == recipient):
            yield ReplayDifference("route", then, following, code)


def _compared(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    found = {name: value for name, value in facts.items() if name not in _ASIDE}
    remarks = [one for one in facts.get("remarks", ()) if one != CLOCK_DIFFERS]  # of the neighbour's clock that day
    found.pop("remarks", None)
    return {**found, "remarks": remarks} if remarks else found


def _shown(value: Any) -> str:
    if value is None or value is False:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _outcome(judged: Candidate) -> Outcome:
    if judged.trouble is None:
        return "accepted"
    return "postponed" if isinstance(judged.trouble, Setback) else "refused"


def rules_today(settings: Settings) -> tuple[str, Rules]:
    """The name and the rules of a node as its settings and the files they name are now. Raises ConfigErrors."""
    return settings.node.name, build_rules(settings)
