"""Revocation lists and the answers of responders: fetched, asked, kept."""
