"""A node opened for a process that lasts and is not its worker: it has no transports, and follows its settings.

    with open_lasting(settings) as lasting:
        findings = lasting.renew_trust()       # now and then; None while no file of [trust] has changed
        lasting.reload(settings)               # other rules; raises ConfigErrors and changes nothing

A changed database is taken by another process only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from edxml_router.config import Settings
from edxml_router.core.problems import Finding
from edxml_router.credentials import sources, trust_files
from edxml_router.credentials.trust_files import Fingerprint
from edxml_router.disk.bell import READERS, FileBell
from edxml_router.wiring import judging
from edxml_router.wiring.composition import build_rules, open_node
from edxml_router.wiring.stored import StoredNode


@dataclass(slots=True)
class Lasting:
    """See the module."""

    node: StoredNode
    settings: Settings
    trust_seen: Fingerprint
    bell: FileBell | None = None  # of the readers, where somebody here waits

    def renew_trust(self) -> Sequence[Finding] | None:
        """Apply what has changed in the files of [trust] since the last look, as workers do: a blocked key must not
        wait for a person. What is wrong with them, or nothing; None when nothing has changed."""
        seen = trust_files.fingerprint(sources.paths(self.settings))
        if seen == self.trust_seen:
            return None
        self.trust_seen = seen
        self.node.rules, findings = sources.renewed(self.node.rules, self.settings)
        return findings

    def reload(self, settings: Settings) -> None:
        seen = trust_files.fingerprint(sources.paths(settings))  # before they are read
        self.node.rules = build_rules(settings)
        self.settings, self.trust_seen = settings, seen


@contextmanager
def open_lasting(settings: Settings, *, judges: bool = False) -> Iterator[Lasting]:
    """The node without its transports. ``judges``: this process judges envelopes, one at a time, as a worker does;
    otherwise it serves those who wait for mail, and hears their bell."""
    seen = trust_files.fingerprint(sources.paths(settings))
    with open_node(settings) as node:
        if not judges:
            with closing(FileBell(settings.node.data / READERS, listening=True)) as bell:
                yield Lasting(node, settings, seen, bell)
            return
        noted = judging.NotingJudge(settings.node.data / "judging")
        node.judging = noted
        try:
            yield Lasting(node, settings, seen)
        finally:
            noted.close()
