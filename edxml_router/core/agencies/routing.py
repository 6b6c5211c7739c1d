"""The next hop to an agency: an office served here, a child, a peer, or the parent.

``Routes.build(...)`` from the configuration, then ``next_hop(code)``: an agency served here wins, then the longest
prefix claimed by a link, dot by dot; everything else goes to the parent. A node without a parent refuses agencies that
nobody serves. Opaque codes (``vxp.saas.03``) have no levels and must be claimed whole.

Fails with :class:`Refusal`: EDX505 (no route), EDX901 (one code claimed twice), EDX503 (no agency code).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from edxml_router.core.agencies.code import AgencyCode
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal


@dataclass(frozen=True, slots=True)
class Local:
    """The agency is served here, by this office."""

    office: str


@dataclass(frozen=True, slots=True)
class Via:
    """The agency lives behind this link."""

    link: str


@dataclass(frozen=True, slots=True)
class Routes:
    """The routes of a node, an immutable snapshot."""

    served: Mapping[str, str]  # canonical code → office
    claims: Mapping[str, str]  # prefix or code → link
    parent: str | None = None
    rest: str | None = None  # the office that everything else goes to, where there is no parent: an axis

    @classmethod
    def build(
        cls,
        served: Mapping[str, str],
        children: Mapping[str, Iterable[str]] | None = None,
        parent: str | None = None,
        rest: str | None = None,
    ) -> Routes:
        """Routes from ``served`` (code → office) and the prefixes and codes that each child claims.

        Codes may be written in any form. Raises Refusal EDX901 when two offices or two links claim the same.
        """
        here: dict[str, str] = {}
        claims: dict[str, str] = {}
        for text, office in served.items():
            _claim(here, text, office, "offices")
        for link, entries in (children or {}).items():
            for text in entries:
                _claim(claims, text, link, "children")
        return cls(here, claims, parent, rest)

    def next_hop(self, code: str) -> Local | Via:
        """Where an envelope to this agency goes next. Raises Refusal EDX505 when nobody serves it."""
        if code in self.served:
            return Local(self.served[code])
        for prefix in _prefixes(code):
            if prefix in self.claims:
                return Via(self.claims[prefix])
        if self.parent is None and self.rest is not None:
            return Local(self.rest)
        if self.parent is None:
            raise Refusal("EDX505", detail=code)
        return Via(self.parent)

    def under(self, link: str) -> tuple[str, ...]:
        """The prefixes and codes that a link claims, sorted; empty for the parent, which gets the rest."""
        return tuple(sorted(prefix for prefix, owner in self.claims.items() if owner == link))

    def explain(self, code: str) -> tuple[Detail, ...]:
        """How :meth:`next_hop` decides, one line per step."""
        if code in self.served:
            return (Detail("{code} is served here by office {name}", code=code, name=self.served[code]),)
        lines = [Detail("{code} is served by no office of this node", code=code)]
        for prefix in _prefixes(code):
            if prefix in self.claims:
                owner = Detail("prefix {prefix} belongs to link {name}", prefix=prefix, name=self.claims[prefix])
                return (*lines, owner)
            lines.append(Detail("no link claims {prefix}", prefix=prefix))
        if self.parent is None and self.rest is not None:
            return (*lines, Detail("everything else goes to {name}", name=self.rest))
        if self.parent is None:
            return (*lines, Detail("this node has no parent, so there is no route"))
        return (*lines, Detail("everything else goes to the parent, link {name}", name=self.parent))


def _prefixes(code: str) -> Iterator[str]:
    """The code and those above it, longest first. An old code with a hole counts as the code it lies under."""
    yield code
    groups = AgencyCode.parse(code).groups
    for end in range(len(groups), 0, -1):
        if (prefix := ".".join(groups[:end])) != code:
            yield prefix


def _claim(claims: dict[str, str], text: str, owner: str, section: str) -> None:
    canonical = AgencyCode.parse(text).known_as()
    if claims.setdefault(canonical, owner) != owner:
        detail = Detail("{canonical} belongs to {claims} already", canonical=canonical, claims=claims[canonical])
        raise Refusal("EDX901", where=f"{section}.{owner}", detail=detail)
