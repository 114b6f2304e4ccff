"""A sandbox Balikpapan Single Window on loopback, and a person who signs in at it.

For tests of whatever must meet a real OpenID Provider; plain http, so nothing but loopback may carry it.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urljoin

import requests
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from deploy.sandbox.provider import RESIDENTS, Client, Controls, ProviderConfig, Resident, create_app

SARI, BUDI, TIA = RESIDENTS


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        """Keep pytest's output to what failed."""


@dataclass(frozen=True, slots=True)
class RunningProvider:
    """A provider on loopback and what controls it: key rotation, logout, faults."""

    issuer: str
    controls: Controls


@contextmanager
def controlled_provider(clients: Sequence[Client], port: int = 0, **settings: Any) -> Iterator[RunningProvider]:
    """Run a provider as ``running_provider`` does and give its controls, too."""
    made: list[Flask] = []

    def make_app(issuer: str) -> Flask:
        made.append(create_app(ProviderConfig(issuer=issuer, clients=tuple(clients), **settings)))
        return made[0]

    with serving(make_app, port) as issuer:
        yield RunningProvider(issuer, Controls.of(made[0]))


@contextmanager
def running_provider(clients: Sequence[Client], port: int = 0, **settings: Any) -> Iterator[str]:
    """Run a provider for ``clients`` in a thread and give its issuer URL, ``http://127.0.0.1:PORT``.

    Name a ``port`` to come back under the same issuer after a stop; its keys are new then. Other ``settings``
    are those of ``ProviderConfig``.
    """
    with controlled_provider(clients, port, **settings) as provider:
        yield provider.issuer


@contextmanager
def serving(make_app: Callable[[str], Flask], port: int = 0) -> Iterator[str]:
    """Run the app that ``make_app`` returns for its origin, ``http://127.0.0.1:PORT``, until the end."""
    listening = socket.create_server(("127.0.0.1", port))
    origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
    app = make_app(origin)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent, fd=listening.fileno())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield origin
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        listening.close()


def sign_in(authorization_url: str, resident: Resident = SARI, pin: str | None = None) -> str:
    """Open the sign-in page as a browser without scripts would, give the PIN, return where it sends us back.

    The callback is not fetched. A wrong ``pin`` gives an ``AssertionError`` with the page.
    """
    with requests.Session() as browser:
        page = browser.get(authorization_url, allow_redirects=False, timeout=5)
        assert page.status_code == 200, page.text
        form = {"csrf_token": form_token(page.text), "login": resident.username, "pin": pin or resident.pin}
        answer = browser.post(authorization_url, data=form, allow_redirects=False, timeout=5)
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]


def decide_device(verification_url: str, resident: Resident = SARI, **form: str) -> requests.Response:
    """Open the complete verification URI of a device grant, decide as a person would, return the last page.

    ``form`` holds ``number`` (what the device's screen shows) and, where it differs, ``decision``, ``pin``.
    """
    with requests.Session() as browser:
        page = browser.get(verification_url, timeout=5)
        assert page.status_code == 200, page.text
        code = re.search(r'name="user_code" value="([^"]+)"', page.text)
        assert code, page.text
        sent = {"decision": "allow", "login": resident.username, "pin": resident.pin} | form
        sent |= {"csrf_token": form_token(page.text), "user_code": code.group(1)}
        return browser.post(urljoin(verification_url, "/device"), data=sent, timeout=5)


def form_token(html: str) -> str:
    """Return the CSRF token of the page's form."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert found, html
    return unescape(found.group(1))
