"""The gateway's own processes in a router, from the same entry points as on a real gateway, and their callers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from deploy.benchmarks.errors import BenchError
from deploy.benchmarks.phones import LAN_IPV4, LAN_IPV6, Phone
from deploy.benchmarks.topology import World, enter
from deploy.lab.configuration import UIDS
from policy.client import EnforcerClient, EnforcerUnavailable
from policy.model import Address

#: Grants outlive a run of the benchmarks, and one more than they take.
GRANT_SECONDS = 7_200
_START_SECONDS = 30.0
#: A busy machine is slow, which is measured; only one that does not answer at all is an error.
_PATIENCE_SECONDS = 10.0
_GERBANG = Path(sys.executable).with_name("gerbang")


#: Root with nothing but CAP_NET_ADMIN to gain, as its unit says.
_ENFORCER_RIGHTS = ["--bounding-set=-all,+net_admin", "--inh-caps=-all,+net_admin", "--no-new-privs"]
Answer = TypeVar("Answer")


@contextmanager
def acting_as(user: str) -> Iterator[None]:
    """Let this whole process be ``user`` for a moment: the enforcer knows its callers by their uid."""
    os.seteuid(UIDS[user])
    try:
        yield
    finally:
        os.seteuid(0)


@dataclass
class Gateway:
    """An enforcer in ``world``'s router, and this process as its portal and its monitor."""

    world: World
    root: Path
    portal: EnforcerClient = field(init=False)
    monitor: EnforcerClient = field(init=False)
    _enforcer: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True)
        self.settings.write_text(_toml(self.directory), encoding="utf-8")
        self.portal = EnforcerClient(self.socket, _PATIENCE_SECONDS)
        self.monitor = EnforcerClient(self.socket, _PATIENCE_SECONDS)

    @property
    def directory(self) -> Path:
        """Where its files are."""
        return self.root / self.world.router

    @property
    def settings(self) -> Path:
        """Its gateway.toml."""
        return self.directory / "gateway.toml"

    @property
    def socket(self) -> Path:
        """Where its enforcer listens."""
        return self.directory / "enforcer.sock"

    @property
    def log(self) -> Path:
        """What its processes said."""
        return self.directory / "log"

    def start(self) -> None:
        """Start the enforcer and connect this process to it."""
        self._enforcer = self.spawn("enforcer", _ENFORCER_RIGHTS)
        self._patiently("portal", lambda: self.portal.look(Phone(0).ipv4))
        self._patiently("monitor", self.monitor.observe)

    def kill(self) -> None:
        """End the enforcer at once, as a crash would."""
        if self._enforcer is not None:
            self._enforcer.kill()
            self._enforcer.wait()
            self._enforcer = None

    def spawn(self, process: str, rights: list[str]) -> subprocess.Popen[bytes]:
        """Start one of the gateway's processes in the router, with these words for setpriv(1)."""
        command = [
            "setpriv",
            *rights,
            "--",
            sys.executable,
            str(_GERBANG),
            process,
            "--config",
            str(self.settings),
        ]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                enter(self.world.router, command), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def restart(self, phone: Phone, session: str | None) -> float:
        """Kill the enforcer and start it again; seconds until it answers that ``phone`` has ``session``.

        BenchError if it does not know the session any more.
        """
        began = time.monotonic()
        self.kill()
        self._enforcer = self.spawn("enforcer", _ENFORCER_RIGHTS)
        known = self._patiently("portal", lambda: self.portal.look(phone.ipv4)).session
        seconds = time.monotonic() - began
        if known != session:
            raise BenchError(f"the enforcer came back without the session it had\n{self.tail()}")
        self._patiently("monitor", self.monitor.observe)
        return seconds

    def admit(self, phone: Phone, address: Address | None = None) -> str:
        """Let a phone pass; its session."""
        session = str(uuid4())
        self.portal.admit(session, phone.mac, address or phone.ipv4, GRANT_SECONDS)
        return session

    def tail(self) -> str:
        """The end of what its processes said."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-15:])

    def _patiently(self, user: str, call: Callable[[], Answer]) -> Answer:
        """Call until the enforcer answers; the client then keeps its connection, which is this user's."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                with acting_as(user):
                    return call()
            except EnforcerUnavailable as error:
                ended = self._enforcer is None or self._enforcer.poll() is not None
                if ended or time.monotonic() > deadline:
                    raise BenchError(f"the enforcer does not come up: {error}\n{self.tail()}") from error


def user_rights(user: str) -> list[str]:
    """A user of its own and no capability."""
    uid = UIDS[user]
    identity = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    return [*identity, "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]


def _toml(directory: Path) -> str:
    return f"""\
[gateway]
id = "bench"
hotspot = "Bench"
kecamatan = "Balikpapan Kota"

[network]
lan = "lan0"
wan = "wan0"
lan_ipv4 = "{LAN_IPV4}"
lan_ipv6 = "{LAN_IPV6}"

[enforcer]
socket = "{directory / "enforcer.sock"}"
journal = "{directory / "enforcer" / "journal"}"

[enforcer.peers]
portal = {UIDS["portal"]}
console = {UIDS["console"]}
monitor = {UIDS["monitor"]}
resolver = {UIDS["resolver"]}

[garden]
names = ["bsw.balikpapan.test"]

[database]
url = "sqlite:///{directory / "portal" / "gerbang.db"}"

[portal]
host = "wifi.balikpapan.test"
certificate = "{directory / "portal" / "portal.pem"}"
key = "{directory / "portal" / "portal.key"}"
secret_file = "{directory / "portal" / "secret"}"

[identity]
issuer = "https://bsw.balikpapan.test"
client_id = "bench"

[notice]
controller = "Bench"
contact = "bench@balikpapan.test"

[console]
host = "konsol.balikpapan.test"
certificate = "{directory / "console.pem"}"
key = "{directory / "console.key"}"
secret_file = "{directory / "console.secret"}"

[monitor]
pseudonym_key_file = "{directory / "portal" / "pseudonym.key"}"
"""
