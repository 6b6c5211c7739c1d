"""Whoever must know is told, by mail or by a call: operators of what needs them, offices of letters in their inbox."""
