"""The files that the gateway's processes read, as text; `deploy/lab/lab.py` writes them where they belong.

What a real gateway must have another way is said beside it; everything else is as it would be there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.lab.network import LAN_IPV4, LAN_IPV6
from deploy.sandbox.names import PORTAL_NAME

PORTAL_HOST = PORTAL_NAME
CONSOLE_HOST = "konsol.balikpapan.test"
CAPTIVE_API = f"https://{PORTAL_HOST}/captive-portal/api"

CLIENT_ID = "gerbang"
CALLBACK = f"https://{PORTAL_HOST}/oidc/callback"

# Numeric, since the machine that runs the lab has no such users; a real gateway has names (gerbang-portal...).
UIDS = {"portal": 64201, "console": 64202, "monitor": 64203, "resolver": 64204}
#: The group of those who share the database.
DATABASE_GID = 64200


@dataclass(frozen=True)
class Places:
    """Where the lab keeps the gateway's files, and (`tls`) certificates, whose keys only their owners can read."""

    root: Path
    tls: Path

    @property
    def settings(self) -> Path:
        """gateway.toml, readable by all processes; secrets are in files beside it."""
        return self.root / "gateway.toml"

    @property
    def socket(self) -> Path:
        """Where the enforcer listens; its journal is elsewhere, in a directory that only it can read."""
        return self.root / "sockets" / "enforcer.sock"

    @property
    def database(self) -> Path:
        """The SQLite file that portal, console and monitor share."""
        return self.root / "database" / "gerbang.db"

    @property
    def authority(self) -> Path:
        """The certificate of the lab's own authority, PEM."""
        return self.tls / "ca.pem"

    def private(self, process: str) -> Path:
        """A directory that only this process (and root) can read."""
        return self.root / process


def gateway_toml(places: Places, issuer: str, garden: list[str]) -> str:
    """The gateway's own settings file; `garden` are the names that a phone reaches before sign-in."""
    names = ", ".join(f'"{name}"' for name in garden)
    return f"""\
[gateway]
id = "lab-1"
hotspot = "Taman Bekapai"
kecamatan = "Balikpapan Kota"
timezone = "Asia/Makassar"

[network]
lan = "lan0"
wan = "wan0"
lan_ipv4 = "{LAN_IPV4}/22"
lan_ipv6 = "{LAN_IPV6}/64"

[enforcer]
socket = "{places.socket}"
journal = "{places.private("enforcer") / "journal"}"

[enforcer.peers]
portal = {UIDS["portal"]}
console = {UIDS["console"]}
monitor = {UIDS["monitor"]}
resolver = {UIDS["resolver"]}

[garden]
names = [{names}]
nameserver = "127.0.0.1"
interval_seconds = 60

[database]
url = "sqlite:///{places.database}"

[portal]
host = "{PORTAL_HOST}"
certificate = "{places.tls / PORTAL_HOST}.pem"
key = "{places.tls / PORTAL_HOST}.key"
secret_file = "{places.private("portal") / "secret"}"

[visits]
seconds = 3600
bytes = 2000000000
extensions = 2

[identity]
issuer = "{issuer}"
client_id = "{CLIENT_ID}"
ca_file = "{places.authority}"

[notice]
controller = "Laboratorium Gerbang"
contact = "privasi@balikpapan.test"
retention_days = 90

[console]
host = "{CONSOLE_HOST}"
certificate = "{places.tls / CONSOLE_HOST}.pem"
key = "{places.tls / CONSOLE_HOST}.key"
secret_file = "{places.private("console") / "secret"}"

[monitor]
interval_seconds = 5
metrics_address = "127.0.0.1"
metrics_port = 9104
pseudonym_key_file = "{places.database.parent / "pseudonym.key"}"
"""


def internet_json(certificates: Mapping[str, tuple[Path, Path]]) -> str:
    """The internet's settings: a certificate and key for each name, and the portal as a client of BSW."""
    entries = [
        {"names": [name], "certificate": str(certificate), "key": str(key)}
        for name, (certificate, key) in certificates.items()
    ]
    client = {"client_id": CLIENT_ID, "redirect_uris": [CALLBACK]}
    return json.dumps({"certificates": entries, "provider": {"clients": [client]}})


def dnsmasq_conf(leases: Path) -> str:
    """DHCPv4 with option 114, router advertisements with RDNSS, stateless DHCPv6 with option 103 (RFC 8910)."""
    return f"""\
port=0
interface=lan0
bind-interfaces
keep-in-foreground
log-facility=-
log-dhcp
user=dnsmasq
pid-file
no-hosts
no-resolv
dhcp-authoritative
dhcp-leasefile={leases}
dhcp-lease-max=4000
# A real gateway asks by ping whether an address is free; here that would cost each phone 3 s.
no-ping
dhcp-range=10.77.0.50,10.77.3.250,255.255.252.0,2h
dhcp-option=option:router,{LAN_IPV4}
dhcp-option=option:dns-server,{LAN_IPV4}
# Sent to every client, also to one that does not ask for it.
dhcp-option-force=114,{CAPTIVE_API}
enable-ra
dhcp-range=2001:db8:77::,ra-stateless,64,2h
dhcp-option=option6:dns-server,[{LAN_IPV6}]
dhcp-option=option6:103,{CAPTIVE_API}
"""


def unbound_conf(root_hints: Path) -> str:
    """A recursor for the LAN and the gateway; it answers the portal's name with the gateway's addresses."""
    return f"""\
server:
    directory: "/"
    chroot: ""
    username: "unbound"
    pidfile: ""
    use-syslog: no
    logfile: ""
    do-daemonize: no
    interface: 127.0.0.1
    interface: {LAN_IPV4}
    interface: {LAN_IPV6}
    access-control: 127.0.0.0/8 allow
    access-control: 10.77.0.0/22 allow
    access-control: 2001:db8:77::/64 allow

    # A real gateway validates ("validator iterator"); the lab's root is not signed.
    module-config: "iterator"
    root-hints: "{root_hints}"
    # The lab's internet lives below test., which unbound would otherwise answer as empty (RFC 6761).
    local-zone: "test." nodefault

    local-zone: "{PORTAL_HOST}." static
    local-data: "{PORTAL_HOST}. 60 IN A {LAN_IPV4}"
    local-data: "{PORTAL_HOST}. 60 IN AAAA {LAN_IPV6}"

    # A name of the internet that answers with an inside address is an attack on what is inside (rebinding).
    private-address: 10.0.0.0/8
    private-address: 100.64.0.0/10
    private-address: 169.254.0.0/16
    private-address: 172.16.0.0/12
    private-address: 192.168.0.0/16
    private-address: ::ffff:0:0/96
    private-address: fd00::/8
    private-address: fe80::/10
    # Windows tells online from captive by this name's fixed answer, fd3e:4f5a:5b81::1 among it.
    private-domain: "dns.msftncsi.com"

    hide-identity: yes
    hide-version: yes
    harden-short-bufsize: yes
    harden-large-queries: yes
    harden-referral-path: no
    deny-any: yes
    minimal-responses: yes
    qname-minimisation: yes
    edns-buffer-size: 1232
    prefetch: yes
    num-threads: 1
    msg-cache-size: 8m
    rrset-cache-size: 16m
    incoming-num-tcp: 200
    tcp-idle-timeout: 5000
    # Queries a second: of one client (a busy page needs some 50 at once), and to one name server.
    ip-ratelimit: 300
    ratelimit: 1000
    # A slow name server must not hold the places of the others.
    jostle-timeout: 200

remote-control:
    control-enable: no
"""
