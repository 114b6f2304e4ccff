"""What the enforcer does with a request: check the intent, change the kernel, write it down. No sockets here.

Order at each step: kernel, journal, answer. A kill between the first two leaves something open that the journal
does not know; the reconciliation at the next start closes it, and the caller, who got no answer, asks again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Address, IPv6Network

from policy.compiler.ruleset import Ruleset
from policy.enforcer import journal as lines
from policy.enforcer.journal import Clocks, Journal, JournalError
from policy.enforcer.kernel import Kernel, KernelError, Neighbour, NeighboursLost
from policy.enforcer.sessions import Session, Sessions
from policy.enforcer.stations import Stations
from policy.model import Address, Device, EndedSession, Grant, Mac, Observation, SessionUsage, Usage
from policy.plan import Close, Learn, Open, plan
from policy.protocol import MAX_ENDED, Refused
from policy.settings import Settings

log = logging.getLogger(__name__)

#: Addresses of one phone: IPv4, a stable and a few temporary IPv6 ones (RFC 8981 keeps up to 7 daily ones alive).
MAX_ADDRESSES = 16
#: Sessions at once: half of what the kernel's sets hold (``policy.compiler.sets``), so that addresses fit.
MAX_SESSIONS = 65_536
#: Ended sessions kept for the monitor; the oldest go first. At 50 sessions an hour this is months.
_MAX_UNRECORDED = 100_000
_NOTHING = Usage()

#: No host of the internet is here (RFC 6890 and RFC 1918, 6598, 3927; 224.0.0.0/3 is multicast and reserved), so
#: a garden name whose answer points here is an attack on the gateway or on what stands behind it.
_NOT_THE_INTERNET = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    )
)
#: All global unicast addresses of IPv6 (RFC 4291 section 2.4, IANA's registry).
_GLOBAL_UNICAST = IPv6Network("2000::/3")


def _is_on_the_internet(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        return address in _GLOBAL_UNICAST
    return not any(address in network for network in _NOT_THE_INTERNET)


def _over(session: Session, usage: Usage, now: float) -> str | None:
    """Why a session must end now, if it must."""
    if session.bytes_limit is not None and usage.total_bytes >= session.bytes_limit:
        return "quota"
    return "expired" if session.until <= now else None


class Enforcer:
    """Keeps the kernel as the sessions say. Not thread-safe: one loop calls it."""

    def __init__(self, settings: Settings, ruleset: Ruleset, kernel: Kernel, journal: Journal) -> None:
        self._kernel = kernel
        self._journal = journal
        self._longest = settings.enforcer.longest_seconds
        self._stations = Stations(settings.network)
        self._stations_stale = False
        self._sessions = Sessions()
        self._ended: dict[str, EndedSession] = {}
        self._to_forget: set[Address] = set()
        self._restore(ruleset)

    # What callers ask.

    def admit(self, grant: Grant) -> None:
        """Open all addresses of the phone in one transaction; the same session again sets time and limit."""
        self._check(grant)
        session = self._sessions.get(grant.session)
        if session is not None and session.mac != grant.mac:
            raise Refused("invalid", "this session belongs to another phone")
        if session is None:
            self._make_room(grant)
            session = Session(grant.session, grant.mac, 0.0, None)
            self._sessions.add(session)
        before = session.until, session.bytes_limit
        session.until = self._kernel.monotonic() + grant.seconds
        session.bytes_limit = grant.bytes_limit
        try:
            joining = [grant.address, *self._stations.addresses(grant.mac)]
            self._open(session, joining, grant.seconds)
        except (KernelError, JournalError) as error:
            self._undo(session, before)
            raise Refused("kernel", f"the grant could not be made: {error}") from error

    def revoke(self, session_id: str, reason: str) -> None:
        """End a session; nothing happens where there is none."""
        if (session := self._sessions.get(session_id)) is not None:
            self._end([session], reason)

    def look(self, address: Address) -> Device:
        """Who is at ``address``, with live counters."""
        mac = self._who_is_at(address)
        session = self._sessions.of(mac) if mac is not None else None
        if session is None or address not in session.since:
            return Device(address, mac)
        usage = session.usage(self._kernel.counters_of(session.since))
        if (reason := _over(session, usage, self._kernel.monotonic())) is not None:
            self._end([session], reason)
            return Device(address, mac)
        left = session.bytes_limit
        return Device(
            address,
            mac,
            session.id,
            session.seconds_left(self._kernel.monotonic()),
            None if left is None else left - usage.total_bytes,
            usage,
        )

    def learn(self, addresses: Iterable[Address], seconds: int) -> None:
        """Open addresses of the walled garden; one of the LAN, or one that is no host, is refused with all."""
        if not 1 <= seconds <= self._longest:
            raise Refused("invalid", f"seconds must be from 1 to {self._longest}")
        changes = []
        for address in addresses:
            if self._stations.is_local(address) or not _is_on_the_internet(address):
                raise Refused("invalid", f"{address} cannot be in the walled garden")
            changes.append(Learn(address, seconds))
        try:
            self._kernel.apply(changes)
        except KernelError as error:
            raise Refused("kernel", str(error)) from error

    def observe(self) -> Observation:
        """Read every counter once; ends what is over by bytes on the way."""
        counters, now = self._kernel.counters(), self._kernel.monotonic()
        live: list[SessionUsage] = []
        new = tuple.__new__  # a third of the price of SessionUsage(...), 50,000 times a reading
        for session in list(self._sessions):
            usage = session.usage(counters)
            if (reason := _over(session, usage, now)) is None:
                live.append(new(SessionUsage, (session.id, usage, int(session.until - now))))
            else:
                self._end([session], reason)
        return Observation(self._kernel.boot_id(), live, list(self._ended.values())[:MAX_ENDED])

    def acknowledge(self, sessions: Iterable[str]) -> None:
        """These ended sessions are in the monitor's database."""
        known = [session for session in sessions if session in self._ended]
        self._journal.write(map(lines.recorded, known))
        for session in known:
            del self._ended[session]

    # What time and the network bring.

    def follow_neighbours(self) -> None:
        """Take in what the neighbour table says: new addresses of phones that may pass join their session."""
        try:
            changed = self._kernel.neighbour_events()
        except NeighboursLost:
            log.warning("neighbour events overflowed; reading the whole table")
            self._stations_stale = True
            changed = []
        if self._stations_stale:
            changed = list(self._kernel.neighbours())
            self._stations.replace(changed)
            self._stations_stale = False  # only now: a table that could not be read is read the next time
        for neighbour in changed:
            self._stations.update(neighbour)
            if neighbour.mac is not None:
                self._join(neighbour.mac, [neighbour.address])

    def expire(self) -> None:
        """End sessions whose time is over; the kernel has closed them already by itself."""
        now = self._kernel.monotonic()
        over = [session for session in self._sessions if session.until <= now]
        self._end(over, "expired")

    def settle(self) -> None:
        """What must follow a round of requests before they are answered: drop flows, tidy the journal."""
        if self._to_forget:
            addresses, self._to_forget = self._to_forget, set()
            try:
                self._kernel.forget_flows(addresses)
            except KernelError as error:
                log.error("conntrack entries stay until they time out: %s", error)
        if self._journal.is_mostly_history(len(self._sessions) + len(self._ended)):
            self._journal.rewrite(self._sessions, self._ended.values(), self._clocks())

    # Inside.

    def _restore(self, ruleset: Ruleset) -> None:
        sessions, ended = self._journal.load(self._clocks())
        self._ended = {session.session: session for session in ended}
        for session in sessions:
            self._sessions.add(session)
        self._kernel.install(ruleset)
        now = self._kernel.monotonic()
        desired = {
            binding: session.seconds_left(now)
            for session in self._sessions
            if session.until >= now + 1
            for binding in session.bindings()
        }
        changes = plan(desired, self._kernel.opened())
        self._kernel.apply(changes)
        self._to_forget |= {change.binding.address for change in changes if isinstance(change, Close)}
        self._stations.replace(self._kernel.neighbours())
        self.expire()
        for session in list(self._sessions):
            self._join(session.mac, self._stations.addresses(session.mac))
        self.settle()
        log.info("restored %d sessions with %d changes", len(self._sessions), len(changes))

    def _check(self, grant: Grant) -> None:
        if grant.seconds > self._longest:
            raise Refused("invalid", f"a grant lasts at most {self._longest} seconds")
        if grant.session in self._ended:
            raise Refused("invalid", "this session is over; begin a new one")
        if not self._stations.may_hold(grant.address):
            raise Refused("invalid", f"{grant.address} is not an address of a phone on this LAN")
        if self._who_is_at(grant.address) != grant.mac:
            raise Refused("not-a-neighbour", f"{grant.address} is not at {grant.mac}")
        if self._sessions.get(grant.session) is None and len(self._sessions) >= MAX_SESSIONS:
            raise Refused("too-many", f"{MAX_SESSIONS} sessions are open")

    def _who_is_at(self, address: Address) -> Mac | None:
        """The mirror's answer; where it has none, the kernel's own: an event may still be on its way."""
        mac = self._stations.at(address)
        if mac is None and self._stations.may_hold(address):
            mac = self._kernel.neighbour(address)
            if mac is not None:
                self._stations.update(Neighbour(address, mac))
                self._join(mac, [address])
        return mac

    def _make_room(self, grant: Grant) -> None:
        if (other := self._sessions.of(grant.mac)) is not None:
            self._end([other], "replaced")

    def _join(self, mac: Mac, addresses: Iterable[Address]) -> None:
        session = self._sessions.of(mac)
        if session is None:
            return
        new = [address for address in addresses if address not in session.since]
        seconds = session.seconds_left(self._kernel.monotonic())
        if not new or seconds < 1:
            return
        try:
            self._open(session, new, seconds)
        except (KernelError, JournalError) as error:
            log.error("%s new address(es) of a session stay closed: %s", len(new), error)

    def _open(self, session: Session, addresses: Iterable[Address], seconds: int) -> None:
        """Open the session with ``addresses`` added; all its bindings get ``seconds``."""
        for address in dict.fromkeys(addresses):
            if address in session.since or len(session.since) >= MAX_ADDRESSES:
                continue
            counter = self._take_over(address)
            self._sessions.join(session, address, counter)
        self._kernel.apply([Open(binding, seconds) for binding in session.bindings()])
        self._journal.write([lines.opened(session, self._clocks())])
        self._to_forget.update(session.since)

    def _take_over(self, address: Address) -> Usage:
        """Free ``address`` from whoever had it before; returns its counter from which the next one starts."""
        holder = self._sessions.holding(address)
        if holder is not None:
            self._kernel.apply([Close(next(b for b in holder.bindings() if b.address == address))])
        counter = self._kernel.counters_of([address]).get(address.packed, _NOTHING)
        if holder is not None:
            self._sessions.leave(holder, address, counter)
            self._journal.write([lines.opened(holder, self._clocks())])
        return counter

    def _undo(self, session: Session, before: tuple[float, int | None]) -> None:
        """A grant failed half-way: an extended session stays as it was, a new one is gone."""
        session.until, session.bytes_limit = before
        if session.until == 0.0:
            self._sessions.remove(session)
            try:
                self._kernel.apply([Close(binding) for binding in session.bindings()])
            except KernelError as error:
                log.error("a failed grant stays open until its kernel timeout: %s", error)

    def _end(self, sessions: list[Session], reason: str) -> None:
        """Close first, then read the counters: nothing passes uncounted."""
        if not sessions:
            return
        self._kernel.apply([Close(binding) for session in sessions for binding in session.bindings()])
        counters = self._kernel.counters_of([address for session in sessions for address in session.since])
        at = datetime.fromtimestamp(self._kernel.wall(), UTC)
        ended = [EndedSession(s.id, s.usage(counters), at, reason) for s in sessions]
        for session, final in zip(sessions, ended, strict=True):
            self._to_forget.update(session.since)
            self._sessions.remove(session)
            self._ended[session.id] = final
        while len(self._ended) > _MAX_UNRECORDED:
            lost = self._ended.pop(next(iter(self._ended)))
            log.error("the monitor has been away too long: the end of session %s is forgotten", lost.session)
        self._journal.write(map(lines.closed, ended))

    def _clocks(self) -> Clocks:
        return Clocks(self._kernel.boot_id(), self._kernel.monotonic(), self._kernel.wall())
