"""How a table fits a terminal: which columns are shown, and which may break their lines.

    layout = table_layout(("id", "document", "problem", "envelope"), rows, width=80, spare=("envelope",))
    layout.shown       # indices of the columns that stay
    layout.left_out    # names of those for which there was no room

An id, a code or a moment that is broken over two lines can be neither read nor copied. So those keep their width, and
sentences break between words. Where that is not enough, columns go, those first that the caller named as spare first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len

# Columns of sentences: they may break between words.
PROSE: Final = frozenset(
    {"check", "detail", "name", "note", "place", "problem", "proof", "reason", "route", "title", "value"}
)
_NARROW: Final = 20  # cells: a column of sentences is not made narrower than that, unless its words are shorter
TABLE_GAP: Final = 2  # cells between two columns
_EDGES: Final = 2  # cells: one on each side


@dataclass(frozen=True, slots=True)
class TableLayout:
    """``shown``: indices of columns; ``firm``: those of them that keep their whole width; ``left_out``: names."""

    shown: tuple[int, ...]
    firm: frozenset[int]
    left_out: tuple[str, ...]


def table_layout(
    columns: Sequence[str], cells: Sequence[Sequence[str]], *, width: int, spare: Sequence[str] = ()
) -> TableLayout:
    """The layout of a table whose first row of ``cells`` are the heads, in a terminal of ``width`` cells.

    If it does not fit without all that is ``spare``, nothing is firm: better broken than not there.
    """
    least = [_least(name, [row[number] for row in cells]) for number, name in enumerate(columns)]
    shown, left_out = list(range(len(columns))), []
    for name in spare:
        if _taken(least, shown) <= width:
            break
        if name in columns:
            shown.remove(columns.index(name))
            left_out.append(name)
    fits = _taken(least, shown) <= width
    firm = frozenset(number for number in shown if fits and columns[number] not in PROSE)
    return TableLayout(tuple(shown), firm, tuple(left_out))


def _least(name: str, cells: Sequence[str]) -> int:
    """The cells that a column needs at least."""
    if name not in PROSE:
        return max(map(cell_len, cells))
    longest_word = max((cell_len(word) for cell in cells for word in cell.split()), default=0)
    return min(max(map(cell_len, cells)), max(longest_word, _NARROW))


def _taken(least: Sequence[int], shown: Sequence[int]) -> int:
    return sum(least[number] for number in shown) + TABLE_GAP * (len(shown) - 1) + _EDGES
