"""A visitor's whole trip on real packets, and every way in which it ends."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address
from uuid import uuid4

import pytest

from deploy.lab.lab import Lab
from deploy.sandbox.names import NEWS_NAME, STREAMING_NAME
from policy.model import Address
from tests.network.caller import ask
from tests.network.fence import site
from tests.network.guest import Guest, reset
from tests.network.inspection import ending, flows, granted, minutes, online, poll, rows

pytestmark = pytest.mark.network

#: deploy/lab/configuration.py, [visits].
SECONDS, QUOTA, EXTENSIONS = 3600, 2_000_000_000, 2
FAMILIES = (4, 6)
#: Larger than anything that is waited for; it is read at the speed of the reader.
ENDLESS = 50_000_000_000


@contextmanager
def download(guest: Guest, family: int) -> Iterator[socket.socket]:
    """A download that is under way."""
    connection = guest.connect(site(STREAMING_NAME, family), 80)
    try:
        connection.sendall(f"GET /bytes/{ENDLESS} HTTP/1.1\r\nHost: {STREAMING_NAME}\r\n\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        assert read_for(connection, 0.2) > 0
        yield connection
    finally:
        reset(connection)


def read_for(connection: socket.socket, seconds: float) -> int:
    """Bytes of the next ``seconds``, read slowly enough to leave the machine to others; an error is the end."""
    total, deadline = 0, time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            piece = connection.recv(16_384)
        except (TimeoutError, ConnectionError):
            break
        if not piece:
            break
        total += len(piece)
        time.sleep(0.002)
    return total


def is_cut(connection: socket.socket) -> bool:
    """Whether it has died or gone silent: what was under way is read away first."""
    return poll(lambda: read_for(connection, 0.3) == 0, 5, "the download has stopped")


def session_of(lab: Lab, guest: Guest, address: Address | None = None) -> str | None:
    found: str | None = ask(lab, "portal", "look", address or guest.ipv4)["session"]
    return found


def gone(lab: Lab, guest: Guest) -> bool:
    return not granted(lab, guest) and not online(lab, guest)


@contextmanager
def granted_by_hand(lab: Lab, guest: Guest, seconds: int, *limit: int) -> Iterator[str]:
    """A grant without a visit, as the portal would ask for it."""
    session = str(uuid4())
    assert ask(lab, "portal", "admit", session, guest.mac, guest.ipv4, seconds, *limit) == {}
    try:
        yield session
    finally:
        ask(lab, "portal", "revoke", session)


def test_the_whole_trip(lab: Lab, visitor: Guest) -> None:
    assert visitor.api()["captive"] is True
    (probe,) = visitor.steps("probe")
    assert {probe[family]["status"] for family in ("ipv4", "ipv6")} == {302}
    # Caught by http just now: these entries must not live on and catch it when it is online.
    assert flows(lab, visitor)
    (signed,) = visitor.steps("signin")
    assert "online" in signed["title"].lower()
    poll(lambda: not [flow for flow in flows(lab, visitor) if "dport=80 " in flow], 2, "captive flows go")
    probe, fetched = visitor.steps("probe", "fetch")
    assert {probe[family]["status"] for family in ("ipv4", "ipv6")} == {204}
    assert {fetched[family]["status"] for family in ("ipv4", "ipv6")} == {200}

    body = visitor.api()
    assert body["captive"] is False
    assert body["can-extend-session"] is True
    assert SECONDS - 60 < body["seconds-remaining"] <= SECONDS
    assert QUOTA - 1_000_000 < body["bytes-remaining"] < QUOTA
    for done in range(1, EXTENSIONS + 1):
        visitor.steps("extend")
        body = visitor.api()
        assert SECONDS * (done + 1) - 60 < body["seconds-remaining"] <= SECONDS * (done + 1)
        assert QUOTA * (done + 1) - 1_000_000 < body["bytes-remaining"] < QUOTA * (done + 1)
    assert body["can-extend-session"] is False

    session = session_of(lab, visitor)
    assert session is not None
    visitor.steps("signout")
    assert gone(lab, visitor)
    body = visitor.api()
    assert body["captive"] is True
    assert not {"seconds-remaining", "bytes-remaining"} & set(body)
    probe, refusal = visitor.steps("probe", "refusal")
    assert {probe[family]["status"] for family in ("ipv4", "ipv6")} == {302}
    assert {refusal[family]["outcome"] for family in ("ipv4", "ipv6")} == {"reset"}

    reason, total = ending(lab, session)
    assert reason == "visitor"
    assert minutes(lab, session) == total
    assert min(total.up, total.down) > 500
    assert rows(lab, "SELECT end_reason FROM visits WHERE id = ?", session) == [("visitor",)]


class TestSignOut:
    @pytest.mark.parametrize("family", FAMILIES)
    def test_it_cuts_what_is_under_way(self, lab: Lab, online: Guest, family: int) -> None:
        with download(online, family) as connection:
            assert flows(lab, online)
            online.steps("signout")
            assert is_cut(connection)
            poll(
                lambda: not [flow for flow in flows(lab, online) if "dport=80 " in flow], 2, "its flow is dropped"
            )

    def test_an_idle_connection_is_reset_when_it_is_used(self, online: Guest) -> None:
        with online.connect(site(NEWS_NAME, 6), 443) as connection:
            online.steps("signout")
            connection.sendall(b"x")
            with pytest.raises(ConnectionResetError):
                connection.recv(1)


class TestAnotherAddress:
    ADDRESS = IPv6Address("2001:db8:77::cafe")

    @pytest.fixture
    def with_another(self, online: Guest) -> Iterator[Guest]:
        online.phone.run(["ip", "address", "add", f"{self.ADDRESS}/64", "dev", "wlan0", "nodad"])
        yield online
        online.phone.run(["ip", "address", "delete", f"{self.ADDRESS}/64", "dev", "wlan0"])

    def reaches(self, guest: Guest) -> bool:
        to = site(NEWS_NAME, 6)
        with guest.socket(to) as made:
            made.bind((str(self.ADDRESS), 0))
            try:
                made.connect((str(to), 443))
            except OSError:
                return False
            return True

    def test_it_joins_by_itself_and_counts_for_the_same_session(self, lab: Lab, with_another: Guest) -> None:
        guest = with_another
        poll(lambda: self.reaches(guest), 3, "the new address may pass")
        session = session_of(lab, guest)
        assert session is not None
        assert session_of(lab, guest, self.ADDRESS) == session
        before = ask(lab, "portal", "look", guest.ipv4)["usage"]["down_bytes"]
        guest.curl(
            "--interface", str(self.ADDRESS), "--output", "/dev/null", f"http://{STREAMING_NAME}/bytes/500000"
        )
        assert ask(lab, "portal", "look", guest.ipv4)["usage"]["down_bytes"] - before > 500_000
        guest.steps("signout")
        assert not self.reaches(guest)


class TestTimeIsOver:
    def test_the_kernel_ends_it_while_the_enforcer_is_dead(self, lab: Lab, visitor: Guest) -> None:
        """Stopped by a signal it is as dead as a killed one, for as long as the test wants."""
        enforcer = lab.process("enforcer")
        with granted_by_hand(lab, visitor, 3) as session, download(visitor, 4) as connection:
            enforcer.kill(signal.SIGSTOP)
            try:
                poll(lambda: gone(lab, visitor), 6, "the kernel's time limit has passed")
                assert is_cut(connection)
                assert visitor.attempt(site(NEWS_NAME, 6), 443).outcome == "ConnectionRefusedError"
            finally:
                enforcer.kill(signal.SIGKILL)
            poll(lambda: session_of(lab, visitor) is None, 5, "the new enforcer knows that it is over")
            assert ending(lab, session)[0] == "expired"

    def test_it_is_captive_again(self, lab: Lab, visitor: Guest) -> None:
        with granted_by_hand(lab, visitor, 2):
            assert visitor.api()["captive"] is False
            poll(lambda: visitor.api()["captive"], 6, "the visit is over")
            assert gone(lab, visitor)


def test_the_quota_ends_it(lab: Lab, visitor: Guest) -> None:
    limit = 1_000_000
    with granted_by_hand(lab, visitor, 600, limit) as session, download(visitor, 4) as connection:
        read_for(connection, 0.5)
        # At the latest with the monitor's next reading; asking is one too.
        poll(lambda: visitor.api()["captive"], 10, "the quota is used up")
        assert is_cut(connection)
        reason, total = ending(lab, session)
        assert reason == "quota"
        assert total.up + total.down >= limit


class TestWhoMayAsk:
    @pytest.mark.parametrize("user", ["console", "monitor", "resolver"])
    def test_only_the_portal_admits(self, lab: Lab, visitor: Guest, user: str) -> None:
        answer = ask(lab, user, "admit", uuid4(), visitor.mac, visitor.ipv4, 60)
        assert answer == {"refused": "forbidden"}
        assert gone(lab, visitor)

    def test_only_for_who_is_there(self, lab: Lab, visitor: Guest, stranger: Guest) -> None:
        """An address with another phone's MAC."""
        answer = ask(lab, "portal", "admit", uuid4(), stranger.mac, visitor.ipv4, 60)
        assert answer == {"refused": "not-a-neighbour"}
        assert gone(lab, visitor)
        assert gone(lab, stranger)
