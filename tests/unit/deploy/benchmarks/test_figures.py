import json

import pytest

from deploy.benchmarks.figures import FIGURES, KEYS, Figure, Measured, document

# Issue 2 names these, and scripts that read the JSON rely on them.
PROMISED = {
    "grant_ms_p50_1",
    "grant_ms_p50_10000",
    "grants_per_s",
    "restore_10000_s",
    "redirects_per_s",
    "forward_ratio_1",
    "forward_ratio_10000",
    "observe_50000_ms",
}


def measured(*, without: str = "") -> list[Measured]:
    return [Measured(key, 1 / 3, "1 of the bare router", {"rounds": [1.0]}) for key in KEYS if key != without]


def test_the_document_has_exactly_the_promised_keys() -> None:
    written = json.loads(json.dumps(document(measured(), {"cores": 2})))
    assert set(written) == PROMISED | {"details"}
    assert written["grants_per_s"] == 0.3333
    assert written["details"]["machine"] == {"cores": 2}
    assert written["details"]["figures"]["grants_per_s"] == {"rounds": [1.0], "yardstick": "1 of the bare router"}


def test_a_figure_that_was_not_measured_makes_no_document() -> None:
    with pytest.raises(ValueError, match="grants_per_s"):
        document(measured(without="grants_per_s"), {})


def test_a_figure_that_nobody_asked_for_makes_no_document() -> None:
    with pytest.raises(ValueError, match="horses"):
        document([*measured(), Measured("horses", 1, "")], {})


@pytest.mark.parametrize(
    ("at_least", "value", "met"), [(True, 2, True), (True, 1.99, False), (False, 2, True), (False, 2.01, False)]
)
def test_a_target_is_met_at_the_target(at_least: bool, value: float, met: bool) -> None:
    assert Figure("key", "title", "ms", 2, at_least).met(value) is met


def test_rates_and_ratios_are_better_when_higher() -> None:
    assert {figure.key for figure in FIGURES if figure.at_least} == {
        "grants_per_s",
        "redirects_per_s",
        "forward_ratio_1",
        "forward_ratio_10000",
    }
