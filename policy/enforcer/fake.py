"""A small kernel in memory: the same interface, the same refusals, a clock that tests move."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence

from policy.compiler.ruleset import Ruleset
from policy.enforcer.kernel import KernelError, Neighbour, NeighboursLost
from policy.model import Address, Binding, Mac, Usage
from policy.plan import Change, Close, Learn, Open


class FakeKernel:
    """Holds what a kernel would hold; ``pass_time`` expires it, ``carry`` counts traffic as the rules would."""

    def __init__(self) -> None:
        self.ruleset: Ruleset | None = None
        self.forgotten: list[Address] = []
        self.transactions = 0
        self.refuse_next: str | None = None
        self.boot = "00000000-0000-0000-0000-000000000001"
        self._clock = 1_000.0
        self._epoch = 1_700_000_000.0
        self._open: dict[Binding, float] = {}
        self._garden: dict[Address, float] = {}
        self._counters: dict[bytes, Usage] = {}
        self._neighbours: dict[Address, Mac] = {}
        self._events: list[Neighbour] = []
        self._overflowed = False
        self._readable, self._writable = os.pipe()

    def close(self) -> None:
        """Release the pipe behind ``fileno``."""
        os.close(self._readable)
        os.close(self._writable)

    def install(self, ruleset: Ruleset) -> None:
        """Keep what is open, as the real installation does."""
        self.ruleset = ruleset

    def apply(self, changes: Sequence[Change]) -> None:
        """All or nothing."""
        if self.refuse_next is not None:
            reason, self.refuse_next = self.refuse_next, None
            raise KernelError(reason)
        self.transactions += 1
        for change in changes:
            match change:
                case Open(binding, seconds):
                    self._open[binding] = self._clock + seconds
                case Close(binding):
                    self._open.pop(binding, None)
                case Learn(address, seconds):
                    self._garden[address] = self._clock + seconds

    def opened(self) -> Mapping[Binding, int]:
        """What has not timed out."""
        return {b: int(end - self._clock) for b, end in self._open.items() if end > self._clock}

    def counters(self) -> Mapping[bytes, Usage]:
        """A snapshot."""
        return dict(self._counters)

    def counters_of(self, addresses: Iterable[Address]) -> Mapping[bytes, Usage]:
        """A snapshot of some."""
        wanted = (a.packed for a in addresses)
        return {key: self._counters[key] for key in wanted if key in self._counters}

    def forget_flows(self, addresses: Collection[Address]) -> None:
        """Only remembered: a fake has no flows."""
        self.forgotten.extend(addresses)

    def neighbours(self) -> Iterable[Neighbour]:
        """The whole table."""
        self._drain()
        return [Neighbour(address, mac) for address, mac in self._neighbours.items()]

    def neighbour(self, address: Address) -> Mac | None:
        """The table, waiting events or not."""
        return self._neighbours.get(address)

    def fileno(self) -> int:
        """Readable when ``move`` was called since the last drain."""
        return self._readable

    def neighbour_events(self) -> list[Neighbour]:
        """What ``move`` said since the last call."""
        lost, events = self._overflowed, self._events
        self._drain()
        if lost:
            raise NeighboursLost("events overflowed")
        return events

    def boot_id(self) -> str:
        """Changed by ``reboot``."""
        return self.boot

    def monotonic(self) -> float:
        """Moves only by ``pass_time``."""
        return self._clock

    def wall(self) -> float:
        """Moves by ``pass_time``, steps by ``step_wall``."""
        return self._epoch

    # What a test does to it.

    def pass_time(self, seconds: float) -> None:
        """Let both clocks run, and timeouts with them."""
        self._clock += seconds
        self._epoch += seconds
        self._open = {b: end for b, end in self._open.items() if end > self._clock}

    def step_wall(self, seconds: float) -> None:
        """Set the wall clock as NTP would."""
        self._epoch += seconds

    def reboot(self) -> None:
        """Lose everything that a kernel loses."""
        self.boot = self.boot[:-1] + str((int(self.boot[-1]) + 1) % 10)
        self._clock = 10.0
        self.ruleset = None
        for table in (self._open, self._garden, self._counters, self._neighbours):
            table.clear()
        self._drain()

    def move(self, address: Address, mac: Mac | None) -> None:
        """Change the neighbour table and say so."""
        if mac is None:
            self._neighbours.pop(address, None)
        else:
            self._neighbours[address] = mac
        self._events.append(Neighbour(address, mac))
        os.write(self._writable, b"n")

    def swallow_events(self) -> None:
        """Lose the events that wait, and tell nobody."""
        self._drain()

    def overflow(self) -> None:
        """Lose the events that wait, as a full socket buffer does."""
        self._events.clear()
        self._overflowed = True
        os.write(self._writable, b"n")

    def carry(self, binding: Binding, up: int = 0, down: int = 0) -> bool:
        """Move bytes as one packet each way; ``False`` and uncounted where the rules would refuse."""
        if self._open.get(binding, 0.0) <= self._clock:
            return False
        key = binding.address.packed
        moved = Usage(up, down, int(up > 0), int(down > 0))
        self._counters[key] = self._counters.get(key, Usage()).plus(moved)
        return True

    def forget_counter(self, address: Address) -> None:
        """Let an idle counter time out."""
        self._counters.pop(address.packed, None)

    def garden(self) -> dict[Address, int]:
        """What anybody may reach before sign-in, with its seconds left."""
        return {a: int(end - self._clock) for a, end in self._garden.items() if end > self._clock}

    def _drain(self) -> None:
        self._events, self._overflowed = [], False
        os.set_blocking(self._readable, False)
        try:
            while os.read(self._readable, 4096):
                pass
        except BlockingIOError:
            pass
