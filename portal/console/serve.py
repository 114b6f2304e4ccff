"""The console's process: gunicorn with gevent workers behind TLS, on loopback or the management network.

Nothing here imports the application: a worker does, after gevent has patched the standard library.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication

from policy.settings import PortalSettings, Settings
from portal import worker

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_WORKERS = 2
"""A password takes a core for about a tenth of a second; the second worker serves pages meanwhile."""

_CONNECTIONS = 200
"""Connections that one worker holds open: staff, not visitors; more wait in the backlog."""


class _Console(BaseApplication):  # type: ignore[misc]  # gunicorn carries no types
    """What gunicorn must know of the console."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    @property
    def portal(self) -> PortalSettings:
        """The visitors' worker with its deadlines serves the console too: this port and certificate are its."""
        console = self._settings.console
        return dataclasses.replace(
            self._settings.portal,
            host=console.host,
            https_port=console.port,
            certificate=console.certificate,
            key=console.key,
        )

    def load_config(self) -> None:
        """Tight limits; no proxy is trusted, because there is none."""
        console = self._settings.console
        host = f"[{console.address}]" if ip_address(console.address).version == 6 else console.address
        values: dict[str, Any] = {
            **worker.SHARED,
            "bind": [f"{host}:{console.port}"],
            "workers": _WORKERS,
            "worker_connections": _CONNECTIONS,
            "limit_request_line": 4094,
            "proc_name": "gerbang-console",
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        """The application; runs in the worker."""
        from policy.client import EnforcerClient
        from policy.database import engine
        from portal import secret
        from portal.console.app import create_app

        settings = self._settings
        console = create_app(
            settings,
            engine(settings.database.url),
            EnforcerClient(settings.enforcer.socket),
            secret.load(settings.console.secret_file),
        )

        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            environ["wsgi.url_scheme"] = "https"  # the worker unwraps TLS, which gunicorn does not see
            return console(environ, start_response)

        return application


def serve(settings: Settings) -> None:
    """Run until SIGTERM. ``OSError`` or ``ValueError`` says at once what no worker could start with."""
    console = settings.console
    try:
        worker.tls_context(str(console.certificate), str(console.key))
    except OSError as error:  # ssl.SSLError is one
        raise OSError(f"console.certificate and console.key cannot be used: {error}") from error
    _Console(settings).run()
