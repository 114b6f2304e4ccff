"""Where a captive phone's packets must not show up, and how one knows that nothing is still under way."""

from __future__ import annotations

import secrets
import socket

from deploy.sandbox.names import GEMPITA_NAME, HOSTS, NEWS_NAME
from policy.model import Address
from tests.network.frames import MARK
from tests.network.guest import Guest
from tests.network.sniffer import Sniffer, destination

#: The discard port (RFC 863): nobody listens there.
_DISCARD = 9


def site(name: str, family: int) -> Address:
    """The address of a site of the laboratory's internet."""
    host = next(host for host in HOSTS if host.name == name)
    return next(address for address in host.addresses if address.version == family)


def leaks(uplink: Sniffer, witness: Guest, *forbidden: str | Address) -> list[str]:
    """What has reached the internet until now that must not have: marked, or sent to the news or to ``forbidden``.

    The witness's own packet ends the capture: it takes the same way after all the others.
    """
    sentinel = secrets.token_bytes(24)
    to = site(GEMPITA_NAME, 4)
    with witness.socket(to, socket.SOCK_DGRAM) as last:
        last.sendto(sentinel, (str(to), _DISCARD))
    closed = {str(address) for address in (site(NEWS_NAME, 4), site(NEWS_NAME, 6), *forbidden)}
    frames = uplink.until(sentinel)
    return [frame.hex() for frame in frames if MARK in frame or destination(frame) in closed]
