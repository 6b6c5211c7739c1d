"""The mailbox of an office without software of its own: what came, what is written, what was sent.

Every path is within the office that the clerk's account names; no address has an office in it.
"""
