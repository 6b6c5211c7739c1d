"""The conformance kit: it is the other side of an e-office product under test, and reports which rules it holds to.

    record = Trial(line, paper, agency, steps(), cases, told).run(wait)      # sends, watches, takes what comes
    shape = conformance_shape(record, cases, run)                              # a verdict on each case

``line`` is the way to a node, where the kit has an office of its own (:mod:`edxml_router.conformance.lines.line`). The
kit knows of the tested system what any correspondent knows: whether a letter was confirmed or returned, which statuses
and letters came. So it needs nothing from the product but that it is connected.
"""
