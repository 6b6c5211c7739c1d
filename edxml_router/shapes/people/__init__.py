"""Accounts and sessions of people as JSON."""
