"""``Kernel`` over netlink: the sets, the neighbour table, the flows of one Linux network namespace."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from policy.compiler.ruleset import TABLE, Ruleset
from policy.compiler.sets import SHARDS, counter_set
from policy.enforcer import libnftables
from policy.enforcer.kernel import KernelError, Neighbour
from policy.enforcer.neighbours import Neighbours
from policy.enforcer.nftables import Counter, Sets, granted_binding, wishes
from policy.enforcer.sweeper import Sweeper
from policy.model import Address, Binding, Mac, Usage
from policy.plan import Change
from policy.settings import NetworkSettings

log = logging.getLogger(__name__)

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
#: IPv4 first: changing it resets other settings (ip-sysctl, ip_forward), and IPv6 needs its rules no later.
_FORWARDING = (Path("/proc/sys/net/ipv4/ip_forward"), Path("/proc/sys/net/ipv6/conf/all/forwarding"))


class LinuxKernel:
    """The real one. Lives in the network namespace of the thread that makes it; one thread uses it."""

    def __init__(self, network: NetworkSettings) -> None:
        """``KernelError`` where the LAN's interface is missing or the rights are."""
        try:
            index = socket.if_nametoindex(network.lan)
        except OSError as error:
            raise KernelError(f"network.lan: there is no interface {network.lan!r}") from error
        self._sets = Sets()
        # A dump is half kernel work, during which Python's lock is free: one direction is read beside the other.
        self._sets_beside = Sets()
        self._beside = ThreadPoolExecutor(1, "counters")
        self._neighbours = Neighbours(index)
        self._sweeper = Sweeper({network.lan_ipv4.ip.packed, network.lan_ipv6.ip.packed})

    def close(self) -> None:
        """Release sockets and thread; what is open in the kernel stays open."""
        self._beside.shutdown()
        self._sets_beside.close()
        self._sweeper.close()
        self._neighbours.close()
        self._sets.close()

    def install(self, ruleset: Ruleset) -> None:
        """One transaction: rules replaced in place; the whole table only where its sets or hooks differ."""
        standing = self._sets.structure()
        before = ""
        if standing == ruleset.structure:
            before = f"table inet {TABLE}\nflush table inet {TABLE}\n"
        elif standing is not None:
            log.warning("the ruleset's sets differ from the standing ones (%s): making the table anew", standing)
            before = f"delete table inet {TABLE}\n"
        libnftables.run(before + ruleset.text)
        for switch in _FORWARDING:
            _turn_on(switch)

    def apply(self, changes: Sequence[Change]) -> None:
        """One nfnetlink batch over all sets."""
        self._sets.change(wishes(changes))

    def opened(self) -> Mapping[Binding, int]:
        """Seconds left of the direction that closes first."""
        found: dict[Binding, int] = {}
        for kind in (4, 6):
            online = self._sets.timeouts(f"online{kind}")
            for key, left in self._sets.timeouts(f"granted{kind}").items():
                binding = granted_binding(key)
                found[binding] = min(left, online.get(binding.address.packed, 0)) // 1000
        return found

    def counters(self) -> Mapping[bytes, Usage]:
        """One dump a family, direction and shard; the two directions at once."""
        names = [f"{kind}_{shard}" for kind in (4, 6) for shard in range(SHARDS)]
        downs = self._beside.map(self._sets_beside.counters, [f"down{name}" for name in names])
        found: dict[bytes, Usage] = {}
        for name, down in zip(names, downs, strict=True):
            _add_usages(found, self._sets.counters(f"up{name}"), down)
        return found

    def counters_of(self, addresses: Iterable[Address]) -> Mapping[bytes, Usage]:
        """One request an address and direction, sent together."""
        keys = [address.packed for address in addresses]
        up = self._sets.counters_of((counter_set("up", key), key) for key in keys)
        down = self._sets.counters_of((counter_set("down", key), key) for key in keys)
        found: dict[bytes, Usage] = {}
        _add_usages(found, up, down)
        return found

    def forget_flows(self, addresses: Collection[Address]) -> None:
        """Soon, by a thread beside this one: see ``sweeper``."""
        self._sweeper.add(addresses)

    def neighbours(self) -> Iterable[Neighbour]:
        """The usable ones."""
        return self._neighbours.table()

    def neighbour(self, address: Address) -> Mac | None:
        """One request."""
        return self._neighbours.at(address)

    def fileno(self) -> int:
        """The socket of neighbour events."""
        return self._neighbours.fileno()

    def neighbour_events(self) -> list[Neighbour]:
        """Of the LAN's interface only."""
        return self._neighbours.events()

    def boot_id(self) -> str:
        """The kernel's own, random(4)."""
        return _BOOT_ID.read_text(encoding="ascii").strip()

    def monotonic(self) -> float:
        """CLOCK_BOOTTIME."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def wall(self) -> float:
        """CLOCK_REALTIME."""
        return time.time()


def _add_usages(found: dict[bytes, Usage], up: Mapping[bytes, Counter], down: Mapping[bytes, Counter]) -> None:
    """Both directions together; one that moved nothing yet counts zero."""
    nothing = (b"", 0, 0)
    new = tuple.__new__  # a third of the price of Usage(...), 50,000 times a reading
    for key, up_bytes, up_packets in up.values():
        _, down_bytes, down_packets = down.get(key, nothing)
        found[key] = new(Usage, (up_bytes, down_bytes, up_packets, down_packets))
    for key in down.keys() - up.keys():
        _, down_bytes, down_packets = down[key]
        found[key] = Usage(0, down_bytes, 0, down_packets)


def _turn_on(switch: Path) -> None:
    try:
        if switch.read_text(encoding="ascii").strip() != "1":
            switch.write_text("1\n", encoding="ascii")
    except OSError as error:
        raise KernelError(f"forwarding stays off: {error}") from error
