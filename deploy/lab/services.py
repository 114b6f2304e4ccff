"""The laboratory's servers: how each is started, with which rights, and how one sees that it serves.

Rights are those of a real gateway's units: the enforcer is root with nothing but CAP_NET_ADMIN to gain, the rest
have a user each and no capability; none can gain any (no_new_privs).
"""

import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deploy.lab.configuration import DATABASE_GID, UIDS, Places
from deploy.lab.netns import inside
from deploy.lab.network import Namespace
from deploy.lab.supervisor import Service, listens

# Who shares the database with others; the resolver keeps to itself.
_GROUPS = {"portal": DATABASE_GID, "console": DATABASE_GID, "monitor": DATABASE_GID, "resolver": UIDS["resolver"]}


@dataclass(frozen=True)
class Gateway:
    """The gateway's machine, its files, and the read-only view of this checkout that its processes run from."""

    machine: Namespace
    places: Places
    source: Path

    def servers(self) -> list[Service]:
        """Debian's two and the enforcer: what needs no database."""
        files = self.places.root
        return [
            self._debian("unbound", ["unbound", "-d", "-c", str(files / "unbound.conf")], "tcp", 53),
            self._debian("dnsmasq", ["dnsmasq", "-C", str(files / "dnsmasq.conf")], "udp", 67),
            self._gerbang("enforcer", lambda _: _answers(self.places.socket)),
        ]

    def database_users(self) -> list[Service]:
        """What starts once the database has its tables."""
        return [
            # Both listen before their workers can answer.
            self._gerbang("portal", lambda _: _serves(self.machine, 8080, 8443)),
            self._gerbang("console", lambda _: _serves(self.machine, 8444)),
            self._gerbang("monitor", lambda pid: listens(pid, "tcp", 9104)),
            self._gerbang("resolver", lambda pid: pid > 0),
        ]

    def command(self, user: str, arguments: Sequence[str]) -> list[str]:
        """The command line of `gerbang ARGUMENTS` as the user of this process."""
        python = self.source / ".venv" / "bin"
        program = [str(python / "python"), str(python / "gerbang"), *arguments]
        # Files of the database's directory are shared by its group, all others by nobody.
        masked = ["/bin/sh", "-c", 'umask 0007 && exec "$@"', "sh", *program]
        return self.machine.command(["setpriv", *_rights(user), "--", *masked])

    def environment(self, user: str) -> dict[str, str]:
        """What the gateway's programs find in their environment."""
        own = str(self.places.private(user))
        return {**self.machine.environment, "HOME": own, "TMPDIR": own, "PYTHONPATH": str(self.source)}

    def _gerbang(self, name: str, ready: Callable[[int], bool]) -> Service:
        command = self.command(name, [name, "--config", str(self.places.settings)])
        return Service(name, command, self.environment(name), self.source, ready)

    def _debian(self, name: str, arguments: Sequence[str], protocol: str, port: int) -> Service:
        command = self.machine.command(arguments)
        return Service(
            name, command, self.machine.environment, Path("/"), lambda pid: listens(pid, protocol, port)
        )


def internet(machine: Namespace, directory: Path, source: Path) -> list[Service]:
    """The authoritative name server and all sites of the lab's internet."""
    nsd = ["nsd", "-d", "-c", str(directory / "nsd.conf")]
    settings = str(directory / "internet.json")
    sites = [sys.executable, "-m", "deploy.sandbox.internet", "--config", settings]
    return [
        Service("nsd", machine.command(nsd), machine.environment, Path("/"), lambda pid: listens(pid, "tcp", 53)),
        Service(
            "internet",
            machine.command(sites),
            machine.environment,
            source,
            lambda pid: listens(pid, "tcp", 443),
        ),
    ]


def _rights(user: str) -> list[str]:
    if user == "enforcer":
        return ["--bounding-set=-all,+net_admin", "--inh-caps=-all,+net_admin", "--no-new-privs"]
    identity = [f"--reuid={UIDS[user]}", f"--regid={_GROUPS[user]}", "--clear-groups"]
    return [*identity, "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]


def _serves(machine: Namespace, *ports: int) -> bool:
    """Whether a server on the machine's own loopback answers at all these ports, if only to hang up."""
    return all(inside(machine.name, partial(_speaks, port)) for port in ports)


def _speaks(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            probe.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
            probe.recv(1)
    except ConnectionResetError:
        return True  # this is no TLS
    except OSError:
        return False
    return True


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
