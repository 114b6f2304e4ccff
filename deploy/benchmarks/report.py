"""What a person reads: progress while it runs, and one table at the end."""

from __future__ import annotations

import platform
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from os import cpu_count, getloadavg
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from deploy.benchmarks.figures import FIGURES, Figure, Measured

_PROGRAMS = {"nft": ["nft", "--version"], "iperf3": ["iperf3", "--version"], "ip": ["ip", "-V"]}


class Progress:
    """One line a step, with the seconds it took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step, and say when it is done."""
        began = time.monotonic()
        with self._console.status(f"{title}..."):
            yield
        now = time.monotonic()
        self._console.print(f"[dim]{now - self._began:5.0f} s[/]  {title} [dim]({now - began:.1f} s)[/]")


def table(measured: Sequence[Measured]) -> Table:
    """Every figure beside its target and its yardstick."""
    by_key = {one.key: one for one in measured}
    made = Table(title="Gerbang, measured on this machine")
    made.add_column("what")
    made.add_column("measured", justify="right")
    made.add_column("target", justify="right")
    made.add_column("")
    made.add_column("yardstick, same run")
    for figure in FIGURES:
        one = by_key[figure.key]
        met = figure.met(one.value)
        verdict = "[green]met[/]" if met else "[red]missed[/]"
        made.add_row(figure.title, _number(figure, one.value), target(figure), verdict, one.yardstick)
    return made


def target(figure: Figure) -> str:
    """The target with its direction: ``<= 2 ms``."""
    sign = ">=" if figure.at_least else "<="
    return f"{sign} {_number(figure, figure.target)}"


def machine() -> dict[str, Any]:
    """What the figures depend on: hardware, kernel, programs, and how busy it all was."""
    cpus = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    model = next((line.partition(":")[2].strip() for line in cpus if line.startswith("model name")), "unknown")
    return {
        "cores": cpu_count(),
        "processor": model,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": [round(load, 2) for load in getloadavg()],
        "versions": {name: _says(command) for name, command in _PROGRAMS.items()}
        | {name: version(name) for name in ("gerbang", "gunicorn", "gevent")},
    }


def _says(command: Sequence[str]) -> str:
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return said.splitlines()[0] if said else "unknown"


def _number(figure: Figure, value: float) -> str:
    text = f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"
    return f"{text} {figure.unit}".replace(" /", "/").strip()
