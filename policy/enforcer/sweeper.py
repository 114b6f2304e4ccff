"""Forgets flows beside the hot path: a walk of the flow table takes milliseconds, a grant must not wait for it.

It may be late without harm, because the rules judge every packet by sets. It releases what flows hold, and ends
flows that were caught by the portal under a verdict that is no longer theirs.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection

from policy.enforcer.conntrack import Conntrack
from policy.enforcer.kernel import KernelError
from policy.enforcer.nftables import Sets
from policy.model import Address

log = logging.getLogger(__name__)

#: From one walk of the table to the next, seconds: at 11 ms a walk, a tenth of one core in a burst of grants.
_PAUSE = 0.1


class Sweeper:
    """A thread with sockets of its own, all in the network namespace of the thread that makes it."""

    def __init__(self, own: Collection[bytes]) -> None:
        """``own``: the gateway's packed LAN addresses; flows to them stay."""
        self._own = frozenset(own)
        self._conntrack = Conntrack()
        self._sets = Sets()
        self._waiting: set[Address] = set()
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="sweeper", daemon=True)
        self._thread.start()

    def add(self, addresses: Collection[Address]) -> None:
        """Have the flows of these phones' addresses forgotten soon."""
        with self._changed:
            self._waiting.update(addresses)
            self._changed.notify()

    def close(self) -> None:
        """Stop after what waits now."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()
        self._conntrack.close()
        self._sets.close()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                addresses, self._waiting = self._waiting, set()
            if addresses:
                self._sweep(addresses)
            with self._changed:
                if self._stopping and not self._waiting:
                    return
                self._changed.wait_for(lambda: self._stopping, _PAUSE)

    def _sweep(self, addresses: set[Address]) -> None:
        try:
            # The garden is open to everybody, before and after: its flows stay too.
            keep = self._own.union(self._sets.timeouts("garden4"), self._sets.timeouts("garden6"))
            gone = self._conntrack.forget(addresses, keep)
        except KernelError as error:
            log.error("flows of %d address(es) stay until they time out: %s", len(addresses), error)
        else:
            log.debug("forgot %d flows of %d address(es)", gone, len(addresses))
