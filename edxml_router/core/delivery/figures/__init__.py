"""The figures of the exchange: what a report asks, when mail is late, and what was counted."""
