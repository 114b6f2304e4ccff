"""What must change so that the kernel is as it should be: pure, so that every case is a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policy.model import Address, Binding

#: A kernel timeout that is this near to the wish is left alone, seconds: timeouts are read in whole seconds, and
#: rewriting 10,000 elements at each restart for a rounding is work for nothing.
TOLERANCE = 2


@dataclass(frozen=True, slots=True)
class Open:
    """Let ``binding`` pass for ``seconds`` from now; an open binding gets the new time (both directions)."""

    binding: Binding
    seconds: int


@dataclass(frozen=True, slots=True)
class Close:
    """Stop ``binding``; closing what is not open changes nothing."""

    binding: Binding


@dataclass(frozen=True, slots=True)
class Learn:
    """Let everybody reach ``address`` on tcp/443 for ``seconds``: the walled garden."""

    address: Address
    seconds: int


Change = Open | Close | Learn


def plan(desired: Mapping[Binding, int], observed: Mapping[Binding, int]) -> list[Change]:
    """The changes that turn ``observed`` into ``desired`` (both: binding -> seconds left); closings first."""
    closings: list[Change] = [Close(binding) for binding in observed if binding not in desired]
    openings: list[Change] = [
        Open(binding, seconds)
        for binding, seconds in desired.items()
        if binding not in observed or abs(observed[binding] - seconds) > TOLERANCE
    ]
    return closings + openings
