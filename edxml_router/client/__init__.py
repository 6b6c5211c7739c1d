"""A client for the HTTP gateway of a node, for the makers of e-office systems.

    from edxml_router.client import Client

    with Client("https://node.example.vn:8443", token=Path("token").read_text().strip()) as office:
        answer = office.submit(Path("letter.edxml"))           # ProblemError when it is refused
        for letter in office.letters():                        # for ever: waits while there is nothing
            office.fetch(letter["letter"], Path("inbox"))      # goes on where a broken download ended
            office.confirm(letter["letter"])

:class:`AsyncClient` has the same methods as coroutines. Answers are the JSON of the gateway (docs/shapes.md), typed.
Passing trouble (a 503, a broken line) is waited out, for a while; every call may be repeated without harm.
"""

from edxml_router.client.asynchronous import AsyncClient
from edxml_router.client.problem import ProblemError
from edxml_router.client.synchronous import Client

__all__ = ["AsyncClient", "Client", "ProblemError"]
