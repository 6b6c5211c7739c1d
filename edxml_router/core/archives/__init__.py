"""Packages for archives, as the E-ARK specifications have them: what stands in their files, from values alone."""
