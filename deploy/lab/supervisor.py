"""Keeps the laboratory's servers running, as systemd does on a real gateway.

A server that ends is started again 0.2 s later; one that keeps ending waits longer each time, up to 5 s.
What a server leaves behind when it is killed (workers of its process group) goes with it. Every server
writes to a log file of its own.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.lab.errors import LabError

_RESTART_SECONDS = 0.2  # the same as RestartSec= of the real gateway's units
_LONGEST_RESTART_SECONDS = 5.0
_STEADY_SECONDS = 3.0  # one that ran this long was well: its next restart is quick again
_STOP_SECONDS = 3.0
_LIVES = 5
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Service:
    """One server: its whole command line, and how to see that it serves (given its process id)."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    ready: Callable[[int], bool]


@dataclass
class Process:
    """A supervised server. `pid` is the one that runs now, 0 between two lives; `starts` counts its lives."""

    service: Service
    log: Path
    pid: int = 0
    starts: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to keep it running."""
        self._thread = threading.Thread(target=self._keep, name=f"keep-{self.service.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; `join` waits."""
        self._stopping.set()
        self.kill(signal.SIGTERM)

    def join(self) -> None:
        """Wait until it has ended, and end it by force after 3 s."""
        if self._thread is None:
            return
        self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            self.kill(signal.SIGKILL)
            self._thread.join()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the server itself (its workers get none), if it runs."""
        if self.pid:
            os.kill(self.pid, number)

    def wait_ready(self, deadline: float) -> None:
        """Return once it serves; LabError with the end of its log after `deadline` (monotonic) or 5 lives."""
        while not (self.pid and self.service.ready(self.pid)):
            if time.monotonic() > deadline or self.starts > _LIVES:
                raise LabError(f"{self.service.name} does not come up. The end of {self.log}:\n{self.tail()}")
            time.sleep(_POLL_SECONDS)

    def tail(self, lines: int = 15) -> str:
        """The last lines of its log."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else "(empty)"
        return "\n".join(text.splitlines()[-lines:])

    def _keep(self) -> None:
        pause = _RESTART_SECONDS
        with self.log.open("ab", buffering=0) as log:
            while not self._stopping.is_set():
                began = time.monotonic()
                self._live(log.fileno())
                steady = time.monotonic() - began >= _STEADY_SECONDS
                pause = (
                    _RESTART_SECONDS if steady or self.starts <= 1 else min(pause * 2, _LONGEST_RESTART_SECONDS)
                )
                self._stopping.wait(pause)

    def _live(self, log: int) -> None:
        child = subprocess.Popen(
            self.service.command,
            env=dict(self.service.environment),
            cwd=self.service.directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the supervisor, which ends the rest in order
        )
        self.starts += 1
        self.pid = child.pid
        if self._stopping.is_set():
            self.kill(signal.SIGTERM)
        # Waits without reaping, so that nobody can be given this process id while `pid` still names it.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        self.pid = 0
        _end_group(child.pid)
        status = child.wait()
        if not self._stopping.is_set():
            os.write(log, f"(supervisor: ended with {status}, starting again)\n".encode())


def _end_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


class Supervisor:
    """All servers of one laboratory, by name."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._processes: dict[str, Process] = {}

    def start(self, services: Sequence[Service]) -> None:
        """Start these, all at once."""
        for service in services:
            process = Process(service, self._logs / f"{service.name}.log")
            self._processes[service.name] = process
            process.start()

    def wait_ready(self, names: Sequence[str], seconds: float = 30) -> None:
        """Return once all of these serve; LabError for the first that does not within `seconds`."""
        deadline = time.monotonic() + seconds
        for name in names:
            self._processes[name].wait_ready(deadline)

    def process(self, name: str) -> Process:
        """One of them; KeyError if no server has that name."""
        return self._processes[name]

    def names(self) -> list[str]:
        """All that were started, in that order."""
        return list(self._processes)

    def stop(self) -> None:
        """End all of them, the last started first, and wait for each."""
        for process in reversed(self._processes.values()):
            process.stop()
        for process in self._processes.values():
            process.join()
        self._processes.clear()


def listens(pid: int, protocol: str, port: int) -> bool:
    """Whether somebody in the network namespace of `pid` has a server socket (`tcp`, `udp`) on `port`.

    Read from /proc/PID/net, whose rows end the wait without a connection that the server would have to answer.
    """
    listening = (
        "0A" if protocol == "tcp" else "07"
    )  # TCP_LISTEN, TCP_CLOSE: the latter is an unconnected UDP socket
    for family in ("", "6"):
        try:
            rows = Path(f"/proc/{pid}/net/{protocol}{family}").read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[1].endswith(f":{port:04X}") and fields[3] == listening:
                return True
    return False
