"""The tables of whose database this is, what followed from restored back-ups and from new names, and which numbers
were given.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from edxml_router.store.database.columns import Instant, RouteName, Wording, metadata, words

identity = Table(
    "identity",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1, the only row
    words("node"),
    words("epoch"),  # random; another one since the journal was found shorter than it had been
    Column("copied_at", Instant),  # set in a back-up and nowhere else
)

epochs = Table(
    "epochs",
    metadata,
    Column("epoch", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("since", Instant, nullable=False),  # the newest entry that was left when it began
    words("reason", Wording),
    words("log", server_default=""),  # the name that the journal's log had: it signs nothing under it any more
)

# Who is asked to repeat, or told to send again, what was handed in since the back-up: one row for each neighbour
# and office, whatever happens how often.
recoveries = Table(
    "recoveries",
    metadata,
    Column("party", RouteName, primary_key=True),
    words("epoch"),
    Column("since", Instant, nullable=False),
    Column("ask_at", Instant, nullable=False),
    Column("done_at", Instant),
)

# The last such question of each neighbour.
resyncs = Table(
    "resyncs",
    metadata,
    Column("peer", Text, primary_key=True),
    words("epoch"),
    Column("at", Instant, nullable=False),
)

# Renames of neighbours and offices that the deliveries have followed already.
renames = Table(
    "renames",
    metadata,
    Column("party", RouteName, primary_key=True),  # the former one
    Column("now", RouteName, nullable=False),
    Column("at", Instant, nullable=False),
)

# The highest number of deliveries and of what is quarantined that must not be given again.
numbers = Table(
    "numbers",
    metadata,
    Column("name", Text, primary_key=True),  # of the table
    Column("last", BigInteger, nullable=False),
)
