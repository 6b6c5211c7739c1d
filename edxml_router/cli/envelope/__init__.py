"""Commands for envelopes as files, without a node and without a configuration."""
