"""Proof that can be carried away: signed checkpoints of the journal, cosignatures, and paths in its tree."""
