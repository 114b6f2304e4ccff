import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.lab.errors import LabError
from deploy.lab.supervisor import Process, Service, Supervisor, listens


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path)
    yield made
    made.stop()


def started(supervisor: Supervisor, code: str, ready: Callable[[int], bool] = lambda pid: pid > 0) -> Process:
    command = [sys.executable, "-c", code]
    supervisor.start([Service("server", command, dict(os.environ), Path("/"), ready)])
    return supervisor.process("server")


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_a_killed_server_is_started_again(supervisor: Supervisor) -> None:
    process = started(supervisor, "import time; time.sleep(60)")
    supervisor.wait_ready(["server"])
    first = process.pid
    began = time.monotonic()
    process.kill()
    until(lambda: process.pid not in (0, first))
    assert time.monotonic() - began >= 0.2
    assert process.starts == 2


def test_what_a_killed_server_left_behind_goes_with_it(supervisor: Supervisor, tmp_path: Path) -> None:
    note = tmp_path / "child"
    code = f"""
import os, pathlib, time
child = os.fork()
if child: pathlib.Path({str(note)!r}).write_text(str(child))
time.sleep(60)"""
    process = started(supervisor, code, lambda _: note.exists() and note.read_text() != "")
    supervisor.wait_ready(["server"])
    child = int(note.read_text())
    process.kill()
    until(lambda: _ended(child))


def _ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_server_that_never_serves_is_an_error_with_its_last_words(supervisor: Supervisor) -> None:
    started(supervisor, "raise SystemExit('no such key')", lambda _: False)
    with pytest.raises(LabError, match="no such key"):
        supervisor.wait_ready(["server"], seconds=1)


def test_stop_ends_one_that_does_not_listen(supervisor: Supervisor, tmp_path: Path) -> None:
    note = tmp_path / "up"
    code = f"""
import pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path({str(note)!r}).touch()
time.sleep(60)"""
    process = started(supervisor, code, lambda _: note.exists())
    supervisor.wait_ready(["server"])
    pid = process.pid
    supervisor.stop()
    assert not Path(f"/proc/{pid}").exists()


def test_a_signal_reaches_the_server(supervisor: Supervisor) -> None:
    """Not SIGINT: what a shell starts in the background ignores it, and so do the tests' own children."""
    code = """
import signal, time
signal.signal(signal.SIGUSR1, lambda *_: print('heard', flush=True))
print('up', flush=True)
time.sleep(60)"""
    process = started(supervisor, code)
    until(lambda: "up" in process.tail())
    process.kill(signal.SIGUSR1)
    until(lambda: "heard" in process.tail())


def test_listening_is_seen_without_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        port, datagram = server.getsockname()[1], udp.getsockname()[1]
        assert listens(os.getpid(), "tcp", port)
        assert listens(os.getpid(), "udp", datagram)
    assert not listens(os.getpid(), "tcp", port)
