"""Offices that are attached by a folder: what they lay there is handed in, and their letters are laid there."""
