"""The real enforcer (server, sessions, journal) over ``FakeKernel``, in a thread, for tests of its callers."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from policy.client import EnforcerClient
from policy.compiler.ruleset import Ruleset
from policy.enforcer.enforcer import Enforcer
from policy.enforcer.fake import FakeKernel
from policy.enforcer.journal import Journal
from policy.enforcer.server import Server, listen
from policy.protocol import VERBS
from policy.settings import Settings
from tests.examples import settings as example_settings

RULESET = Ruleset("table inet gerbang {}\n", "0")
#: A test asks every verb, unless it is about roles.
ANYBODY = {"anybody": frozenset().union(*VERBS.values())}


@dataclass
class RunningEnforcer:
    socket: Path
    kernel: FakeKernel
    enforcer: Enforcer
    client: EnforcerClient


@contextmanager
def running_enforcer(
    tmp_path: Path,
    kernel: FakeKernel | None = None,
    settings: Settings | None = None,
    role: str | None = None,
) -> Iterator[RunningEnforcer]:
    """Run it; with a ``role`` only that role's verbs are answered. The journal in ``tmp_path`` stays."""
    settings = settings or example_settings(tmp_path)
    own = kernel is None
    kernel = kernel or FakeKernel()
    enforcer = Enforcer(settings, RULESET, kernel, Journal(settings.enforcer.journal))
    server = Server(enforcer, kernel, {os.getuid(): role or "anybody"}, VERBS if role else ANYBODY)
    stop, loop = asyncio.Event(), asyncio.new_event_loop()
    listener = listen(settings.enforcer.socket)

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(server.run(listener, stop))
        loop.run_until_complete(asyncio.sleep(0))  # let the aborted connections close
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    client = EnforcerClient(settings.enforcer.socket)
    try:
        yield RunningEnforcer(settings.enforcer.socket, kernel, enforcer, client)
    finally:
        client.close()
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        if own:
            kernel.close()
