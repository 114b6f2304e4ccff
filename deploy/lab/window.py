"""Windows into the laboratory for people: plain http on 127.0.0.1, real https to a server inside a namespace.

An ordinary browser knows neither the lab's names nor its authority. A window speaks both for it: it connects
from inside a namespace (as phone 2, say), verifies the server's certificate against the lab's authority, and
writes its own address in place of the server's in headers and pages. Several windows know each other, so that
a sign-in that leads from one server to another leads from one window to the other.
"""

import errno
import http.client
import re
import socket
import ssl
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from deploy.lab.errors import LabError
from deploy.lab.netns import inside

LOOPBACK = "127.0.0.1"
_TRIES = 50
_TIMEOUT = 15.0
_LONGEST_BODY = 1 << 20
# RFC 9110, 7.6.1: for one connection only. HSTS would keep the browser from this plain window.
_NOT_PASSED_ON = {
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"),
    *("transfer-encoding", "upgrade", "content-length", "strict-transport-security", "accept-encoding"),
}
_REWRITTEN = {"location", "content-security-policy", "link", "refresh"}


@dataclass(frozen=True)
class View:
    """What one window shows: a server, seen from a namespace. `port` is where on 127.0.0.1 it would like to be."""

    title: str
    namespace: str
    address: str
    upstream_port: int
    host: str
    port: int

    @property
    def origin(self) -> str:
        """How the server's own pages call it."""
        return f"https://{self.host}" + ("" if self.upstream_port == 443 else f":{self.upstream_port}")


@dataclass(frozen=True)
class Translation:
    """The servers' origins and the windows' addresses, and cookies that keep to their window.

    Browsers keep one set of cookies for 127.0.0.1 whatever the port, and no `Secure` one for plain http: so a
    window puts its port before each cookie's name and takes the attribute away.
    """

    origins: dict[str, str]

    def outward(self, text: str) -> str:
        """From the servers' addresses to the windows'."""
        for public, local in self.origins.items():
            text = re.sub(re.escape(public) + r"(?![\w.:-])", local, text)
        return text

    def inward(self, text: str) -> str:
        """From the windows' addresses to the servers'."""
        for public, local in self.origins.items():
            text = re.sub(re.escape(local) + r"(?!\d)", public, text)
        return text

    @staticmethod
    def cookie_outward(header: str, port: int) -> str:
        """A Set-Cookie header as this window sends it on."""
        kept = [part for part in header.split(";") if not re.match(r"\s*(secure|domain=.*)$", part, re.IGNORECASE)]
        return f"w{port}." + ";".join(kept).lstrip()

    @staticmethod
    def cookie_inward(header: str, port: int) -> str:
        """A Cookie header with this window's own cookies only, under the names that the server gave."""
        own = f"w{port}."
        cookies = (cookie.strip() for cookie in header.split(";"))
        return "; ".join(cookie.removeprefix(own) for cookie in cookies if cookie.startswith(own))


class Windows:
    """Opens a window for each view while the `with` block runs; `addresses` gives where, in the same order."""

    def __init__(self, views: Iterable[View], authority: Path) -> None:
        self._views = list(views)
        self._tls = ssl.create_default_context(cafile=str(authority))
        self._servers: list[_Server] = []

    @property
    def addresses(self) -> list[tuple[View, str]]:
        """Each view with the address that a person opens."""
        return [(server.view, server.local) for server in self._servers]

    def __enter__(self) -> Self:
        try:
            self._servers = [_open(view, self._tls) for view in self._views]
        except BaseException:
            self.__exit__(None, None, None)
            raise
        translation = Translation({server.view.origin: server.local for server in self._servers})
        for server in self._servers:
            server.translation = translation
            threading.Thread(target=server.serve_forever, name=f"window-{server.server_port}", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


def _open(view: View, tls: ssl.SSLContext) -> "_Server":
    for port in range(view.port, view.port + _TRIES):
        try:
            return _Server(view, tls, port)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    last = view.port + _TRIES - 1
    raise LabError(f"no free port for '{view.title}': {LOOPBACK}:{view.port} to {last} are all taken")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, view: View, tls: ssl.SSLContext, port: int) -> None:
        super().__init__((LOOPBACK, port), _Handler)
        self.view = view
        self.tls = tls
        self.translation = Translation({})

    @property
    def local(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}"

    def connect(self) -> http.client.HTTPConnection:
        """A verified connection to the server, made inside the namespace."""
        target = (self.view.address, self.view.upstream_port)
        plain = inside(self.view.namespace, lambda: socket.create_connection(target, timeout=_TIMEOUT))
        try:
            secured = self.tls.wrap_socket(plain, server_hostname=self.view.host)
        except (OSError, ValueError):
            plain.close()
            raise
        connection = http.client.HTTPConnection(self.view.host)
        connection.sock = secured
        return connection


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._pass_on()

    def do_HEAD(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: the terminal belongs to the trip, and addresses carry sign-in codes."""

    def _pass_on(self) -> None:
        # Another name for 127.0.0.1 would let any web page of this browser act as the phone (DNS rebinding).
        if self.headers.get("Host") != f"{LOOPBACK}:{self.server.server_port}":
            self.send_error(421, explain=f"Open {self.server.local}/")
            return
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _LONGEST_BODY:
            self.send_error(413)
            return
        try:
            self._exchange(self.rfile.read(int(length)))
        except (OSError, http.client.HTTPException) as error:
            self.send_error(502, explain=f"{self.server.view.host} could not be reached from here: {error}")

    def _exchange(self, body: bytes) -> None:
        connection = self.server.connect()
        try:
            connection.request(self.command, self.path, body or None, self._inward_headers())
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if "html" in answer.headers.get("Content-Type", ""):
            text = content.decode("utf-8", "surrogateescape")
            content = self.server.translation.outward(text).encode("utf-8", "surrogateescape")
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self._outward_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _inward_headers(self) -> dict[str, str]:
        headers = {"Host": self.server.view.origin.removeprefix("https://"), "Connection": "close"}
        for name, value in self.headers.items():
            lower = name.lower()
            if lower in ("origin", "referer"):
                headers[name] = self.server.translation.inward(value)
            elif lower == "cookie":
                headers[name] = Translation.cookie_inward(value, self.server.server_port)
            elif lower != "host" and lower not in _NOT_PASSED_ON:
                headers[name] = value
        return headers

    def _outward_header(self, name: str, value: str) -> None:
        lower = name.lower()
        if lower == "set-cookie":
            self.send_header(name, Translation.cookie_outward(value, self.server.server_port))
        elif lower == "content-security-policy":
            plain = re.sub(r";?\s*upgrade-insecure-requests", "", value)
            self.send_header(name, self.server.translation.outward(plain))
        elif lower in _REWRITTEN:
            self.send_header(name, self.server.translation.outward(value))
        elif lower not in _NOT_PASSED_ON:
            self.send_header(name, value)
