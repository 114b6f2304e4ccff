"""Every process of the gateway is killed during a download: who is online notices nothing, nobody else gets in."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest

from deploy.lab.configuration import PORTAL_HOST
from deploy.lab.lab import Lab
from deploy.lab.network import LAN_IPV4
from deploy.sandbox.names import NEWS_NAME, STREAMING_NAME
from tests.network.caller import ask
from tests.network.fence import leaks, site
from tests.network.frames import IPV4, IPV6, Source, build
from tests.network.guest import Bytes, Guest
from tests.network.inspection import counted, ending, minutes, poll
from tests.network.sniffer import Sniffer

pytestmark = pytest.mark.network

VICTIMS = ("enforcer", "portal", "console", "monitor", "resolver", "unbound", "dnsmasq")
#: 20 s at this rate: longer than it takes to kill all of them and see each come back.
RATE, SIZE = 1_500_000, 30_000_000
BACK_SECONDS = 15.0


@pytest.fixture
def film(online: Guest) -> Iterator[subprocess.Popen[str]]:
    """A download that takes its time."""
    command = ["curl", "--silent", "--show-error", "--fail", "--limit-rate", str(RATE), "--output", "/dev/null"]
    written = ["--write-out", "%{size_download}", f"http://{STREAMING_NAME}/bytes/{SIZE}"]
    with subprocess.Popen(
        online.phone.machine.command([*command, *written]),
        env=online.phone.machine.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def usage(lab: Lab, guest: Guest) -> Bytes:
    used = ask(lab, "portal", "look", guest.ipv4)["usage"]
    return Bytes(used["up_bytes"], used["down_bytes"])


def test_nobody_online_notices(
    lab: Lab, online: Guest, stranger: Guest, witness: Guest, uplink: Sniffer, film: subprocess.Popen[str]
) -> None:
    session = ask(lab, "portal", "look", online.ipv4)["session"]
    for name in VICTIMS:
        kill(lab, name)
        assert_still_captive(stranger, witness, uplink)
        answers(lab, name, stranger)
    assert ask(lab, "portal", "look", online.ipv4)["session"] == session
    assert film.poll() is None, "the download was over before the last of them was back: make it longer"

    said, complained = film.communicate(timeout=60)
    assert (film.returncode, said) == (0, str(SIZE)), complained
    assert online.api()["captive"] is False
    # At rest: what the enforcer says, the kernel's counters and, in the end, the database are of one mind.
    between = usage(lab, online) - counted(lab, online)
    assert between.up <= 0  # counters were there before this session
    online.steps("signout")
    in_kernel = counted(lab, online)
    reason, total = ending(lab, session)
    assert reason == "visitor"
    assert total - in_kernel == between
    assert minutes(lab, session) == total
    assert total.down > SIZE


def kill(lab: Lab, name: str) -> None:
    process = lab.process(name)
    before = process.starts
    process.kill()
    poll(lambda: process.starts > before, 5, f"{name} is started again")


def assert_still_captive(stranger: Guest, witness: Guest, uplink: Sniffer) -> None:
    """At the worst moment: nothing but a reset, and nothing crosses the gateway."""
    for family, case in ((4, IPV4), (6, IPV6)):
        to = site(NEWS_NAME, family)
        assert stranger.attempt(to, 443).outcome == "ConnectionRefusedError"
        for name in ("ping", "quic", "udp-fragments"):
            source = Source(stranger.mac, str(stranger.own(family)))
            stranger.send_frames(build(case[name], source, str(to)))
    assert leaks(uplink, witness) == []


def answers(lab: Lab, name: str, stranger: Guest) -> None:
    """Wait until it serves again, and let it."""
    lab.process(name).wait_ready(time.monotonic() + BACK_SECONDS)
    if name == "portal":
        assert stranger.api()["captive"] is True
    elif name == "unbound":
        poll(lambda: stranger.ask(PORTAL_HOST, "A", LAN_IPV4).answer, 5, "names resolve")
    elif name == "dnsmasq":
        stranger.steps("join")
    elif name in ("console", "monitor"):
        port = {"console": "8444", "monitor": "9104/metrics"}[name]
        scheme = {"console": "https", "monitor": "http"}[name]
        done = lab.gateway.run(["curl", "--silent", "--insecure", "--fail", f"{scheme}://127.0.0.1:{port}"])
        assert done.returncode == 0, done
