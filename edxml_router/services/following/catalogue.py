"""The catalogue of a node that is open already, for a face that shows agencies.

    names = AgencyNames(node)
    names["H53.31.22"]                       # empty where nobody knows the code
    found = agencies.find(registry_of(node), ["tay", "ninh"])
"""

from __future__ import annotations

from edxml_router.core.agencies.registry import Registry
from edxml_router.stages.node import Node


class AgencyNames(dict[str, str]):
    """Names by code, looked up when a page asks for one."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._registry = node.rules.registry

    def __missing__(self, code: str) -> str:
        one = self._registry.get(code)
        self[code] = one.name if one is not None else ""
        return self[code]


def registry_of(node: Node) -> Registry:
    """The catalogue in force."""
    return node.rules.registry
