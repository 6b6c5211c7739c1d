"""A tree of nodes whose commands need no process of their own."""

from __future__ import annotations

import subprocess
from pathlib import Path

from edxml_router.demo.tree import Tree
from tests.cli.conftest import call


class AskedTree(Tree):
    """Its commands run in this process, one at a time: a process for each costs half a second of a processor, and is
    not what these tests are about. What they print as JSON is held to its shape. The nodes run as they always do."""

    def run(self, name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        done = call("--config", self.config(name), *arguments)
        return subprocess.CompletedProcess(self.command(name), done.exit_code, done.stdout, done.stderr)
