"""The order in which everything is measured: what one figure leaves behind, the next one needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.benchmarks import forwarding, granting, reading, redirecting, topology
from deploy.benchmarks.callers import Callers, callers
from deploy.benchmarks.figures import Measured
from deploy.benchmarks.gateway import Gateway
from deploy.benchmarks.packets import Wire
from deploy.benchmarks.phones import Phone
from deploy.benchmarks.report import Progress
from deploy.benchmarks.topology import BARE, MANY, ONE

_GRANTS = 10_000
_READ = 50_000
#: The phone with a network stack: it transfers, and is caught.
_PHONE = Phone(0)


@dataclass(frozen=True, slots=True)
class _Length:
    """How much a round does."""

    calls: int
    wrk_seconds: int
    transfer_rounds: int


_FULL = _Length(calls=60, wrk_seconds=5, transfer_rounds=21)
_QUICK = _Length(calls=20, wrk_seconds=2, transfer_rounds=9)


def measure(root: Path, progress: Progress, *, quick: bool) -> list[Measured]:
    """Measure every figure; ``root`` is an empty directory for the gateways' files. May raise BenchError."""
    length = _QUICK if quick else _FULL
    with ExitStack() as stack:
        with progress.step("three routers, 11,000 phones, two enforcers"):
            _build()
            one, many = (stack.enter_context(_running(world, root)) for world in (ONE, MANY))
            wires = [stack.enter_context(_wire(world)) for world in (ONE, MANY, BARE)]
        portals = stack.enter_context(callers(many.socket))
        measured = _grants(one, many, wires, portals, progress, length)
        with progress.step("redirects of the portal"):
            measured.append(redirecting.redirects(one, length.wrk_seconds))
        one.admit(_PHONE)
        with progress.step("throughput, with and without offloads"):
            measured += forwarding.forward_ratios(length.transfer_rounds)
        with progress.step("50,000 grants"):
            topology.introduce(MANY, [Phone(number) for number in range(granting.SPARE.stop, _READ)])
            portals.admit(range(_GRANTS, _READ))
        with progress.step("readings of 50,000 grants"):
            measured.append(reading.observe(many, wires[1], [Phone(number) for number in range(_READ)], [4]))
    return measured


def _grants(
    one: Gateway, many: Gateway, wires: Sequence[Wire], portals: Callers, progress: Progress, length: _Length
) -> list[Measured]:
    """What ends with 10,000 grants in ``many`` and none in ``one``."""
    with progress.step("grants through the socket"):
        session = many.admit(_PHONE)
        measured = [granting.grants_per_second(portals, _GRANTS)]
    with progress.step("grant to first packet"):
        measured += granting.first_packet((one, wires[0]), (many, wires[1]), wires[2], length.calls)
    with progress.step("killed to answering"):
        measured.append(granting.restore(one, many, wires[1], _PHONE, session))
    return measured


def _build() -> None:
    topology.build()
    nearby = [_PHONE, *map(Phone, granting.SPARE)]
    for world in (ONE, BARE):
        topology.introduce(world, nearby)
    topology.introduce(MANY, [Phone(number) for number in range(granting.SPARE.stop)])


@contextmanager
def _running(world: topology.World, root: Path) -> Iterator[Gateway]:
    gateway = Gateway(world, root)
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.kill()


@contextmanager
def _wire(world: topology.World) -> Iterator[Wire]:
    wire = Wire(world)
    try:
        yield wire
    finally:
        wire.close()
