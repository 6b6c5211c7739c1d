"""The gateway of a node: ``python -m edxml_router.gateway FILE SUPERVISOR PINS``, started by the supervisor, or
:func:`run` in a thread of it, which tells it what signals tell a process.

SIGTERM stops listening, answers what is under way, and ends; SIGHUP takes the settings and the certificate's files as
they are now, but for the addresses, which a new process takes. When the supervisor is gone it ends as on SIGTERM. Exit
status 0, 70 after a defect, 75 when the database is away or an address is taken (EDX919), 78 for the configuration
(EDX918: an address, a certificate).
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path

from edxml_router.config import ConfigErrors, GatewaySettings, Settings, load
from edxml_router.config.faces.gateway_checks import listen_address
from edxml_router.config.in_force import pinned
from edxml_router.core.problems import EXIT_CONFIG, EXIT_SOFTWARE, EXIT_TEMPORARY, Refusal, Setback
from edxml_router.gateway import server
from edxml_router.gateway.application import build
from edxml_router.gateway.desk import Desk
from edxml_router.gateway.entrance import listen_on
from edxml_router.gateway.telling.calling import call_offices
from edxml_router.observe import events
from edxml_router.observe.logs import configure
from edxml_router.observe.orders import Orders, SignalOrders
from edxml_router.services.bulk.running import JobRunner
from edxml_router.wiring.lasting import Lasting, open_lasting

LOOK_SECONDS = 0.5  # between looks whether the supervisor is there


class Gateway:
    """One run of it."""

    def __init__(self, path: Path, orders: Orders, pins: Mapping[str, str]) -> None:
        self._path = path
        self._orders = orders
        self._pins = pins

    def run(self) -> int:
        settings = self._load()
        gateway = settings.gateway
        if gateway is None:  # taken out meanwhile: the supervisor will know
            return 0
        configure(settings.log.format, settings.log.level, node=settings.node.name, data=settings.node.data)
        _let_many_connect()
        with open_lasting(settings) as lasting:
            asyncio.run(self._serve(lasting, gateway))
        events.gateway_ended(os.getpid())
        return 0

    async def _serve(self, lasting: Lasting, gateway: GatewaySettings) -> None:
        tls = server.tls_context(gateway)
        sockets = listen_on([listen_address(text) for text in gateway.listen], gateway)
        desk = Desk(lasting, gateway)
        serving = server.server_of(build(desk), gateway, tls)
        loop = asyncio.get_running_loop()

        def end() -> None:
            serving.should_exit = True
            desk.end()

        def reload() -> None:
            try:
                settings = self._load()
                if settings.gateway is None or settings.gateway.listen != gateway.listen:
                    end()
                    return
                if tls is not None and settings.gateway.certificate is not None:
                    server.load_certificate(tls, settings.gateway)
                desk.reload(settings)
            except ConfigErrors as errors:
                events.reload_refused(errors.findings)
            except (Refusal, Setback) as trouble:
                events.reload_refused([trouble.finding])
            else:
                events.reloaded()

        def told() -> None:
            self._orders.clear()
            if self._orders.take_reload():
                reload()
            if self._orders.ending:
                end()

        def look() -> None:
            told()
            loop.call_later(LOOK_SECONDS, look)

        desk.start()
        runner = _runner(desk)
        self._orders.listen()
        loop.add_reader(self._orders.fileno(), told)
        look()
        events.gateway_started(os.getpid(), [_shown(one.getsockname()) for one in sockets])
        calling = asyncio.create_task(call_offices(desk))
        await serving._serve([*sockets])  # serve() would take the signals
        calling.cancel()  # a call that is under way is made again, with the same id
        await asyncio.wait([calling])
        if runner is not None:
            await asyncio.to_thread(runner.close)
        await desk.close()

    def _load(self) -> Settings:
        return pinned(load(self._path), self._pins)


def _runner(desk: Desk) -> JobRunner | None:
    """Who does the jobs of the console, where there is one."""
    if desk.settings.console is None:
        return None
    runner = JobRunner(lambda: desk.node)
    runner.start()
    return runner


def _shown(name: tuple[str | int, ...]) -> str:
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


def _let_many_connect() -> None:
    """As many descriptors as this account may have: each connection takes one, and the usual bound is a thousand."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def run(path: Path, pins: Mapping[str, str], orders: Orders) -> int:
    """The gateway from its start to its end; returns its exit status."""
    try:
        return Gateway(path, orders, pins).run()
    except ConfigErrors as errors:
        events.reload_refused(errors.findings)
        return EXIT_CONFIG
    except Refusal as refusal:  # a file of the settings, or an address
        events.reload_refused([refusal.finding])
        return EXIT_CONFIG
    except Setback as setback:  # the database is away, an address is taken; the supervisor tries again
        events.setback(setback.finding)
        return EXIT_TEMPORARY
    except Exception as error:  # noqa: BLE001  # the log tells where, without the message; the supervisor starts anew
        events.defect("gateway", error)
        return EXIT_SOFTWARE


def main() -> int:
    configure("auto", "info")  # until the settings say otherwise
    return run(Path(sys.argv[1]), json.loads(sys.argv[3]), SignalOrders(int(sys.argv[2])))


if __name__ == "__main__":
    sys.exit(main())
