"""Signatures: their form, their verdict, the two engines, and signing."""
