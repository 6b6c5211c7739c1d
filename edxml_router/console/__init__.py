"""The pages for people: operators, auditors, managers, administrators, and clerks of offices without software.

They are written on the server and work without scripts; the gateway serves them under ``/console``. A page parses what
was asked, calls services, and shows what they answer.
"""
