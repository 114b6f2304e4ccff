from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.cli import main

EXAMPLE = Path(__file__).parents[3] / "deploy" / "gateway.example.toml"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The example with a database in a directory of the test's own."""
    text = (
        EXAMPLE.read_text()
        .replace("# url = ", "url = ")
        .replace("/var/lib/gerbang/gerbang.db", f"{tmp_path}/g.db")
    )
    (tmp_path / "gateway.toml").write_text(text)
    return tmp_path / "gateway.toml"


def test_check_says_that_nothing_is_wrong(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(config)]) == 0
    assert "nothing wrong" in capsys.readouterr().out


def test_wrong_settings_are_said_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.toml").write_text("[moniter]\n")
    assert main(["check", "--config", str(tmp_path / "bad.toml")]) == 2
    assert "did you mean 'monitor'?" in capsys.readouterr().err


def test_staff_before_the_tables_are_made_is_told_what_to_do(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add = ["staff", "add", "rina", "--role", "operator", "--config", str(config)]
    assert main(add) == 1
    assert "gerbang database upgrade" in capsys.readouterr().err
    assert main(["database", "upgrade", "--config", str(config)]) == 0
    assert "version" in capsys.readouterr().out
    assert main(add) == 0
    assert len(capsys.readouterr().out.strip()) >= 15
    assert main(add) == 1
    assert "rina" in capsys.readouterr().err


def test_the_enforcers_process_loads_nothing_but_the_standard_library() -> None:
    program = """
import sys
before = set(sys.modules)
import deploy.cli, policy.enforcer.server
third = {n.split('.')[0] for n in set(sys.modules) - before} - set(sys.stdlib_module_names)
third = {n for n in third if not n.startswith('_sysconfigdata')}  # the standard library's, named by platform
print(' '.join(sorted(third)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=EXAMPLE.parents[1],
        env=dict(os.environ),
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["deploy", "policy"]
