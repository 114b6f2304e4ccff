"""The laboratory itself, as people start it, and as it ends."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from deploy.lab.browser import Browser

pytestmark = pytest.mark.network

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [str(ROOT / "deploy" / "isolated"), str(ROOT / ".venv" / "bin" / "python"), "-m", "deploy.lab"]


def left() -> set[str]:
    """All that a laboratory could leave behind: mounts, files, and namespaces in which a process still lives.

    A laboratory has a process namespace of its own, so one that is gone has no process left; single processes
    say less, since others come and go here meanwhile.
    """
    found = {f"mount {line}" for line in Path("/proc/mounts").read_text().splitlines()}
    found |= {f"file {path}" for path in Path("/run").iterdir()}
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            found |= namespaces(process)
    return found


def namespaces(process: Path) -> set[str]:
    """None of a process that is gone, or dead: pytest, the first process of this namespace, reaps no orphans."""
    try:
        if (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return set()
        return {str((process / "ns" / kind).readlink()) for kind in ("pid", "net")}
    except (FileNotFoundError, ProcessLookupError):
        return set()


@contextmanager
def staying() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A laboratory that stays up, and what it has printed until then."""
    with subprocess.Popen(
        COMMAND, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as lab:
        assert lab.stdout is not None
        said = ""
        try:
            for line in lab.stdout:
                said += line
                if line.startswith("Ctrl-C"):
                    break
            assert "Ctrl-C" in said, said
            yield lab, said
        finally:
            lab.kill()


def child_of(parent: int) -> int:
    return int(Path(f"/proc/{parent}/task/{parent}/children").read_text().split()[0])


def test_once_walks_the_whole_trip_and_leaves_nothing() -> None:
    before = left()
    began = time.monotonic()
    done = subprocess.run([*COMMAND, "--once"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("✓") == 9, done.stdout
    assert time.monotonic() - began < 40
    nothing_remains(before)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda lab: lab.kill(), id="the outermost process"),
        pytest.param(lambda lab: os.kill(child_of(lab.pid), signal.SIGKILL), id="the supervisor"),
    ],
)
def test_nothing_remains_after_kill_9_of(end: Callable[[subprocess.Popen[str]], None]) -> None:
    before = left()
    with staying() as (lab, _):
        end(lab)
        lab.wait(timeout=20)
    nothing_remains(before)


def test_a_person_signs_in_through_the_windows_and_ctrl_c_ends_all_quietly() -> None:
    before = left()
    with staying() as (lab, said):
        portal, provider, console = re.findall(r"http://127\.0\.0\.1:\d+", said)
        browser = Browser(requests.Session())
        browser.open(f"{portal}/")
        press(browser, "masuk")
        assert browser.url.startswith(f"{provider}/")
        press(browser, "masuk", {"login": "budi", "pin": "135791"})
        assert browser.url == f"{portal}/status"
        assert "online" in browser.title
        browser.open(f"{console}/")
        assert browser.status == 200
        assert all("https://" not in control.target for control in browser.controls)
        os.killpg(lab.pid, signal.SIGINT)
        assert lab.stdout is not None
        assert lab.stdout.read().strip() == ""
        assert lab.wait(timeout=20) == 0
    nothing_remains(before)


def nothing_remains(before: set[str]) -> None:
    deadline = time.monotonic() + 5  # after a kill the kernel ends the rest by itself, not at once
    while not left() <= before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left() - before == set()


def press(browser: Browser, pattern: str, answers: dict[str, str] | None = None) -> None:
    control = browser.find(pattern)
    assert control is not None, browser.title
    browser.press(control, answers or {})
