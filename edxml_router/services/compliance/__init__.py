"""The controls of the law that concern an exchange: what each asks, and how this node stands."""
