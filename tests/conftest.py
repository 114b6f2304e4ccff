"""One laboratory for all network and browser tests of a run: it costs seconds to start, and a gateway that serves
many visitors in a row is what it is meant to be."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from deploy.lab.lab import HOME, Lab

ARTIFACTS = Path(__file__).parents[1] / ".artifacts"
ISOLATED = Path("/run/gerbang-isolated")
#: The phones' parts: tests/network/conftest.py and tests/browser/conftest.py.
PHONES = 5


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    if not ISOLATED.exists():
        pytest.skip("needs namespaces of its own: deploy/isolated .venv/bin/python -m pytest, or ./deploy/test")
    with Lab(phones=PHONES) as laboratory:
        yield laboratory


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the laboratory's logs of a failed test: the laboratory itself is gone when somebody reads of it."""
    report = yield
    if report.failed and (HOME / "log").is_dir():
        kept = ARTIFACTS / "logs" / "".join(c if c.isalnum() else "-" for c in item.nodeid)[-120:]
        shutil.copytree(HOME / "log", kept, dirs_exist_ok=True)
        report.sections.append(("laboratory", f"the servers' logs are in {kept}"))
    return report
