"""How fast a visitor gets through, how many a second, and how long a killed enforcer is away."""

from __future__ import annotations

import time
from itertools import count
from statistics import median

from deploy.benchmarks.callers import Callers
from deploy.benchmarks.figures import Measured
from deploy.benchmarks.gateway import Gateway
from deploy.benchmarks.packets import Stream, Wire
from deploy.benchmarks.phones import Phone
from deploy.benchmarks.rounds import ROUNDS, interleave

#: Phones that only ``first_packet`` grants and revokes; below are those whose grants stay.
SPARE = range(10_000, 11_000)


def first_packet(one: tuple[Gateway, Wire], many: tuple[Gateway, Wire], bare: Wire, calls: int) -> list[Measured]:
    """From before the portal's call to the phone's first packet at the site, half IPv4, half IPv6; ms.

    ``one`` has no grant but the one that is measured, ``many`` has 9,999 others.
    """
    spare = count()

    def granted(gateway: Gateway, wire: Wire) -> float:
        return median(
            _grant(gateway, wire, Phone(SPARE[next(spare) % len(SPARE)]), 4 + 2 * (n % 2)) for n in range(calls)
        )

    def open_router() -> float:
        return median(_passage(bare, Phone(SPARE[n]), 4 + 2 * (n % 2)) for n in range(calls))

    samples = interleave(
        {"1": lambda: granted(*one), "10000": lambda: granted(*many), "open": open_router}, ROUNDS
    )
    yardstick = f"{median(samples['open']):.3g} ms through a bare router"
    return [
        Measured(
            f"grant_ms_p50_{grants}",
            median(samples[grants]),
            yardstick,
            {"rounds_ms": samples[grants], "open_router_ms": samples["open"], "calls_per_round": calls},
        )
        for grants in ("1", "10000")
    ]


def grants_per_second(callers: Callers, grants: int) -> Measured:
    """Let phones 1 to ``grants`` - 1 pass, a share a round; beside it as many looks, which change nothing."""
    share = grants // ROUNDS
    shares = iter([range(max(1, first), first + share) for first in range(0, grants, share)])
    samples = interleave(
        {"grants": lambda: callers.admit(next(shares)), "looks": lambda: callers.look(range(share))}
    )
    return Measured(
        "grants_per_s",
        median(samples["grants"]),
        f"{median(samples['looks']):,.0f}/s looks through the same socket",
        {"rounds_grants": samples["grants"], "rounds_looks": samples["looks"], "grants": grants},
    )


def restore(one: Gateway, many: Gateway, wire: Wire, phone: Phone, session: str) -> Measured:
    """From SIGKILL to the answer that knows ``session`` again; the phone's packets must pass all the while."""
    sent = lost = 0

    def with_many() -> float:
        nonlocal sent, lost
        with Stream(wire, phone) as stream:
            seconds = many.restart(phone, session)
        lost += stream.check()
        sent += stream.sent
        return seconds

    samples = interleave({"10000": with_many, "0": lambda: one.restart(phone, None)})
    return Measured(
        "restore_10000_s",
        median(samples["10000"]),
        f"{median(samples['0']):.2g} s without grants",
        {
            "rounds_s": samples["10000"],
            "without_grants_s": samples["0"],
            "packets_sent": sent,
            "packets_lost": lost,
        },
    )


def _grant(gateway: Gateway, wire: Wire, phone: Phone, version: int) -> float:
    address = phone.ipv4 if version == 4 else phone.ipv6
    began = time.perf_counter()
    session = gateway.admit(phone, address)
    wire.pass_one(phone, version)
    milliseconds = (time.perf_counter() - began) * 1e3
    gateway.portal.revoke(session, "visitor")
    return milliseconds


def _passage(wire: Wire, phone: Phone, version: int) -> float:
    began = time.perf_counter()
    wire.pass_one(phone, version)
    return (time.perf_counter() - began) * 1e3
