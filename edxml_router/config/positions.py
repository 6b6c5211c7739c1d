"""Where each setting stands in a TOML file: ``positions(text)[("offices", 0, "name")]`` is its line.

``tomllib`` gives values but not lines. This scanner gives lines but not values: it walks over a text that ``tomllib``
has already accepted, so it need not notice mistakes, only find its way (comments, four kinds of strings, nested arrays,
dotted keys, inline tables). It never fails: on a text that is not TOML its answers mean nothing. Rejected: a second
TOML parser as a dependency, which could read a file differently.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Place = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]*")
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}


def positions(text: str) -> Mapping[Place, int]:
    """The line (from 1) on which every key, table and array element of ``text`` begins."""
    return _Scanner(text).scan()


def line_of(found: Mapping[Place, int], path: Place) -> int:
    """The line of ``path``, or of the nearest thing around it that is in the file; 1 when nothing is."""
    while path and path not in found:
        path = path[:-1]
    return found.get(path, 1)


def dotted(path: Place) -> str:
    """``offices[2].name`` for ``("offices", 1, "name")``: people count from one."""
    text = ""
    for step in path:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return text


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Place, int] = {}
        self.counts: dict[Place, int] = {}  # elements of each [[array of tables]] so far

    def scan(self) -> Mapping[Place, int]:
        table: Place = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            before = self.at
            if self._peek("["):
                table = self._header()
            else:
                self._assignment(table)
            self._skip(_BLANK)
            if self.at == before:  # not TOML: give up rather than loop
                break
        return self.found

    def _header(self) -> Place:
        start = self.at
        array = self._peek("[[")
        self.at += 2 if array else 1
        keys = self._keys()
        self.at += 2 if array else 1
        path: Place = ()
        for number, key in enumerate(keys, start=1):
            path += (key,)
            if array and number == len(keys):
                self._note(path, start)
                self.counts[path] = self.counts.get(path, 0) + 1
            if path in self.counts:  # the name of an array means its newest element
                path += (self.counts[path] - 1,)
            self._note(path, start)
        return path

    def _assignment(self, table: Place) -> None:
        start = self.at
        path = table
        for key in self._keys():
            path += (key,)
            self._note(path, start)
        self.at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: Place) -> None:
        if self._peek("["):
            self.at += 1
            number = 0
            self._skip(_BLANK)
            while self.at < len(self.text) and not self._peek("]"):
                before = self.at
                self._note((*path, number), self.at)
                self._value((*path, number))
                number += 1
                self._separator()
                if self.at == before:
                    return
            self.at += 1
        elif self._peek("{"):
            self.at += 1
            self._skip(_BLANK)
            while self.at < len(self.text) and not self._peek("}"):
                before = self.at
                self._assignment(path)
                self._separator()
                if self.at == before:
                    return
            self.at += 1
        elif self._peek('"') or self._peek("'"):
            self._string()
        else:
            self._skip(_SCALAR)

    def _separator(self) -> None:
        self._skip(_BLANK)
        if self._peek(","):
            self.at += 1
            self._skip(_BLANK)

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(_SPACE)
            if self._peek('"') or self._peek("'"):
                keys.append(self._string())
            else:
                match = _BARE.match(self.text, self.at)
                keys.append(match.group() if match else "")
                self.at = match.end() if match else self.at
            self._skip(_SPACE)
            if not self._peek("."):
                return keys
            self.at += 1

    def _string(self) -> str:
        quote = self.text[self.at]
        mark = quote * 3 if self._peek(quote * 3) else quote
        self.at += len(mark)
        start = self.at
        while self.at < len(self.text) and not self._peek(mark):
            self.at += 2 if quote == '"' and self._peek("\\") else 1
        body = self.text[start : self.at]
        self.at += len(mark)
        while len(mark) == 3 and self._peek(quote):  # """…"" ends with up to two quotes of its own
            self.at += 1
        return _ESCAPE.sub(_unescape, body) if quote == '"' else body

    def _note(self, path: Place, at: int) -> None:
        self.found.setdefault(path, self.text.count("\n", 0, at) + 1)

    def _peek(self, text: str) -> bool:
        return self.text.startswith(text, self.at)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at


def _unescape(match: re.Match[str]) -> str:
    escape: str = match[1]
    if escape[0] in "uU" and len(escape) > 1:
        return chr(int(escape[1:], 16))
    return _ESCAPES.get(escape, escape)
