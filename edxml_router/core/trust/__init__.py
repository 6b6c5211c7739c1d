"""Certificates, chains, what is known of revocation, and who may speak for whom."""
