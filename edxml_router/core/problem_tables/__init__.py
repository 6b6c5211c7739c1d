"""The rows of the problem table (data only; see :mod:`edxml_router.core.problems`).

Columns: code, slug, who acts, weight, HTTP status, exit status, English title and remedy, Vietnamese title
and remedy. Texts speak to the person who must act, and name the command or setting that helps.
"""

from __future__ import annotations

from edxml_router.core.problem_tables.axis import AXIS
from edxml_router.core.problem_tables.configuration import CONFIGURATION
from edxml_router.core.problem_tables.exchange import EXCHANGE
from edxml_router.core.problem_tables.faces import FACES
from edxml_router.core.problem_tables.flow import FLOW
from edxml_router.core.problem_tables.form import FORM, Row
from edxml_router.core.problem_tables.keeping import KEEPING
from edxml_router.core.problem_tables.letters import LETTERS
from edxml_router.core.problem_tables.people import PEOPLE
from edxml_router.core.problem_tables.policy import POLICY
from edxml_router.core.problem_tables.trust import TRUST

ROWS: tuple[Row, ...] = (
    *FORM,
    *AXIS,
    *LETTERS,
    *PEOPLE,
    *TRUST,
    *POLICY,
    *KEEPING,
    *FLOW,
    *EXCHANGE,
    *CONFIGURATION,
    *FACES,
)
