"""A gunicorn worker for hostile phones: TLS on one of its two ports, and a deadline for everything.

gunicorn's own gevent worker speaks TLS on all of its sockets or on none, waits for a handshake for ever, and logs
addresses and URLs of bad requests. One master with both ports needs one set of workers and ends as one.

This module is imported before gevent patches the standard library, so it must not import what binds parts of
``ssl`` or ``socket`` by name (requests, urllib3).
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import ssl
from typing import Any

import gevent
from gunicorn.http import errors as http_errors
from gunicorn.workers.ggevent import GeventWorker

from portal.visitor import entry

#: Seconds for a TLS handshake, all of it.
HANDSHAKE_SECONDS = 5
#: Seconds from a request's headers to the end of its answer: three questions to the identity provider, a slow
#: body, a slow reader.
REQUEST_SECONDS = 20
#: PR_SET_PDEATHSIG in linux/prctl.h.
_PR_SET_PDEATHSIG = 1
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def tls_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 or newer with this certificate chain; ``OSError`` where the files are no pair."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


class VisitorWorker(GeventWorker):  # type: ignore[misc]  # gunicorn carries no types
    """Serves plain http on one port and https on the other, told apart by the listener."""

    def init_process(self) -> None:
        """End with the master, even with one that was killed: the next one needs the ports."""
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        super().init_process()

    def run(self) -> None:
        """Make the TLS context once per worker, after gevent has replaced the class."""
        portal = self.app.portal
        self._https_port = portal.https_port
        self._tls = tls_context(str(portal.certificate), str(portal.key))
        self._redirect = entry.raw(portal.host)
        super().run()

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """One connection, from its first octet."""
        if listener.getsockname()[1] == self._https_port:
            client = self._shake_hands(client)
            if client is None:
                return
        super().handle(listener, client, addr)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """One request and its answer, or the end of the connection when that takes too long."""
        try:
            with gevent.Timeout(REQUEST_SECONDS):
                super().handle_request(listener_name, req, sock, addr)
        except gevent.Timeout:
            raise StopIteration from None  # what gunicorn takes for "close the connection"

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what is no request without echoing or logging it; an error of ours is logged by its name."""
        del req, addr
        if not isinstance(exc, http_errors.ParseException | ssl.SSLError | OSError | UnicodeError):
            self.log.error("a connection ended by %s", type(exc).__name__)
        answer = _BAD_REQUEST if isinstance(client, ssl.SSLSocket) else self._redirect
        with contextlib.suppress(OSError, gevent.Timeout), gevent.Timeout(HANDSHAKE_SECONDS):
            client.sendall(answer)

    def _shake_hands(self, client: Any) -> Any:
        with contextlib.suppress(OSError, gevent.Timeout), gevent.Timeout(HANDSHAKE_SECONDS):
            return self._tls.wrap_socket(client, server_side=True)
        client.close()
        return None


#: What gunicorn is told wherever this worker serves, visitors or staff.
SHARED: dict[str, Any] = {
    "worker_class": VisitorWorker,
    # Seconds for a request's headers, and for an idle connection.
    "keepalive": 5,
    "graceful_timeout": 2,
    "timeout": 30,
    "limit_request_fields": 64,
    # No proxy is trusted, because there is none.
    "forwarded_allow_ips": "",
    "secure_scheme_headers": {},
    # gunicorn does not know that a socket speaks TLS; sendfile(2) would send around it.
    "sendfile": False,
    "control_socket_disable": True,
    "accesslog": None,
    "errorlog": "-",
    "loglevel": "warning",
}
