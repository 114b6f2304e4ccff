from collections.abc import Callable

import pytest

from deploy.benchmarks.rounds import ROUNDS, interleave, median_ratio


def test_every_measure_runs_once_a_round_and_the_first_one_changes() -> None:
    order: list[str] = []

    def measure(name: str) -> Callable[[], float]:
        def run() -> float:
            order.append(name)
            return len(order)

        return run

    samples = interleave({name: measure(name) for name in "abc"}, rounds=3)
    assert "".join(order) == "abc" + "bca" + "cab"
    assert samples == {"a": [1, 6, 8], "b": [2, 4, 9], "c": [3, 5, 7]}


def test_there_are_at_least_five_rounds() -> None:
    assert ROUNDS >= 5


def test_a_round_in_which_everything_was_slow_does_not_move_the_ratio() -> None:
    assert median_ratio([9, 9, 0.9], [10, 10, 1]) == pytest.approx(0.9)


def test_ratios_of_unequal_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        median_ratio([1, 2], [1])
