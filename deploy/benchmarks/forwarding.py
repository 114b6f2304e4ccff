"""What the whole ruleset costs a transfer: TCP through it, beside a router that only translates addresses."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median

from deploy.benchmarks.errors import BenchError
from deploy.benchmarks.figures import Measured
from deploy.benchmarks.offloads import set_offloads
from deploy.benchmarks.rounds import Samples, interleave, median_ratio
from deploy.benchmarks.topology import BARE, MANY, ONE, SITE_IPV4, WORLDS, World, enter, run

_PORT = 5_201
#: About 0.3 s at 7 Gbit/s; a quarter of it without offloads.
_OCTETS = 256 * 2**20
_LONGEST_SECONDS = 60
_DIRECTIONS = ("down", "up")
_GRANTS = {"1": ONE, "10000": MANY}


def forward_ratios(rounds: int) -> list[Measured]:
    """Throughput of one granted phone / the same through the bare router; the worse of down and up counts.

    With offloads a packet in the kernel is up to 64 kB, as with a network card that has GRO and TSO; without
    them each of 1,500 bytes pays for every rule, which ``details`` tell. Many short transfers rather than few long
    ones: a noisy neighbour troubles seconds, and the median forgets them.
    """
    with _servers():
        with_offloads = _throughput(rounds, _OCTETS)
        try:
            for world in WORLDS:
                set_offloads(world, on=False)
            without = _throughput(rounds, _OCTETS // 4)
        finally:
            for world in WORLDS:
                set_offloads(world, on=True)
    return [_measured(grants, with_offloads, without) for grants in _GRANTS]


def _measured(grants: str, with_offloads: Samples, without: Samples) -> Measured:
    ratios = _ratios(grants, with_offloads)
    worse = min(ratios, key=lambda direction: ratios[direction])
    bare = median(with_offloads[f"{BARE.router} {worse}"])
    names = [f"{world.router} {direction}" for world in (_GRANTS[grants], BARE) for direction in _DIRECTIONS]
    return Measured(
        f"forward_ratio_{grants}",
        ratios[worse],
        f"1; the bare router carries {bare / 1e9:.3g} Gbit/s {worse}",
        {
            "ratios": ratios,
            "ratios_without_offloads": _ratios(grants, without),
            "rounds_bits_per_s": {name: with_offloads[name] for name in names},
            "rounds_bits_per_s_without_offloads": {name: without[name] for name in names},
        },
    )


def _ratios(grants: str, samples: Samples) -> dict[str, float]:
    router = _GRANTS[grants].router
    return {
        direction: median_ratio(samples[f"{router} {direction}"], samples[f"{BARE.router} {direction}"])
        for direction in _DIRECTIONS
    }


def _throughput(rounds: int, octets: int) -> Samples:
    measures = {
        f"{world.router} {direction}": lambda w=world, d=direction: _transfer(w, d, octets)
        for direction in _DIRECTIONS
        for world in WORLDS
    }
    return interleave(measures, rounds)


def _transfer(world: World, direction: str, octets: int) -> float:
    """Bits per second that arrived in one TCP connection of phone 0."""
    reverse = ["--reverse"] if direction == "down" else []
    command = [
        "iperf3",
        "--client",
        str(SITE_IPV4),
        "--port",
        str(_PORT),
        "--json",
        "--bytes",
        str(octets),
        *reverse,
    ]
    report = json.loads(run(world.phones, command, timeout=_LONGEST_SECONDS))
    return float(report["end"]["sum_received"]["bits_per_second"])


@contextmanager
def _servers() -> Iterator[None]:
    command = ["iperf3", "--server", "--bind", str(SITE_IPV4), "--port", str(_PORT)]
    running = [
        subprocess.Popen(enter(world.internet, command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for world in WORLDS
    ]
    try:
        _wait(running)
        yield
    finally:
        for server in running:
            server.kill()
            server.wait()


def _wait(servers: Sequence[subprocess.Popen[bytes]]) -> None:
    time.sleep(0.5)
    if any(server.poll() is not None for server in servers):
        raise BenchError("iperf3 does not start as a server")
