from io import StringIO

from rich.console import Console

from deploy.benchmarks.figures import FIGURES, KEYS, Measured
from deploy.benchmarks.report import table, target


def test_every_figure_stands_beside_its_target_and_its_yardstick() -> None:
    measured = [Measured(key, 1_234.5, f"yardstick of {key}") for key in KEYS]
    console = Console(file=StringIO(), width=200)
    console.print(table(measured))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for figure in FIGURES:
        assert figure.title in shown
        assert target(figure) in shown
        assert f"yardstick of {figure.key}" in shown
    assert "1,234/s" in shown
    assert "missed" in shown
    assert "met" in shown


def test_a_target_says_its_direction() -> None:
    by_key = {figure.key: figure for figure in FIGURES}
    assert target(by_key["grant_ms_p50_1"]) == "<= 2 ms"
    assert target(by_key["grants_per_s"]) == ">= 1,000/s"
    assert target(by_key["forward_ratio_1"]) == ">= 0.9"
