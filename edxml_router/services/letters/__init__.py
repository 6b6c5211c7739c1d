"""Letters from values: an office says what is to be written, and the node writes, addresses and seals the edXML.

    draft = drafts.read("status", b'{"letter": "9f31…", "code": "03"}', reading)
    written = writing.write(source, draft, files)          # one message for each party that hears of it
    letters.hand_in(desk, written)                           # sealed, or kept until the office has signed
"""
