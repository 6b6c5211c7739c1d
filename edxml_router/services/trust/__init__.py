"""Whom a node trusts and who may sign for whom: what people may change of it, and how long it holds."""
