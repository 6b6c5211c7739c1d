"""All cases, in the order of the report.

for case in CASES: case.judge(record)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edxml_router.conformance.cases.case import Case
from edxml_router.conformance.cases.receives import RECEIVES
from edxml_router.conformance.cases.sends import SENDS

CASES: Final[Sequence[Case]] = (*RECEIVES, *SENDS)
