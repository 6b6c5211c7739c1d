"""Commands about trust: whom to trust, who may sign for whom, and throw-away certificates."""
