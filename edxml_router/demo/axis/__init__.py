"""A test axis on this machine, for the makers of e-office systems: two real nodes with their gateways, an office that
answers by itself, and troubles on request.

    with TrialAxis(folder) as axis:          # :mod:`edxml_router.demo.axis.trial`
        axis.offices["van-thu"].url, axis.tokens["van-thu"]
        axis.planted.plant("van-thu", "lost-answer", times=2)
"""
