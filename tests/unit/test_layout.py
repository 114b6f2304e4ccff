"""The house rules that neither ruff nor import-linter knows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "tests" / "unit"
TOP_LEVEL = {
    "policy", "portal", "monitoring", "deploy", "tests", "setup.cfg", "README.md",
    "pyproject.toml", "CHANGELOG.md", "LICENSE", ".ci", ".gitignore",
}  # fmt: skip
#: A file that is longer holds two ideas (the design's rule of thumb, with room for one long table).
LONGEST_MODULE = 320


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / line for line in listed.stdout.splitlines()]


@pytest.mark.parametrize("test", sorted(UNIT.glob("*/**/test_*.py")), ids=lambda path: str(path.relative_to(UNIT)))
def test_every_unit_test_stands_where_its_source_does(test: Path) -> None:
    """``test_app.py`` tests ``app.py`` or the package ``app``; ``test_app_hostile.py`` one side of it."""
    folder = ROOT / test.relative_to(UNIT).parent
    words = test.stem.removeprefix("test_").split("_")
    names = ["_".join(words[:count]) for count in range(1, len(words) + 1)]
    assert any((folder / f"{name}.py").exists() or (folder / name).is_dir() for name in names)


def test_the_top_level_is_as_agreed() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in tracked()} <= TOP_LEVEL


def test_no_module_has_two_ideas() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked("policy/*.py", "portal/*.py", "monitoring/*.py", "deploy/*.py")
        if path.exists() and (lines := len(path.read_text().splitlines())) > LONGEST_MODULE
    }
    assert not long
