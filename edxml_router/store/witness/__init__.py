"""Neighbours' checkpoints that were cosigned here, and cosignatures of neighbours."""
