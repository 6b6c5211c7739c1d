"""Whoever is told of mail at the commit: those who wait at the gateway, and those who are called."""
