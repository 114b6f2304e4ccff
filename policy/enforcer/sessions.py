"""The sessions that the enforcer keeps open, and exact usage of each, without touching a kernel.

Counters belong to addresses and never restart while their boot lasts; a session's usage is what the counters of
its addresses grew by since each joined it. Addresses come (neighbour discovery) and go (another phone got the
lease) in the middle of a session, so what a leaving address had counted is carried along.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from policy.model import Address, Binding, Mac, Usage

_NOTHING = Usage()


def _grown(now: Usage, since: Usage) -> Usage:
    """``now`` - ``since``, each direction by itself: the kernel keeps one element a direction.

    An element idles out after longer than any grant lasts (``policy.compiler.sets``), so one that shows less
    than before was made anew within this session and has grown by all it shows.
    """
    up = (now.up_bytes, now.up_packets)
    down = (now.down_bytes, now.down_packets)
    if now.up_bytes >= since.up_bytes:
        up = (now.up_bytes - since.up_bytes, now.up_packets - since.up_packets)
    if now.down_bytes >= since.down_bytes:
        down = (now.down_bytes - since.down_bytes, now.down_packets - since.down_packets)
    return Usage(up[0], down[0], up[1], down[1])


@dataclass(slots=True)
class Session:
    """One open session. ``until`` is on the kernel's clock that never steps (CLOCK_BOOTTIME), seconds.

    ``since`` is the counter of each address at the last settling; ``carried`` what was settled before.
    """

    id: str
    mac: Mac
    until: float
    bytes_limit: int | None
    since: dict[Address, Usage] = field(default_factory=dict)
    carried: Usage = _NOTHING
    #: ``since`` as a reading wants it: counters' names, ``None`` for the many without history; empty when stale.
    _counted: tuple[tuple[bytes, Usage | None], ...] = ()

    def bindings(self) -> Iterator[Binding]:
        """The pairs that the kernel must let pass."""
        return (Binding(self.mac, address) for address in self.since)

    def seconds_left(self, now: float) -> int:
        """Whole seconds until the end; never negative."""
        return max(0, int(self.until - now))

    def usage(self, counters: Mapping[bytes, Usage]) -> Usage:
        """Usage since the beginning, by these counters (packed address -> counter)."""
        total = self.carried
        if not self._counted:
            self._counted = tuple((a.packed, None if u == _NOTHING else u) for a, u in self.since.items())
        for key, since in self._counted:
            if (counter := counters.get(key)) is not None:
                # Nearly every address has one session and no history: no new value for those.
                grown = counter if since is None else _grown(counter, since)
                total = grown if total is _NOTHING else total.plus(grown)
        return total

    def join(self, address: Address, counter: Usage) -> None:
        """Take ``address`` in; what its counter shows already is not this session's."""
        self.since[address] = counter
        self._counted = ()

    def leave(self, address: Address, counter: Usage) -> None:
        """Let ``address`` go; what it counted stays."""
        self.carried = self.carried.plus(_grown(counter, self.since.pop(address)))
        self._counted = ()


class Sessions:
    """All open sessions, by id, by phone and by address: one session a phone, one session an address."""

    def __init__(self) -> None:
        self._by_id: dict[str, Session] = {}
        self._by_mac: dict[Mac, Session] = {}
        self._by_address: dict[Address, Session] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Session]:
        return iter(self._by_id.values())

    def get(self, session: str) -> Session | None:
        """By id."""
        return self._by_id.get(session)

    def of(self, mac: Mac) -> Session | None:
        """By phone."""
        return self._by_mac.get(mac)

    def holding(self, address: Address) -> Session | None:
        """By address."""
        return self._by_address.get(address)

    def add(self, session: Session) -> None:
        """Take a session in; the caller has ended or moved what stood in its way."""
        self._by_id[session.id] = session
        self._by_mac[session.mac] = session
        for address in session.since:
            self._by_address[address] = session

    def remove(self, session: Session) -> None:
        """Forget a session."""
        del self._by_id[session.id]
        del self._by_mac[session.mac]
        for address in session.since:
            self._by_address.pop(address, None)

    def join(self, session: Session, address: Address, counter: Usage) -> None:
        """``address`` is the session's from now on."""
        session.join(address, counter)
        self._by_address[address] = session

    def leave(self, session: Session, address: Address, counter: Usage) -> None:
        """``address`` is nobody's."""
        session.leave(address, counter)
        self._by_address.pop(address, None)
