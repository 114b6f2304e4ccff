"""A whole laboratory as one object: builds it, keeps it running, takes it away.

    with Lab(phones=2) as lab:
        for facts in lab.phone(1).steps("join", "probe"):
            ...
        lab.kill("portal")

It must run in namespaces of its own (`deploy/isolated`): whatever kills it, the kernel takes all of it away.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from deploy.lab import configuration, network, services
from deploy.lab.configuration import DATABASE_GID, UIDS, Places
from deploy.lab.errors import LabError
from deploy.lab.network import Namespace
from deploy.lab.supervisor import Process, Service, Supervisor
from deploy.sandbox import names
from deploy.sandbox.authority import Authority
from deploy.sandbox.provider.residents import RESIDENTS
from deploy.sandbox.zone import hints_text, nsd_text, zone_text

HOME = Path("/run/gerbang-lab")
_ISOLATED = Path("/run/gerbang-isolated")  # deploy/isolated leaves it on the private /run
_CHECKOUT = Path(__file__).resolve().parents[2]
#: What tells a step that somebody waits for: called with a short text as the lab comes up.
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Phone:
    """A phone's machine and the program that acts as its owner."""

    machine: Namespace
    source: Path

    def run(self, arguments: list[str], timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run any program inside the phone; the caller judges the exit status."""
        return self.machine.run(arguments, timeout)

    def trust_in_chromium(self) -> None:
        """Put the lab's authority where Chromium looks: an NSS database in the owner's home. Once is enough."""
        database = self.machine.home / ".pki" / "nssdb"
        database.mkdir(parents=True)
        where = ["certutil", "-d", f"sql:{database}"]
        subprocess.run([*where, "-N", "--empty-password"], check=True, capture_output=True)
        add = ["-A", "-n", "laboratory", "-t", "C,,", "-i", str(self.machine.trusted)]
        subprocess.run([*where, *add], check=True, capture_output=True)

    def steps(self, *steps: str, account: str = "sari", site: str = "berita.test") -> Iterator[dict[str, Any]]:
        """Let the owner do these steps (deploy/lab/phone.py); gives what was seen at each as soon as it is."""
        program = [sys.executable, "-m", "deploy.lab.phone", "--account", account, "--site", site, *steps]
        process = subprocess.Popen(
            self.machine.command(program),
            env={**self.machine.environment, "GERBANG_PIN": _pin(account)},
            cwd=self.source,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the laboratory, which ends the rest in order
        )
        assert process.stdout is not None  # noqa: S101  # PIPE gives one
        try:
            for line in process.stdout:
                yield json.loads(line)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()


class Lab:
    """One running laboratory below `directory`, which must be open to all users (pytest's tmp_path is not)."""

    def __init__(self, directory: Path = HOME, phones: int = 2, progress: Progress = lambda _: None) -> None:
        if phones < 1:
            raise ValueError("a laboratory has at least one phone")
        self._directory = directory
        self._phones = phones
        self._progress = progress
        self._stack = ExitStack()
        self._machines: dict[str, Namespace] = {}
        self.places = Places(directory / "gateway" / "files", directory / "tls")
        self.source = directory / "source"
        self.supervisor = Supervisor(directory / "log")

    def __enter__(self) -> Self:
        if not _ISOLATED.exists():
            raise LabError("the laboratory runs under deploy/isolated only: ./deploy/up, ./deploy/test")
        try:
            self._build()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def gateway(self) -> Namespace:
        """The gateway's machine."""
        return self._machines["gateway"]

    @property
    def internet(self) -> Namespace:
        """The machine that holds all sites."""
        return self._machines["internet"]

    @property
    def database(self) -> Path:
        """The gateway's SQLite file."""
        return self.places.database

    def phone(self, number: int) -> Phone:
        """Phone 1, 2, ...; LabError if there are fewer."""
        try:
            return Phone(self._machines[f"phone{number}"], self.source)
        except KeyError:
            raise LabError(f"this laboratory has {self._phones} phones, not {number}") from None

    def process(self, name: str) -> Process:
        """A server: enforcer, portal, console, monitor, resolver, unbound, dnsmasq, nsd, internet."""
        return self.supervisor.process(name)

    def kill(self, name: str) -> None:
        """Kill a server (-9); the supervisor starts it again."""
        self.process(name).kill()

    def gerbang(self, user: str, *arguments: str) -> str:
        """Run `gerbang ARGUMENTS` on the gateway as the user of a process: its output, or LabError."""
        command = self._gateway.command(user, [*arguments, "--config", str(self.places.settings)])
        done = subprocess.run(
            command,
            env=self._gateway.environment(user),
            cwd=self.source,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            start_new_session=True,
            check=False,
        )
        if done.returncode != 0:
            raise LabError(f"gerbang {' '.join(arguments)} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    @property
    def _gateway(self) -> services.Gateway:
        return services.Gateway(self.gateway, self.places, self.source)

    def _build(self) -> None:
        self._directory.mkdir(mode=0o755, parents=True)
        self._stack.callback(shutil.rmtree, self._directory)
        (self._directory / "log").mkdir()
        self._show_source()
        self._progress("cables")
        self._machines = network.build(
            self._directory, self._phones, [str(a) for a in names.site_addresses()], self.places.authority
        )
        self._stack.callback(lambda: network.demolish(self._machines.values()))
        self._progress("certificates and settings")
        self._write_files()
        self._stack.callback(self.supervisor.stop)
        self._progress("servers")
        self.supervisor.start([*self._internet_servers(), *self._gateway.servers()])
        self.gerbang("portal", "database", "upgrade")
        self.supervisor.start(self._gateway.database_users())
        self.supervisor.wait_ready(self.supervisor.names())

    def _internet_servers(self) -> list[Service]:
        return services.internet(self.internet, self._directory / "internet", self.source)

    def _write_internet(self, authority: Authority) -> None:
        directory = self._directory / "internet"
        state = directory / "nsd"
        state.mkdir()
        zone = directory / "root.zone"
        zone.write_text(zone_text(names.HOSTS, names.NAMESERVER), encoding="ascii")
        nsd = nsd_text(names.NAMESERVER, zone, state)
        (directory / "nsd.conf").write_text(nsd, encoding="utf-8")
        certificates = {host.name: authority.issue([host.name]) for host in names.served()}
        sites = configuration.internet_json(certificates)
        (directory / "internet.json").write_text(sites, encoding="utf-8")

    def _show_source(self) -> None:
        """Give the gateway's users a view of this checkout, wherever it is (root's home is closed to them)."""
        self.source.mkdir()
        subprocess.run(["mount", "--bind", str(_CHECKOUT), str(self.source)], check=True)
        self._stack.callback(subprocess.run, ["umount", "--lazy", str(self.source)], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", str(self.source)], check=True)

    def _write_files(self) -> None:
        places = self.places
        places.root.mkdir()
        for name, uid in {"enforcer": 0, **UIDS}.items():
            _directory(places.private(name), uid, uid, 0o700)
        places.socket.parent.mkdir()
        _directory(places.database.parent, 0, DATABASE_GID, 0o2770)
        # SQLite makes its files 0644 whatever the umask, and those beside the database with the database's mode.
        places.database.touch()
        os.chown(places.database, UIDS["portal"], DATABASE_GID)
        places.database.chmod(0o660)
        authority = Authority.create(places.tls)
        self._write_internet(authority)
        for name, host in (("portal", configuration.PORTAL_HOST), ("console", configuration.CONSOLE_HOST)):
            authority.issue([host], owner=UIDS[name])
        issuer = f"https://{names.PROVIDER_NAME}"
        toml = configuration.gateway_toml(places, issuer, [names.PROVIDER_NAME])
        places.settings.write_text(toml, encoding="utf-8")
        leases = places.root / "dnsmasq.leases"
        (places.root / "dnsmasq.conf").write_text(configuration.dnsmasq_conf(leases), encoding="utf-8")
        hints = places.root / "root.hints"
        hints.write_text(hints_text(names.NAMESERVER), encoding="ascii")
        (places.root / "unbound.conf").write_text(configuration.unbound_conf(hints), encoding="utf-8")


def _pin(account: str) -> str:
    return next(resident.pin for resident in RESIDENTS if resident.username == account)


def _directory(path: Path, uid: int, gid: int, mode: int) -> None:
    path.mkdir()
    os.chown(path, uid, gid)
    path.chmod(mode)  # after chown, which clears set-group-ID
