"""Client and server over a real Unix socket, the real enforcer over a small kernel."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from uuid import uuid4

import pytest

from policy import protocol
from policy.client import EnforcerClient, EnforcerUnavailable
from policy.enforcer.fake import FakeKernel
from policy.model import Binding, Mac, Usage
from policy.plan import Open
from policy.protocol import Refused
from tests.enforcers import running_enforcer

PHONE = Mac.parse("02:00:00:00:00:11")
OTHER = Mac.parse("02:00:00:00:00:22")
V4, V6 = ip_address("10.77.0.11"), ip_address("2001:db8:77::11")
TEMPORARY = ip_address("2001:db8:77::a11")


def session() -> str:
    return str(uuid4())


@pytest.fixture
def kernel() -> Iterator[FakeKernel]:
    kernel = FakeKernel()
    kernel.move(V4, PHONE)
    yield kernel
    kernel.close()


def test_a_phone_is_captive_until_admitted_and_again_after(tmp_path: Path, kernel: FakeKernel) -> None:
    with running_enforcer(tmp_path, kernel) as running:
        client = running.client
        assert client.look(V4).mac == PHONE
        assert client.look(V4).session is None

        one = session()
        client.admit(one, PHONE, V4, 600, 1_000)
        assert kernel.carry(Binding(PHONE, V4), up=100, down=300)
        device = client.look(V4)
        assert (device.session, device.seconds_left, device.bytes_left) == (one, 600, 600)
        assert device.usage == Usage(100, 300, 1, 1)

        client.revoke(one, "visitor")
        assert client.look(V4).session is None
        assert not kernel.carry(Binding(PHONE, V4), up=1)
        assert V4 in kernel.forgotten


def test_all_addresses_of_a_phone_open_in_one_transaction(tmp_path: Path, kernel: FakeKernel) -> None:
    kernel.move(V6, PHONE)
    with running_enforcer(tmp_path, kernel) as running:
        client = running.client
        before = kernel.transactions
        client.admit(session(), PHONE, V4, 600)
        assert kernel.transactions == before + 1
        assert set(kernel.opened()) == {Binding(PHONE, V4), Binding(PHONE, V6)}


def test_an_address_learned_later_joins_the_session_and_its_bytes_count(
    tmp_path: Path, kernel: FakeKernel
) -> None:
    with running_enforcer(tmp_path, kernel) as running:
        client = running.client
        one = session()
        client.admit(one, PHONE, V4, 600)
        kernel.move(TEMPORARY, PHONE)
        assert client.look(TEMPORARY).session == one
        kernel.carry(Binding(PHONE, V4), up=10)
        kernel.carry(Binding(PHONE, TEMPORARY), down=20)
        assert client.look(V4).usage == Usage(10, 20, 1, 1)


def test_an_address_that_another_phone_gets_leaves_with_its_bytes_kept(tmp_path: Path, kernel: FakeKernel) -> None:
    with running_enforcer(tmp_path, kernel) as running:
        client = running.client
        first, second = session(), session()
        client.admit(first, PHONE, V4, 600)
        kernel.carry(Binding(PHONE, V4), up=70)
        kernel.move(V4, OTHER)
        client.admit(second, OTHER, V4, 600)
        assert not kernel.carry(Binding(PHONE, V4), up=5)
        kernel.carry(Binding(OTHER, V4), up=9)
        usage = {live.session: live.usage.up_bytes for live in client.observe().live}
        assert usage == {first: 70, second: 9}


@pytest.mark.parametrize(
    ("mac", "address", "seconds", "code"),
    [
        (OTHER, V4, 600, "not-a-neighbour"),
        (PHONE, ip_address("10.77.0.99"), 600, "not-a-neighbour"),
        (PHONE, ip_address("10.77.0.1"), 600, "invalid"),
        (PHONE, ip_address("192.0.2.7"), 600, "invalid"),
        (PHONE, V4, 86_401, "invalid"),
        (PHONE, V4, 0, "invalid"),
    ],
)
def test_an_intent_that_is_not_true_is_refused_and_opens_nothing(
    tmp_path: Path, kernel: FakeKernel, mac: Mac, address: object, seconds: int, code: str
) -> None:
    with running_enforcer(tmp_path, kernel) as running:
        client = running.client
        with pytest.raises(Refused) as refusal:
            client.admit(session(), mac, address, seconds)  # type: ignore[arg-type]
        assert refusal.value.code == code
        assert not kernel.opened()


def test_a_kernel_that_refuses_leaves_nothing_half_done(tmp_path: Path, kernel: FakeKernel) -> None:
    with running_enforcer(tmp_path, kernel) as running:
        client = running.client
        kernel.refuse_next = "set is full"
        with pytest.raises(Refused, match="set is full"):
            client.admit(session(), PHONE, V4, 600)
        assert client.observe().live == []
        one = session()
        client.admit(one, PHONE, V4, 600)
        kernel.refuse_next = "set is full"
        with pytest.raises(Refused, match="set is full"):
            client.admit(one, PHONE, V4, 6_000)
        assert client.look(V4).seconds_left == 600


def test_time_and_bytes_end_a_session_and_the_monitor_hears_of_it_until_it_says_so(
    tmp_path: Path, kernel: FakeKernel
) -> None:
    kernel.move(V6, OTHER)
    with running_enforcer(tmp_path, kernel) as running:
        client = running.client
        by_time, by_bytes = session(), session()
        client.admit(by_time, PHONE, V4, 60)
        client.admit(by_bytes, OTHER, V6, 600, 1_000)
        kernel.carry(Binding(PHONE, V4), down=500)
        kernel.carry(Binding(OTHER, V6), down=1_001)
        kernel.pass_time(61)
        first = client.observe()
        again = client.observe()
        assert first.live == []
        assert {(e.session, e.reason, e.usage.down_bytes) for e in again.ended} == {
            (by_time, "expired", 500),
            (by_bytes, "quota", 1_001),
        }
        assert first.ended == again.ended
        assert all(
            e.ended_at.utcoffset() == timedelta() and e.ended_at > datetime(2023, 1, 1, tzinfo=UTC)
            for e in first.ended
        )
        assert not kernel.carry(Binding(OTHER, V6), down=1)
        assert client.observe([by_time, by_bytes]).ended == []


def test_a_restart_keeps_every_session_its_time_and_its_bytes(tmp_path: Path, kernel: FakeKernel) -> None:
    one, over = session(), session()
    kernel.move(V6, OTHER)
    with running_enforcer(tmp_path, kernel) as running:
        client = running.client
        client.admit(one, PHONE, V4, 600, 5_000)
        client.admit(over, OTHER, V6, 600)
        kernel.carry(Binding(PHONE, V4), up=1_000)
        client.revoke(over, "operator")
    kernel.carry(Binding(PHONE, V4), up=500)  # nobody is there, the kernel goes on
    kernel.pass_time(100)
    kernel.step_wall(3_600)
    stray = Binding(Mac.parse("02:00:00:00:00:66"), ip_address("10.77.0.66"))
    kernel.apply([Open(stray, 600)])
    with running_enforcer(tmp_path, kernel) as running:
        client = running.client
        device = client.look(V4)
        assert (device.session, device.seconds_left, device.bytes_left) == (one, 500, 3_500)
        assert [e.session for e in client.observe().ended] == [over]
        assert set(kernel.opened()) == {Binding(PHONE, V4)}, "what the journal does not know is closed"


def test_a_reboot_gives_the_remaining_time_back(tmp_path: Path, kernel: FakeKernel) -> None:
    one = session()
    with running_enforcer(tmp_path, kernel) as running:
        client = running.client
        client.admit(one, PHONE, V4, 600)
        kernel.carry(Binding(PHONE, V4), up=1_000)
    kernel.reboot()
    kernel.step_wall(100)
    with running_enforcer(tmp_path, kernel) as running:
        client = running.client
        [live] = client.observe().live
        assert (live.session, live.usage, live.seconds_left) == (one, Usage(), 500)
        assert kernel.carry(Binding(PHONE, V4), up=1)


def test_lost_neighbour_events_are_made_up_for(tmp_path: Path, kernel: FakeKernel) -> None:
    with running_enforcer(tmp_path, kernel) as running:
        client = running.client
        one = session()
        client.admit(one, PHONE, V4, 600)
        kernel.move(V6, PHONE)
        kernel.overflow()
        assert client.look(V6).session == one


def test_the_garden_takes_hosts_of_the_internet_only(tmp_path: Path, kernel: FakeKernel) -> None:
    good = [ip_address("203.0.113.10"), ip_address("2001:db8:113::10")]
    with running_enforcer(tmp_path, kernel) as running:
        client = running.client
        client.learn(good, 60)
        assert kernel.garden() == dict.fromkeys(good, 60)
        for bad in ("10.77.0.5", "10.77.0.1", "127.0.0.1", "::1", "fe80::1", "224.0.0.1", "0.0.0.0"):
            with pytest.raises(Refused):
                client.learn([good[0], ip_address(bad)], 60)


@pytest.mark.parametrize("role", sorted(protocol.VERBS))
def test_each_role_has_its_verbs_and_no_other(tmp_path: Path, kernel: FakeKernel, role: str) -> None:
    with running_enforcer(tmp_path, kernel, role=role) as running:
        client = running.client
        asked = {
            "look": lambda: client.look(V4),
            "admit": lambda: client.admit(session(), PHONE, V4, 60),
            "revoke": lambda: client.revoke(session(), "operator"),
            "learn": lambda: client.learn([ip_address("203.0.113.10")], 60),
            "observe": lambda: client.observe(),
            "acknowledge": lambda: client.observe([session()]),
        }
        for verb, ask in asked.items():
            if verb in protocol.VERBS[role]:
                ask()
            else:
                with pytest.raises(Refused) as refusal:
                    ask()
                assert refusal.value.code == "forbidden"


def test_a_user_without_a_role_is_cut_off_unread(tmp_path: Path, kernel: FakeKernel) -> None:
    if os.getuid() != 0:
        pytest.skip("becoming another user needs root")
    with running_enforcer(tmp_path, kernel) as running:
        for directory in (tmp_path, *tmp_path.parents):
            if directory.owner() == "root" and directory != Path("/"):
                directory.chmod(directory.stat().st_mode | 0o011)
        child = os.fork()
        if child == 0:
            os.setuid(65_534)
            try:
                EnforcerClient(running.socket, timeout=0.2).look(V4)
            except EnforcerUnavailable:
                os._exit(0)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


HOSTILE = [
    b"\x00\x00\x00\x00",
    b"\xff\xff\xff\xff",
    struct.pack(">I", protocol.MAX_REQUEST + 1),
    struct.pack(">I", 9) + b"not json!",
    struct.pack(">I", 4) + b"[42]",
    struct.pack(">I", 60_000) + b"[" * 60_000,
    struct.pack(">I", 3) + b'"\xff"',
]


@pytest.mark.parametrize("octets", HOSTILE)
def test_broken_frames_end_the_connection_and_nothing_else(
    tmp_path: Path, kernel: FakeKernel, octets: bytes
) -> None:
    with running_enforcer(tmp_path, kernel) as running:
        with socket.socket(socket.AF_UNIX) as raw:
            raw.settimeout(5)
            raw.connect(str(running.socket))
            raw.sendall(octets)
            with contextlib.suppress(ConnectionResetError):
                assert raw.recv(10) == b""
        client = running.client
        assert client.look(V4).mac == PHONE


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"verb": None},
        {"verb": ["look"]},
        {"verb": "install"},
        {"verb": "look"},
        {"verb": "look", "address": 7},
        {"verb": "look", "address": "10.77.0.11; drop"},
        {"verb": "admit", "session": "x", "mac": "y", "address": "z", "seconds": "1"},
        {"verb": "admit", "session": str(uuid4()), "mac": str(PHONE), "address": str(V4), "seconds": True},
        {"verb": "admit", "session": str(uuid4()), "mac": str(PHONE), "address": str(V4), "seconds": 1e300},
        {"verb": "revoke", "session": str(uuid4()), "reason": "two words"},
        {"verb": "revoke", "session": str(uuid4()), "reason": "a" * 33},
        {"verb": "learn", "addresses": "203.0.113.1", "seconds": 5},
        {"verb": "learn", "addresses": [None], "seconds": 5},
        {"verb": "observe", "acknowledge": [{}]},
    ],
)
def test_requests_that_make_no_sense_are_refused_in_words(
    tmp_path: Path, kernel: FakeKernel, request_: dict[str, object]
) -> None:
    with running_enforcer(tmp_path, kernel) as running, socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(5)
        raw.connect(str(running.socket))
        raw.sendall(protocol.encode(request_))
        (length,) = struct.unpack(">I", raw.recv(4))
        answer, _ = protocol.decode(raw.recv(length))
        assert answer["refused"] in ("invalid", "forbidden")
        assert answer["message"]
        assert not kernel.opened()


def test_a_reading_of_many_sessions_comes_in_many_frames(tmp_path: Path, kernel: FakeKernel) -> None:
    count = 2 * protocol.RECORDS_PER_FRAME + 1
    phones = [
        (Mac((0x02_00_00_00_00_00 + n).to_bytes(6, "big")), ip_address("10.77.0.2") + n) for n in range(1000)
    ]
    phones += [(Mac((0x06_00_00_00_00_00 + n).to_bytes(6, "big")), V6 + 1 + n) for n in range(count - 1000)]
    for mac, address in phones:
        kernel.move(address, mac)
    with running_enforcer(tmp_path, kernel) as running:
        client = running.client
        for mac, address in phones:
            client.admit(session(), mac, address, 60)
        assert len(client.observe().live) == count


def test_callers_that_outlive_an_enforcer_find_the_next_one(tmp_path: Path, kernel: FakeKernel) -> None:
    client = EnforcerClient(tmp_path / "enforcer.sock")
    with running_enforcer(tmp_path, kernel) as running:
        client.look(V4)
    with pytest.raises(EnforcerUnavailable):
        EnforcerClient(running.socket, timeout=0.1).look(V4)
    answers: list[object] = []
    waiting = threading.Thread(target=lambda: answers.append(client.look(V4).mac))
    waiting.start()
    with running_enforcer(tmp_path, kernel):
        waiting.join(5)
    assert answers == [PHONE]
    client.close()


def test_an_address_that_no_event_told_of_is_asked_for(tmp_path: Path, kernel: FakeKernel) -> None:
    with running_enforcer(tmp_path, kernel) as running:
        client = running.client
        client.look(V4)
        kernel.move(V6, OTHER)
        kernel.swallow_events()
        assert client.look(V6).mac == OTHER
        client.admit(session(), OTHER, V6, 60)
