"""Portal workers without a portal: processes of the portal's user that ask the enforcer as fast as they can."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from uuid import uuid4

from deploy.benchmarks.errors import BenchError
from deploy.benchmarks.gateway import GRANT_SECONDS
from deploy.benchmarks.phones import Phone
from deploy.lab.configuration import UIDS
from policy.client import EnforcerClient, EnforcerUnavailable
from policy.protocol import Refused

#: As many as a portal on two cores has (``portal.workers``), and as many calls at once as a client keeps
#: connections for.
WORKERS = 2
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Callers:
    """The workers; both methods give the calls per second, from the first one's start to the last one's answer."""

    pool: ProcessPoolExecutor
    socket: Path

    def admit(self, numbers: Sequence[int]) -> float:
        """Let these phones pass."""
        return self._all(_admit, numbers)

    def look(self, numbers: Sequence[int]) -> float:
        """Ask about these phones: the same way through the socket, and no change in the kernel."""
        return self._all(_look, numbers)

    def _all(self, work: Callable[[Path, Sequence[int]], tuple[float, float]], numbers: Sequence[int]) -> float:
        shares = [numbers[first::WORKERS] for first in range(WORKERS)]
        times = list(self.pool.map(work, [self.socket] * WORKERS, shares))
        return len(numbers) / (max(end for _, end in times) - min(begin for begin, _ in times))


@contextmanager
def callers(socket: Path) -> Iterator[Callers]:
    """Workers that speak to the enforcer behind ``socket``."""
    with ProcessPoolExecutor(WORKERS, get_context("spawn"), os.setuid, (UIDS["portal"],)) as pool:
        made = Callers(pool, socket)
        made.look(range(WORKERS * _AT_ONCE))  # started and warm before the first one counts
        yield made


def _admit(socket: Path, numbers: Sequence[int]) -> tuple[float, float]:
    def admit(client: EnforcerClient, phone: Phone) -> None:
        client.admit(str(uuid4()), phone.mac, phone.ipv4, GRANT_SECONDS)

    return _at_once(socket, admit, numbers)


def _look(socket: Path, numbers: Sequence[int]) -> tuple[float, float]:
    return _at_once(socket, lambda client, phone: client.look(phone.ipv4), numbers)


def _at_once(
    socket: Path, call: Callable[[EnforcerClient, Phone], object], numbers: Sequence[int]
) -> tuple[float, float]:
    client = EnforcerClient(socket, timeout=30.0)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        began = time.monotonic()
        try:
            list(threads.map(lambda number: call(client, Phone(number)), numbers))
        except (EnforcerUnavailable, Refused) as error:
            raise BenchError(f"the enforcer does not do what its callers ask: {error}") from None
        ended = time.monotonic()
    client.close()
    return began, ended
