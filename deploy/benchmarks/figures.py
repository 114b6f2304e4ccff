"""What is measured: the figures' names, units and targets, and the JSON that says how they came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. ``target`` is the most it may be, or the least where ``at_least``; ``unit`` is for people."""

    key: str
    title: str
    unit: str
    target: float
    at_least: bool = False

    def met(self, value: float) -> bool:
        """Whether ``value`` reaches the target."""
        return value >= self.target if self.at_least else value <= self.target


#: Targets: what a visitor does not notice (grants, restart), what one hotspot's busiest minute asks (rates), what
#: two cores can carry beside the traffic (ratios, readings). All of them are goals of the first release.
FIGURES = (
    Figure("grant_ms_p50_1", "grant to first packet, 1 grant", "ms", 2),
    Figure("grant_ms_p50_10000", "grant to first packet, 10,000 grants", "ms", 2),
    Figure("grants_per_s", "grants through the socket", "/s", 1_000, at_least=True),
    Figure("restore_10000_s", "killed to answering, 10,000 grants", "s", 2),
    Figure("redirects_per_s", "redirects of the portal", "/s", 1_000, at_least=True),
    Figure("forward_ratio_1", "throughput / bare router, 1 grant", "", 0.9, at_least=True),
    Figure("forward_ratio_10000", "throughput / bare router, 10,000 grants", "", 0.9, at_least=True),
    Figure("observe_50000_ms", "reading of 50,000 grants", "ms", 400),
)
KEYS = tuple(figure.key for figure in FIGURES)


@dataclass(frozen=True, slots=True)
class Measured:
    """How one figure came out. ``yardstick`` says in words what it stands beside; ``details`` hold the rounds."""

    key: str
    value: float
    yardstick: str
    details: Mapping[str, Any] = field(default_factory=dict)


def document(measured: Sequence[Measured], machine: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON document: every key of ``KEYS`` with its number, and ``details``. ValueError if one is missing."""
    by_key = {one.key: one for one in measured}
    if set(by_key) != set(KEYS):
        raise ValueError(f"measured {sorted(by_key)}, not {sorted(KEYS)}")
    details = {key: {**by_key[key].details, "yardstick": by_key[key].yardstick} for key in KEYS}
    return {
        **{key: _rounded(by_key[key].value) for key in KEYS},
        "details": {"figures": details, "machine": dict(machine)},
    }


def _rounded(value: float) -> float:
    """Four significant digits: more would be noise."""
    return float(f"{value:.4g}")
