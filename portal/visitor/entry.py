"""The answer to every plain-http request of a captive phone: go to the portal (facts/captive-detection.md)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

STATUS = "302 Found"


def headers(host: str) -> list[tuple[str, str]]:
    """The same headers whatever was asked: nothing of the request comes back.

    302 and ``no-store``, because the same address must lead elsewhere once the phone is online; no HSTS, because
    plain http is the only way in that needs no certificate of the site that was asked for.
    """
    return [
        ("Location", f"https://{host}/"),
        ("Cache-Control", "no-store"),
        ("Content-Length", "0"),
    ]


def entry(host: str) -> WSGIApplication:
    """The WSGI application for every method, path and host; it reads nothing."""
    fixed = headers(host)

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        del environ
        start_response(STATUS, fixed)
        return ()

    return application


def raw(host: str) -> bytes:
    """The same answer as octets, for bytes that are no request at all; the connection ends."""
    lines = [f"HTTP/1.1 {STATUS}", *(f"{name}: {value}" for name, value in headers(host)), "Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode("ascii")
