"""The one JSON shape of each thing, for every face: command line, mailboxes of offices, and whatever comes."""
