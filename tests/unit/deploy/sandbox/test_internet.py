"""The process itself, on loopback ports: names by SNI, both families, and many bytes."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from ipaddress import ip_address
from pathlib import Path

import pytest

from deploy.sandbox.authority import Authority

NAMES = ("bsw.balikpapan.test", "video.test", "www.google.com")
CLIENT = {"client_id": "gerbang", "redirect_uris": ["https://wifi.balikpapan.test/oidc/callback"]}


@dataclass(frozen=True)
class Internet:
    """A running internet and how to reach it."""

    http_port: int
    https_port: int
    trust: ssl.SSLContext

    @contextmanager
    def ask(
        self, name: str, path: str, address: str = "127.0.0.1", method: str = "GET", body: bytes | None = None
    ) -> Iterator[HTTPResponse]:
        """Ask ``name`` over https at a loopback ``address``; the answer's body is unread."""
        with (
            socket.create_connection((address, self.https_port), timeout=10) as raw,
            self.trust.wrap_socket(raw, server_hostname=name) as secured,
        ):
            connection = HTTPSConnection(name)
            connection.sock = secured
            connection.request(method, path, body=body, headers={"Connection": "close"})
            with connection.getresponse() as answer:
                yield answer


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    directory = tmp_path_factory.mktemp("internet")
    authority = Authority.create(directory / "tls")
    issued = [(name, *authority.issue([name], [ip_address("127.0.0.1")])) for name in NAMES]
    http_port, https_port = _free_port(), _free_port()
    config = directory / "internet.json"
    config.write_text(
        json.dumps(
            {
                "certificates": [
                    {"names": [name], "certificate": str(certificate), "key": str(key)}
                    for name, certificate, key in issued
                ],
                "provider": {"clients": [CLIENT]},
                "addresses": ["127.0.0.1", "::1"],
                "http_port": http_port,
                "https_port": https_port,
            }
        )
    )
    command = [sys.executable, "-m", "deploy.sandbox.internet", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "internet: ready on 4 sockets\n"
        yield Internet(http_port, https_port, ssl.create_default_context(cafile=str(authority.path)))
        process.terminate()
        assert process.wait(timeout=10) == 0
        assert process.stderr.read() == ""


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        return int(listening.getsockname()[1])


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_each_name_shows_its_own_certificate(internet: Internet, address: str) -> None:
    with internet.ask("bsw.balikpapan.test", "/.well-known/openid-configuration", address) as answer:
        assert json.load(answer)["issuer"] == "https://bsw.balikpapan.test"
    with internet.ask("www.google.com", "/generate_204", address) as answer:
        assert answer.status == 204


def test_who_gives_no_name_gets_a_certificate_of_the_address(internet: Internet) -> None:
    with internet.ask("127.0.0.1", "/") as answer:
        assert answer.status == 421


def test_a_wrong_name_and_a_broken_handshake_hurt_nobody(internet: Internet) -> None:
    with pytest.raises(ssl.SSLCertVerificationError), internet.ask("berita.test", "/"):
        pass
    with socket.create_connection(("127.0.0.1", internet.https_port), timeout=5) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with suppress(ConnectionResetError):
            assert not raw.recv(100).startswith(b"HTTP")
    with internet.ask("video.test", "/segment/0") as answer:
        assert len(answer.read()) == 1_000_000


def test_probes_are_answered_over_http(internet: Internet) -> None:
    connection = HTTPConnection("127.0.0.1", internet.http_port, timeout=5)
    connection.request("GET", "/generate_204", headers={"Host": "connectivitycheck.gstatic.com"})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (204, b"")
    connection.close()


def test_many_bytes_come_whole_and_stay_whole_upwards(internet: Internet) -> None:
    wanted = 30_000_000
    with internet.ask("video.test", f"/bytes/{wanted}") as answer:
        received = sum(map(len, iter(lambda: answer.read(1 << 20), b"")))
    assert received == wanted
    with internet.ask("video.test", "/upload", method="POST", body=bytes(5_000_000)) as answer:
        assert json.load(answer) == {"bytes": 5_000_000}


def test_a_cut_upload_and_a_cut_download_are_no_fault(internet: Internet) -> None:
    head = b"POST /upload HTTP/1.1\r\nHost: video.test\r\n"
    for rest in (
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"Content-Length: 9\r\n\r\nab",
    ):
        with socket.create_connection(("127.0.0.1", internet.http_port), timeout=5) as raw:
            raw.sendall(head + rest)
            raw.shutdown(socket.SHUT_WR)
            assert raw.makefile("rb").readline().startswith(b"HTTP/1.1 400 ")
    with internet.ask("video.test", "/bytes/900000000") as answer:
        assert len(answer.read(1000)) == 1000
    with internet.ask("video.test", "/bytes/1") as answer:
        assert answer.read() == b"\0"


def test_a_wrong_file_is_said_on_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy.sandbox.internet", "--config", str(tmp_path / "none.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert done.stderr.startswith("internet: cannot read: ")
    assert done.stderr.count("\n") == 1
