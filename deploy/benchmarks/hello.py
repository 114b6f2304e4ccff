"""The least that gunicorn can serve: what the portal's redirects are measured beside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Greet; nothing of the request is read."""
    del environ
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6")])
    return (b"hello\n",)
