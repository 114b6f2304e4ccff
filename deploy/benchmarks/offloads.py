"""Segmentation and receive offloads of every cable, on or off, as `ethtool -K` does."""

from __future__ import annotations

import array
import fcntl
import socket
import struct
from collections.abc import Sequence
from functools import partial
from itertools import product

from deploy.benchmarks.topology import World
from deploy.lab.netns import inside

_SIOCETHTOOL = 0x8946  # linux/sockios.h
#: linux/ethtool.h: ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO.
_COMMANDS = (0x1F, 0x24, 0x2C)


def set_offloads(world: World, *, on: bool) -> None:
    """Let packets of up to 64 kB travel through ``world``'s cables, or cut each at the sender."""
    for namespace, devices in (
        (world.phones, ["wlan0"]),
        (world.router, ["lan0", "wan0"]),
        (world.internet, ["uplink"]),
    ):
        inside(namespace, partial(_set, devices, on))


def _set(devices: Sequence[str], on: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for device, command in product(devices, _COMMANDS):
            value = array.array("B", struct.pack("II", command, int(on)))
            # struct ifreq: the name, and a pointer to struct ethtool_value.
            request = struct.pack("16sP16x", device.encode(), value.buffer_info()[0])
            fcntl.ioctl(control, _SIOCETHTOOL, request)
