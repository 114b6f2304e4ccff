"""./deploy/bench: measure everything once, print the table, write the JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from deploy.benchmarks import report
from deploy.benchmarks.errors import BenchError
from deploy.benchmarks.figures import Measured, document
from deploy.benchmarks.run import measure
from policy.client import EnforcerUnavailable
from policy.protocol import Refused

_ISOLATED = Path("/run/gerbang-isolated")  # deploy/isolated puts it there


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every figure was measured (met or not), 1 when one could not be, 2 for wrong words."""
    options = _parser().parse_args(arguments)
    if os.geteuid() != 0 or not _ISOLATED.exists():
        print("Start this as ./deploy/bench: it needs root and namespaces of its own.", file=sys.stderr)
        return 2
    console = Console(stderr=True)
    try:
        with TemporaryDirectory(prefix="gerbang-bench-", dir="/run") as directory:
            root = Path(directory)
            root.chmod(0o755)  # the gateway's processes are users of their own
            measured = measure(root, report.Progress(console), quick=options.quick)
    except (BenchError, EnforcerUnavailable, Refused) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    _publish(measured, options.json)
    return 0


def _publish(measured: Sequence[Measured], target: Path | None) -> None:
    Console().print(report.table(measured))
    if target is not None:
        written = json.dumps(document(measured, report.machine()), indent=2)
        target.write_text(written + "\n", encoding="utf-8")
        print(f"written: {target}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deploy/bench", description="Measure the gateway on real packets.")
    parser.add_argument("--quick", action="store_true", help="shorter rounds, as many of them: under 3 minutes")
    parser.add_argument("--json", type=_file, metavar="FILE", help="write the figures there")
    return parser


def _file(text: str) -> Path:
    path = Path(text).resolve()
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no directory {path.parent}")
    return path


if __name__ == "__main__":
    sys.exit(main())
