"""What the enforcer needs of a kernel, and nothing else.

Two implementations stand behind it: ``linux.LinuxKernel`` (netlink) and ``fake.FakeKernel`` (a small kernel in
memory with a clock that tests move). The server, the grants and the reconciliation are the same over both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from policy.compiler.ruleset import Ruleset
from policy.model import Address, Binding, Mac, Usage
from policy.plan import Change


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One line of the LAN's neighbour table; ``mac`` is ``None`` when the address is gone or failed."""

    address: Address
    mac: Mac | None


class KernelError(Exception):
    """The kernel refused or is not able; nothing of the transaction was applied."""


class NeighboursLost(KernelError):
    """Neighbour events overflowed; read the whole table again."""


class Kernel(Protocol):
    """State in the kernel that the enforcer owns: one nftables table, and conntrack entries of its phones."""

    def install(self, ruleset: Ruleset) -> None:
        """Put the static ruleset in, whole or not at all, keeping what is open; then turn forwarding on."""

    def apply(self, changes: Sequence[Change]) -> None:
        """Apply all changes in one transaction; raises ``KernelError`` and applies nothing otherwise.

        An address is open for one phone at a time: closing it for one stops its downward direction for all.
        """

    def opened(self) -> Mapping[Binding, int]:
        """Every open binding and its seconds left (rounded down)."""

    def counters(self) -> Mapping[bytes, Usage]:
        """All counters by packed address, cumulative since the kernel made each."""

    def counters_of(self, addresses: Iterable[Address]) -> Mapping[bytes, Usage]:
        """The counters of these addresses only, without reading the others."""

    def forget_flows(self, addresses: Collection[Address]) -> None:
        """Have the conntrack entries of these phones' addresses deleted soon; packets are judged anew already."""

    def neighbours(self) -> Iterable[Neighbour]:
        """The LAN's neighbour table as it is now."""

    def neighbour(self, address: Address) -> Mac | None:
        """Who is at ``address`` now, asked of the table itself: for an address that no event has told of."""

    def fileno(self) -> int:
        """Becomes readable when neighbour events wait."""

    def neighbour_events(self) -> list[Neighbour]:
        """Drain waiting events without blocking; ``NeighboursLost`` when some overflowed."""

    def boot_id(self) -> str:
        """The kernel's boot: counters and timeouts live as long as it."""

    def monotonic(self) -> float:
        """Seconds since boot, running also while suspended (CLOCK_BOOTTIME); never stepped."""

    def wall(self) -> float:
        """Seconds since 1970; may be stepped."""
