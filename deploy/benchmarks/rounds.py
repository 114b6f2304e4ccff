"""Interleaved rounds: what is compared runs turn by turn, so that a noisy neighbour troubles both alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median

#: Fewer would let one bad moment decide the median.
ROUNDS = 5

Samples = dict[str, list[float]]


def interleave(measures: Mapping[str, Callable[[], float]], rounds: int = ROUNDS) -> Samples:
    """Call every measure once a round; who begins changes with the round. Results by name, in order of rounds."""
    names = list(measures)
    samples: Samples = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            samples[name].append(measures[name]())
    return samples


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """The median of the ratios round by round: what slowed both in one round cancels out."""
    return median(above / below for above, below in zip(numerators, denominators, strict=True))
