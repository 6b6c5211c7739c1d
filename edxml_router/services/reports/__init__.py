"""Reports: the figures of the exchange, counted from the journal, and counted again."""
