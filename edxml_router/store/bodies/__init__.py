"""The bytes of accepted envelopes."""
