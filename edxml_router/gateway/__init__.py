"""The HTTP gateway: a face for e-offices. It parses, calls services and shows; it decides nothing.

A request comes through :mod:`~edxml_router.gateway.server` into a route, which knows its caller
(:mod:`~edxml_router.gateway.callers`) and talks to the :class:`~edxml_router.gateway.desk.Desk`, and to nothing else.
"""
