"""Certificates, chains, revocation, and who may sign for whom."""
