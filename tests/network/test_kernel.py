"""What packets do under the real ruleset: two phones, a gateway and an internet, each a network namespace."""

from __future__ import annotations

import errno
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import TypeVar

import pytest

from deploy.lab.netns import inside
from policy.compiler.ruleset import Ruleset, compile_ruleset
from policy.enforcer.kernel import KernelError, Neighbour
from policy.enforcer.linux import LinuxKernel
from policy.model import Address, Binding, Mac, Usage
from policy.plan import Change, Close, Learn, Open
from policy.settings import Settings
from tests.examples import document, settings

pytestmark = pytest.mark.network

Result = TypeVar("Result")

#: A limit for what must happen at once; it only decides how long a failure takes.
PATIENCE = 5.0
#: How long nothing must arrive before we believe that nothing does, seconds.
SILENCE = 0.3
PHONES = ("phone1", "phone2")
MACS = {"phone1": Mac.parse("02:77:00:00:01:01"), "phone2": Mac.parse("02:77:00:00:01:02")}
ADDRESSES: dict[str, dict[int, Address]] = {
    "phone1": {4: IPv4Address("10.77.0.11"), 6: IPv6Address("2001:db8:77::11")},
    "phone2": {4: IPv4Address("10.77.0.12"), 6: IPv6Address("2001:db8:77::12")},
    "gateway": {4: IPv4Address("10.77.0.1"), 6: IPv6Address("2001:db8:77::1")},
    "internet": {4: IPv4Address("203.0.113.10"), 6: IPv6Address("2001:db8:113::10")},
    "resolver": {4: IPv4Address("203.0.113.53"), 6: IPv6Address("2001:db8:113::53")},
}
IP_HEADER = {4: 20, 6: 40}
UDP_HEADER = 8
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}

both_families = pytest.mark.parametrize("version", [4, 6])


def binding(phone: str, version: int) -> Binding:
    return Binding(MACS[phone], ADDRESSES[phone][version])


class Network:
    """Four namespaces with names of this process's own, and what listens in them."""

    def __init__(self, directory: Path) -> None:
        self.settings: Settings = settings(directory)
        self.ruleset: Ruleset = compile_ruleset(self.settings.network, self.settings.portal)
        self._names = {name: f"gerbang-{os.getpid()}-{name}" for name in ("gateway", "air", "internet", *PHONES)}
        self._sockets = ExitStack()

    def inside(self, machine: str, function: Callable[[], Result]) -> Result:
        return inside(self._names[machine], function)

    def build(self) -> None:
        for name in self._names.values():
            _run("ip", "netns", "add", name)
        self._cable("air", ["link add air type bridge forward_delay 0", "link set air up"])
        for machine, port, mac in [("gateway", "lan0", "02:77:00:00:00:01")] + [
            (phone, "wlan0", str(MACS[phone])) for phone in PHONES
        ]:
            self._cable(
                "air",
                [
                    f"link add {machine} type veth peer name {port} address {mac} netns {self._names[machine]}",
                    f"link set {machine} master air up",
                ],
            )
        for phone in PHONES:
            four, six = ADDRESSES[phone].values()
            self._cable(phone, _interface("wlan0", f"{four}/22", f"{six}/64"))
            self._cable(phone, [f"route add default via {ADDRESSES['gateway'][v]}" for v in (4, 6)])
        self._cable("gateway", [f"link add wan0 type veth peer name uplink netns {self._names['internet']}"])
        self._cable("gateway", _interface("lan0", "10.77.0.1/22", "2001:db8:77::1/64"))
        self._cable("gateway", _interface("wan0", "198.51.100.2/24", "2001:db8:51::2/64"))
        self._cable("internet", _interface("uplink", "198.51.100.1/24", "2001:db8:51::1/64"))
        for site in ("internet", "resolver"):
            self._cable("internet", [f"address add {address} dev lo" for address in ADDRESSES[site].values()])
        self._cable("internet", ["route add 2001:db8:77::/64 via 2001:db8:51::2"])
        gateway_routes = ["route add default via 198.51.100.1", "route add default via 2001:db8:51::1"]
        self._cable("gateway", gateway_routes)
        for port in (80, 443, 9999):
            self.serve("internet", port, b"internet")
        for port in (22, 8080, 8443):
            self.serve("gateway", port, b"gateway %d" % port)
        for version in (4, 6):
            self.answer("internet", ADDRESSES["resolver"][version], 53, b"internet")
            self.answer("internet", ADDRESSES["internet"][version], 9999, None)
            self.answer("gateway", ADDRESSES["gateway"][version], 53, b"gateway")

    def demolish(self) -> None:
        self._sockets.close()
        for name in self._names.values():
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)

    def serve(self, machine: str, port: int, greeting: bytes) -> None:
        """Greet whoever connects on TCP, then send back what comes."""
        listener = self.inside(machine, lambda: _listener(port))
        self._sockets.enter_context(closing(listener))
        listener.listen(256)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=_converse, args=(connection, greeting), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

    def answer(self, machine: str, address: Address, port: int, reply: bytes | None) -> None:
        """Answer each datagram with ``reply``, or with itself."""
        bound = self.inside(machine, lambda: socket.socket(FAMILY[address.version], socket.SOCK_DGRAM))
        bound.bind((str(address), port))
        self._sockets.enter_context(closing(bound))

        def work() -> None:
            while True:
                try:
                    data, sender = bound.recvfrom(4096)
                    bound.sendto(reply or data, sender)
                except OSError:
                    return

        threading.Thread(target=work, daemon=True).start()

    def run(self, machine: str, *command: str) -> subprocess.CompletedProcess[str]:
        return _run("ip", "netns", "exec", self._names[machine], *command, check=False)

    def _cable(self, machine: str, lines: Sequence[str]) -> None:
        _run("ip", "-n", self._names[machine], "-batch", "-", text="\n".join(lines) + "\n")


def _interface(name: str, four: str, six: str) -> list[str]:
    addresses = [f"address add {four} dev {name}", f"address add {six} dev {name} nodad"]
    return ["link set lo up", f"link set {name} up", *addresses]


def _run(*command: str, text: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=text, capture_output=True, text=True, check=check, timeout=30)


def _listener(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("::", port))
    return bound


def _converse(connection: socket.socket, greeting: bytes) -> None:
    with connection:
        try:
            connection.sendall(greeting)
            while data := connection.recv(4096):
                connection.sendall(data)
        except OSError:
            return


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    built = Network(tmp_path_factory.mktemp("gateway"))
    try:
        built.build()
        yield built
    finally:
        built.demolish()


@pytest.fixture
def kernel(network: Network) -> Iterator[LinuxKernel]:
    """Installed, and with both phones captive at the beginning and the end."""
    made = network.inside("gateway", lambda: _installed(network))
    everything: list[Change] = [Close(binding(phone, version)) for phone in PHONES for version in (4, 6)]
    try:
        made.apply(everything)
        yield made
        made.apply(everything)
    finally:
        made.close()


def _installed(network: Network) -> LinuxKernel:
    made = LinuxKernel(network.settings.network)
    made.install(network.ruleset)
    return made


def connect(network: Network, phone: str, address: Address, port: int) -> socket.socket:
    def work() -> socket.socket:
        made = socket.socket(FAMILY[address.version], socket.SOCK_STREAM)
        made.settimeout(PATIENCE)
        try:
            made.connect((str(address), port))
        except OSError:
            made.close()
            raise
        return made

    return network.inside(phone, work)


def greeting(network: Network, phone: str, address: Address, port: int) -> bytes:
    with connect(network, phone, address, port) as connection:
        return connection.recv(64)


def datagrams(network: Network, phone: str, address: Address, port: int) -> socket.socket:
    def work() -> socket.socket:
        made = socket.socket(FAMILY[address.version], socket.SOCK_DGRAM)
        made.settimeout(PATIENCE)
        if address.version == 4:
            # IP_RECVERR: without it IPv4 keeps "administratively prohibited" from the program (ip(7)).
            made.setsockopt(socket.IPPROTO_IP, 11, 1)
        made.connect((str(address), port))
        return made

    return network.inside(phone, work)


def opening(phone: str, seconds: int = 60) -> list[Change]:
    return [Open(binding(phone, version), seconds) for version in (4, 6)]


def echo(connection: socket.socket, data: bytes = b"hello") -> None:
    connection.sendall(data)
    received = b""
    while len(received) < len(data):
        received += connection.recv(4096)
    assert received == data


def flows_from(network: Network, address: Address) -> list[str]:
    """What the gateway remembers of flows to the site; those to the gateway itself may stay."""
    ends = ["-s", str(address), "-d", str(ADDRESSES["internet"][address.version])]
    return network.run("gateway", "conntrack", "-L", "-f", f"ipv{address.version}", *ends).stdout.splitlines()


def eventually(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@both_families
def test_a_granted_phone_passes_and_is_counted_to_the_octet(
    network: Network, kernel: LinuxKernel, version: int
) -> None:
    address = ADDRESSES["phone1"][version]
    before = kernel.counters_of([address]).get(address.packed, Usage())
    kernel.apply(opening("phone1"))
    with datagrams(network, "phone1", ADDRESSES["internet"][version], 9999) as channel:
        for size in (1, 100, 1400):
            channel.send(bytes(size))
            assert len(channel.recv(4096)) == size
    octets = 1 + 100 + 1400 + 3 * (UDP_HEADER + IP_HEADER[version])
    after = Usage(
        before.up_bytes + octets, before.down_bytes + octets, before.up_packets + 3, before.down_packets + 3
    )
    assert kernel.counters_of([address]) == {address.packed: after}
    assert kernel.counters()[address.packed] == after


@both_families
@pytest.mark.parametrize("port", [443, 9999])
def test_an_ungranted_phone_is_reset_at_once(
    network: Network, kernel: LinuxKernel, version: int, port: int
) -> None:
    kernel.apply(opening("phone2"))
    with pytest.raises(ConnectionRefusedError):
        connect(network, "phone1", ADDRESSES["internet"][version], port)
    assert greeting(network, "phone2", ADDRESSES["internet"][version], port) == b"internet"


@both_families
def test_an_ungranted_datagram_is_refused_by_icmp(network: Network, kernel: LinuxKernel, version: int) -> None:
    with datagrams(network, "phone1", ADDRESSES["internet"][version], 9999) as channel:
        channel.send(b"hello")
        with pytest.raises(OSError) as refused:
            channel.recv(64)
    assert refused.value.errno == (errno.EHOSTUNREACH if version == 4 else errno.EACCES)


@both_families
def test_an_ungranted_ping_is_refused(network: Network, kernel: LinuxKernel, version: int) -> None:
    pinged = network.run("phone1", "ping", "-c1", "-W2", str(ADDRESSES["internet"][version]))
    assert pinged.returncode != 0
    assert re.search("filtered|prohibited", pinged.stdout)


@both_families
def test_port_80_is_caught_until_the_phone_is_granted(network: Network, kernel: LinuxKernel, version: int) -> None:
    site = ADDRESSES["internet"][version]
    with connect(network, "phone1", site, 80) as caught:
        assert caught.recv(64) == b"gateway 8080"
        kernel.apply(opening("phone1"))
        kernel.forget_flows([ADDRESSES["phone1"][version]])
        with pytest.raises(ConnectionResetError):
            caught.sendall(b"GET")
            caught.recv(64)
    assert greeting(network, "phone1", site, 80) == b"internet"


@both_families
def test_the_flow_through_which_a_phone_signs_in_survives_its_grant(
    network: Network, kernel: LinuxKernel, version: int
) -> None:
    with connect(network, "phone1", ADDRESSES["gateway"][version], 443) as portal:
        assert portal.recv(64) == b"gateway 8443"
        kernel.apply(opening("phone1"))
        kernel.forget_flows([ADDRESSES["phone1"][version]])
        time.sleep(SILENCE)
        echo(portal)


@both_families
def test_the_portal_is_reached_by_its_own_address(network: Network, kernel: LinuxKernel, version: int) -> None:
    own = ADDRESSES["gateway"][version]
    for changes in ([], opening("phone1")):
        kernel.apply(changes)
        assert greeting(network, "phone1", own, 80) == b"gateway 8080"
        assert greeting(network, "phone1", own, 443) == b"gateway 8443"


@both_families
@pytest.mark.parametrize("port", [22, 8080, 8443])
def test_nothing_else_of_the_gateway_is_reached(
    network: Network, kernel: LinuxKernel, version: int, port: int
) -> None:
    kernel.apply(opening("phone1"))
    with pytest.raises(ConnectionRefusedError):
        connect(network, "phone1", ADDRESSES["gateway"][version], port)
    outside = ip_address("198.51.100.2" if version == 4 else "2001:db8:51::2")
    with pytest.raises(ConnectionRefusedError):
        connect(network, "phone1", outside, port)


@both_families
def test_every_name_server_is_the_gateway(network: Network, kernel: LinuxKernel, version: int) -> None:
    for changes in ([], opening("phone1")):
        kernel.apply(changes)
        with datagrams(network, "phone1", ADDRESSES["resolver"][version], 53) as channel:
            channel.send(b"query")
            assert channel.recv(64) == b"gateway"


@both_families
def test_the_kernel_s_timeout_cuts_a_live_flow_both_ways(
    network: Network, kernel: LinuxKernel, version: int
) -> None:
    kernel.apply(opening("phone1", seconds=1))
    site = ADDRESSES["internet"][version]
    with connect(network, "phone1", site, 9999) as flow, datagrams(network, "phone1", site, 9999) as channel:
        assert flow.recv(64) == b"internet"
        echo(flow)
        channel.send(b"hello")
        assert channel.recv(64) == b"hello"
        time.sleep(1.2)
        assert binding("phone1", version) not in kernel.opened()
        with pytest.raises(ConnectionResetError):
            flow.sendall(b"more")
            flow.recv(64)
        channel.send(b"more")
        with pytest.raises(OSError):
            channel.recv(64)


@both_families
def test_closing_cuts_a_live_flow_at_once_and_forgets_it(
    network: Network, kernel: LinuxKernel, version: int
) -> None:
    address = ADDRESSES["phone1"][version]
    kernel.apply(opening("phone1"))
    with connect(network, "phone1", ADDRESSES["internet"][version], 9999) as flow:
        assert flow.recv(64) == b"internet"
        assert flows_from(network, address)
        kernel.apply([Close(binding("phone1", version))])
        kernel.forget_flows([address])
        with pytest.raises(ConnectionResetError):
            flow.sendall(b"more")
            flow.recv(64)
    assert eventually(lambda: not flows_from(network, address))


def test_flows_of_many_phones_are_forgotten_and_others_stay(network: Network, kernel: LinuxKernel) -> None:
    kernel.apply(opening("phone1") + opening("phone2"))
    mine = [ADDRESSES["phone1"][4], ADDRESSES["phone1"][6], ip_address("10.77.1.1")]
    with ExitStack() as open_flows:
        for phone in PHONES:
            for version in (4, 6):
                open_flows.enter_context(connect(network, phone, ADDRESSES["internet"][version], 9999))
        kernel.forget_flows(mine)
        assert eventually(lambda: not any(flows_from(network, address) for address in mine))
        assert all(flows_from(network, ADDRESSES["phone2"][version]) for version in (4, 6))


@both_families
def test_the_garden_is_open_on_443_only(network: Network, kernel: LinuxKernel, version: int) -> None:
    site = ADDRESSES["internet"][version]
    kernel.apply([Learn(site, 1)])
    assert greeting(network, "phone1", site, 443) == b"internet"
    assert greeting(network, "phone1", site, 80) == b"gateway 8080"
    with pytest.raises(ConnectionRefusedError):
        connect(network, "phone1", site, 9999)
    time.sleep(1.2)
    with pytest.raises(ConnectionRefusedError):
        connect(network, "phone1", site, 443)


@both_families
def test_another_address_of_a_granted_phone_is_refused(
    network: Network, kernel: LinuxKernel, version: int
) -> None:
    kernel.apply([Open(binding("phone1", version), 60)])
    other = 10 - version
    with pytest.raises(ConnectionRefusedError):
        connect(network, "phone1", ADDRESSES["internet"][other], 443)


@both_families
def test_another_phone_with_a_granted_address_is_refused(
    network: Network, kernel: LinuxKernel, version: int
) -> None:
    kernel.apply([Open(Binding(MACS["phone2"], ADDRESSES["phone1"][version]), 60)])
    with pytest.raises(ConnectionRefusedError):
        connect(network, "phone1", ADDRESSES["internet"][version], 443)
    kernel.apply([Close(Binding(MACS["phone2"], ADDRESSES["phone1"][version]))])


@both_families
def test_one_phone_cannot_hold_all_connections(network: Network, kernel: LinuxKernel, version: int) -> None:
    own = ADDRESSES["gateway"][version]
    with ExitStack() as held:
        for _ in range(48):
            held.enter_context(connect(network, "phone1", own, 443))
        with pytest.raises(ConnectionRefusedError):
            connect(network, "phone1", own, 443)
        assert greeting(network, "phone2", own, 443) == b"gateway 8443"
    assert eventually(lambda: _is_served(network, own))


def _is_served(network: Network, own: Address) -> bool:
    try:
        return greeting(network, "phone1", own, 443) == b"gateway 8443"
    except ConnectionRefusedError:
        return False


@both_families
def test_a_new_installation_keeps_what_is_open_and_flowing(
    network: Network, kernel: LinuxKernel, version: int, tmp_path: Path
) -> None:
    kernel.apply(opening("phone1"))
    address = ADDRESSES["phone1"][version]
    with connect(network, "phone1", ADDRESSES["internet"][version], 9999) as flow:
        assert flow.recv(64) == b"internet"
        counted = kernel.counters_of([address])[address.packed]
        changed = document(tmp_path)
        changed["portal"]["http_port"] = 8081
        other = Settings.from_document(changed)
        rules = compile_ruleset(other.network, other.portal)
        network.inside("gateway", lambda: kernel.install(rules))
        assert rules.digest in network.run("gateway", "nft", "list", "table", "inet", "gerbang").stdout
        assert kernel.opened()[binding("phone1", version)] >= 55
        assert kernel.counters_of([address])[address.packed].up_bytes >= counted.up_bytes > 0
        echo(flow)


def test_a_ruleset_of_other_sets_replaces_the_table(network: Network, kernel: LinuxKernel) -> None:
    kernel.apply(opening("phone1"))
    text = network.ruleset.text.replace("size 16384", "size 8192")
    structure = network.ruleset.structure
    text = text.replace(structure, "0" * 16)
    network.inside("gateway", lambda: kernel.install(Ruleset(text, "0" * 16 + ".0")))
    listed = network.run("gateway", "nft", "list", "table", "inet", "gerbang").stdout
    assert "size 8192" in listed
    assert kernel.opened() == {}


def test_what_nft_refuses_changes_nothing(network: Network, kernel: LinuxKernel) -> None:
    kernel.apply(opening("phone1"))
    broken = Ruleset(network.ruleset.text.replace("size 16384", "size no"), network.ruleset.digest)
    with pytest.raises(KernelError, match="nft refused the ruleset"):
        network.inside("gateway", lambda: kernel.install(broken))
    assert greeting(network, "phone1", ADDRESSES["internet"][4], 443) == b"internet"


def test_forwarding_is_off_until_the_rules_stand(network: Network, kernel: LinuxKernel) -> None:
    switches = [Path("/proc/sys/net/ipv4/ip_forward"), Path("/proc/sys/net/ipv6/conf/all/forwarding")]

    def state() -> list[str]:
        return [switch.read_text().strip() for switch in switches]

    def work() -> None:
        for switch in switches:
            switch.write_text("0")
        broken = Ruleset("table inet gerbang { nonsense }", network.ruleset.digest)
        with pytest.raises(KernelError):
            kernel.install(broken)
        assert state() == ["0", "0"]
        kernel.install(network.ruleset)
        assert state() == ["1", "1"]

    network.inside("gateway", work)


@pytest.mark.parametrize("refreshes", [True, False])
def test_a_grant_s_time_can_be_set_anew(network: Network, kernel: LinuxKernel, refreshes: bool) -> None:
    if refreshes and not kernel._sets._refreshes:
        pytest.skip("this kernel leaves a present element's timeout as it is")
    kernel._sets._refreshes = refreshes
    pair = binding("phone1", 4)
    kernel.apply([Open(pair, 100)])
    kernel.apply([Open(pair, 5000)])
    assert 4990 <= kernel.opened()[pair] <= 5000
    kernel.apply([Open(pair, 2)])
    time.sleep(1.1)
    kernel.apply([Open(pair, 2)])
    time.sleep(1.1)
    assert kernel.opened()[pair] == 0, "still open, for less than a second"
    assert greeting(network, "phone1", ADDRESSES["internet"][4], 443) == b"internet"
    kernel.apply([Close(pair)])
    kernel.apply([Close(pair), Close(binding("phone2", 6))])
    assert kernel.opened() == {}


def test_a_refused_transaction_applies_nothing(network: Network, kernel: LinuxKernel) -> None:
    network.inside("gateway", lambda: _run("nft", "delete", "table", "inet", "gerbang"))
    with pytest.raises(KernelError, match="No such file or directory"):
        kernel.apply(opening("phone1"))
    network.inside("gateway", lambda: kernel.install(network.ruleset))
    assert kernel.opened() == {}


@both_families
def test_a_neighbour_is_heard_of(network: Network, kernel: LinuxKernel, version: int) -> None:
    address = ADDRESSES["phone2"][version]
    network.run("gateway", "ip", "neigh", "flush", "dev", "lan0")
    kernel.neighbour_events()
    expected = Neighbour(address, MACS["phone2"])
    assert network.run("phone2", "ping", "-c1", "-W2", str(ADDRESSES["gateway"][version])).returncode == 0
    heard: list[Neighbour] = []

    def arrived() -> bool:
        heard.extend(kernel.neighbour_events())
        return expected in heard

    assert eventually(arrived)
    assert expected in kernel.neighbours()
    network.run("gateway", "ip", "neigh", "del", str(address), "dev", "lan0")
    assert eventually(lambda: Neighbour(address, None) in kernel.neighbour_events())


def test_a_missing_interface_is_named(network: Network) -> None:
    with pytest.raises(KernelError, match="no interface 'lan0'"):
        network.inside("internet", lambda: LinuxKernel(network.settings.network))
