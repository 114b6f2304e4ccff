"""The portal's real process on loopback, where 127.0.0.1 plays the phone: both ports, hostile bytes, its end."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import requests

from deploy.sandbox.authority import Authority
from monitoring.tables import Base as MonitoringBase
from policy.database import engine
from policy.model import Binding, Mac
from policy.settings import Settings
from portal.tables import Base
from portal.visitor.serve import serve
from portal.worker import HANDSHAKE_SECONDS
from tests.enforcers import running_enforcer
from tests.examples import document
from tests.unit.portal.identity.issuers import running_issuer

PHONE = Binding(Mac.parse("02:00:00:00:00:01"), ip_address("127.0.0.1"))
REDIRECTS = (b"HTTP/1.1 302 Found", b"HTTP/1.0 302 Found")
_RUN = "from deploy.cli import main; raise SystemExit(main())"


@dataclass
class Process:
    http_port: int
    https_port: int
    ca: Path
    log: Path
    process: subprocess.Popen[bytes]

    def connect(self, port: int) -> socket.socket:
        return socket.create_connection(("127.0.0.1", port), timeout=20)

    def shake_hands(self) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=self.ca)
        return context.wrap_socket(self.connect(self.https_port), server_hostname="localhost")

    def get(self, path: str = "/", timeout: float = 5) -> requests.Response:
        url = f"https://localhost:{self.https_port}{path}"
        with requests.Session() as session:
            session.trust_env = False
            return session.get(url, verify=str(self.ca), timeout=timeout, allow_redirects=False)

    def is_answering(self) -> bool:
        try:
            return self.get("/privasi", timeout=1).status_code == 200
        except requests.RequestException:
            return False

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(child) for child in children.split()]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serve")


@pytest.fixture(scope="module")
def running(directory: Path) -> Iterator[Process]:
    with started(directory) as process:
        yield process


@contextmanager
def started(directory: Path) -> Iterator[Process]:
    raw, ca = prepare(directory)
    pair = raw["portal"]["certificate"], raw["portal"]["key"]
    with running_issuer(pair) as issuer:
        raw["identity"] |= {"issuer": issuer.url, "ca_file": str(ca)}
        with launched(directory, raw, ca) as portal:
            yield portal


@contextmanager
def launched(directory: Path, raw: dict[str, Any], ca: Path) -> Iterator[Process]:
    settings = Settings.from_document(raw)
    database = engine(settings.database.url)
    Base.metadata.create_all(database)
    MonitoringBase.metadata.create_all(database)
    database.dispose()
    config = directory / "gateway.toml"
    config.write_text(toml(raw))
    log = directory / "log"
    with running_enforcer(directory, settings=settings) as enforcer, log.open("wb") as errors:
        enforcer.kernel.move(PHONE.address, PHONE.mac)
        command = [sys.executable, "-c", _RUN, "portal", "--config", str(config)]
        with subprocess.Popen(command, stderr=errors) as process:
            portal = Process(raw["portal"]["http_port"], raw["portal"]["https_port"], ca, log, process)
            try:
                within(15, portal.is_answering)
                yield portal
            finally:
                process.kill()


def prepare(directory: Path) -> tuple[dict[str, Any], Path]:
    authority = Authority.create(directory)
    certificate, key = authority.issue(["localhost"])
    raw = document(directory)
    raw["network"]["lan_ipv4"] = "127.0.0.254/8"
    ports = {"http_port": free_port(), "https_port": free_port()}
    raw["portal"] |= ports | {"certificate": str(certificate), "key": str(key)}
    return raw, authority.path


def toml(raw: dict[str, Any], prefix: str = "") -> str:
    lines = []
    for name, value in raw.items():
        if isinstance(value, dict):
            lines.append(f"[{prefix}{name}]")
            lines += [f"{key} = {json.dumps(item)}" for key, item in value.items() if not isinstance(item, dict)]
            lines.append(toml({key: item for key, item in value.items() if isinstance(item, dict)}, f"{name}."))
    return "\n".join(lines)


def free_port() -> int:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as probe:
        port: int = probe.getsockname()[1]
        return port


def within(seconds: float, condition: Any) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def everything(connection: socket.socket) -> bytes:
    """What comes until the end; a server that has not read all may end with a reset."""
    received = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65_536):
            received += piece
    return received


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /generate_204 HTTP/1.1\r\nHost: connectivitycheck.gstatic.com\r\nConnection: close\r\n\r\n",
        b"GET /" + b"a" * 8_000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET /?\x00\xff\xfe=%00%0d%0a HTTP/1.1\r\nHost: \x00\r\n\r\n",
        b"GET /a%0d%0aSet-Cookie:x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\r\n\r\n\r\nBREW\r\n\r\n",
    ],
)
def test_any_bytes_on_plain_http_lead_to_the_portal_or_nowhere(running: Process, request_bytes: bytes) -> None:
    with running.connect(running.http_port) as connection:
        with suppress(OSError):  # it may have answered and gone already
            connection.sendall(request_bytes)
            connection.shutdown(socket.SHUT_WR)
        answer = everything(connection)
    assert answer == b"" or answer.startswith(REDIRECTS)
    for line in answer.lower().split(b"\r\n"):
        assert not line.startswith((b"set-cookie", b"x:"))
    assert running.is_answering()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 100 + b"\r\n",
        b"POST /masuk HTTP/1.1\r\nHost: localhost\r\nContent-Length: nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
    ],
)
def test_bytes_that_are_no_request_get_400_over_https(running: Process, request_bytes: bytes) -> None:
    with running.shake_hands() as connection:
        connection.sendall(request_bytes)
        answer = everything(connection)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 302"))
    assert running.is_answering()


def test_a_proxy_is_not_believed(running: Process) -> None:
    with running.shake_hands() as connection:
        connection.sendall(
            b"GET /captive-portal/api HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 127.0.0.9\r\n"
            b"X-Forwarded-Proto: http\r\nScript_Name: /x\r\nConnection: close\r\n\r\n"
        )
        answer = everything(connection)
    assert b'"captive": true' in answer
    assert answer.startswith(b"HTTP/1.1 200")


def test_static_files_are_sent_encrypted_and_whole(running: Process) -> None:
    style = Path("portal/visitor/static/portal.css").read_bytes()
    assert running.get("/static/portal.css").content == style


def test_a_worker_reaches_the_provider_over_https(running: Process) -> None:
    with requests.Session() as browser:
        browser.trust_env = False
        origin = f"https://localhost:{running.https_port}"
        page = browser.get(f"{origin}/", verify=str(running.ca), timeout=5).text
        token = page.split('name="csrf_token" value="')[1].split('"')[0]
        form = {"csrf_token": token}
        answer = browser.post(f"{origin}/masuk", form, verify=str(running.ca), timeout=5, allow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("https://localhost:")
    assert "code_challenge=" in answer.headers["Location"]


def test_slow_connections_do_not_keep_others_waiting(running: Process) -> None:
    with ExitStack() as held:
        for port in (running.http_port, running.https_port):
            for _ in range(200):
                slow = held.enter_context(running.connect(port))
                slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        begun = time.monotonic()
        assert running.get().status_code == 200
        with running.connect(running.http_port) as quick:
            quick.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert everything(quick).startswith(REDIRECTS)
        assert time.monotonic() - begun < 1
    assert running.is_answering()


@pytest.mark.parametrize("port", ["http_port", "https_port"])
def test_a_silent_connection_is_ended(running: Process, port: str) -> None:
    with running.connect(getattr(running, port)) as silent:
        silent.sendall(b"\x16")
        begun = time.monotonic()
        everything(silent)
        assert time.monotonic() - begun < HANDSHAKE_SECONDS + 2


def test_a_trickling_handshake_is_ended(running: Process) -> None:
    with running.connect(running.https_port) as trickle:
        begun = time.monotonic()
        with pytest.raises(OSError):
            for octet in b"\x16\x03\x01\x02\x00" + b"\x01" * 500:
                trickle.sendall(bytes([octet]))
                time.sleep(0.2)
        assert time.monotonic() - begun < HANDSHAKE_SECONDS + 2


def test_the_log_holds_nothing_of_a_visitor(running: Process) -> None:
    running.get("/rahasia-pengunjung?token=rahasia")
    with running.connect(running.http_port) as connection:
        connection.sendall(b"GET /rahasia HTTP/9.9\r\n\r\n")
        everything(connection)
    log = running.log.read_text()
    assert "rahasia" not in log
    assert "127.0.0.1" not in log


def test_a_dead_worker_is_replaced(running: Process) -> None:
    before = running.workers()
    signal_to(before[0], signal.SIGKILL)
    within(5, lambda: len(running.workers()) == 2 and before[0] not in running.workers())
    within(5, running.is_answering)


def test_sigterm_ends_it_quickly_and_kill_leaves_no_orphan(tmp_path: Path) -> None:
    with started(tmp_path) as portal:
        workers = portal.workers()
        portal.process.terminate()
        assert portal.process.wait(timeout=4) == 0
        within(1, lambda: not any(is_running(worker) for worker in workers))
    with started(tmp_path) as portal:
        workers = portal.workers()
        assert len(workers) == 2
        portal.process.kill()
        portal.process.wait()
        within(1, lambda: not any(is_running(worker) for worker in workers))


def test_a_certificate_that_is_none_is_said_at_once(tmp_path: Path) -> None:
    raw, _ = prepare(tmp_path)
    Path(raw["portal"]["certificate"]).write_text("no certificate")
    with pytest.raises(ValueError, match=r"portal\.certificate"):
        serve(Settings.from_document(raw))
    Path(raw["portal"]["certificate"]).unlink()
    with pytest.raises(OSError, match="cannot be read"):
        serve(Settings.from_document(raw))


def signal_to(process: int, number: signal.Signals) -> None:
    subprocess.run(["kill", f"-{number.value}", str(process)], check=True)


def is_running(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    try:
        return status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
