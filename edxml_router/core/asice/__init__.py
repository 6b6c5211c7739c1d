"""Containers of evidence: ASiC-E with CAdES (ETSI EN 319 162-1), in one form only."""
