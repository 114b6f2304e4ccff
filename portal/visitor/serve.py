"""The portal's process: one gunicorn master, workers that serve plain http and https.

Nothing here imports the application: a worker does, after gevent has patched the standard library.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication

from policy.settings import PortalSettings, Settings
from portal import worker
from portal.visitor.entry import entry

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Connections that one worker holds open on each port; more wait in the backlog.
_CONNECTIONS = 1_000


class _Portal(BaseApplication):  # type: ignore[misc]  # gunicorn carries no types
    """What gunicorn must know of the portal."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        super().__init__()

    @property
    def portal(self) -> PortalSettings:
        """Ports and certificate, for the worker."""
        return self.settings.portal

    def load_config(self) -> None:
        """Tight limits; no proxy is trusted, because there is none."""
        portal = self.settings.portal
        values: dict[str, Any] = {
            **worker.SHARED,
            # Dual-stack sockets: IPv4 phones arrive as mapped addresses, which parse_address() undoes.
            "bind": [f"[::]:{portal.http_port}", f"[::]:{portal.https_port}"],
            "workers": portal.workers,
            "worker_connections": _CONNECTIONS,
            "limit_request_line": 8190,
            "limit_request_field_size": 8190,
            "proc_name": "gerbang-portal",
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        """The two applications behind the two ports; runs in the worker."""
        from portal.visitor.app import build, look_after_waiting_devices

        application = build(self.settings)
        look_after_waiting_devices(application)
        return _by_socket(application, entry(self.settings.portal.host))


def serve(settings: Settings) -> None:
    """Run until SIGTERM. ``OSError`` or ``ValueError`` says at once what no worker could start with."""
    try:
        worker.tls_context(str(settings.portal.certificate), str(settings.portal.key))
    except ssl.SSLError as error:
        raise ValueError(
            f"portal.certificate and portal.key are not a TLS certificate and its key: {error}"
        ) from error
    except OSError as error:
        raise OSError(f"portal.certificate or portal.key cannot be read: {error.strerror}") from error
    _Portal(settings).run()


def _by_socket(https: WSGIApplication, http: WSGIApplication) -> WSGIApplication:
    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not isinstance(environ["gunicorn.socket"], ssl.SSLSocket):
            return http(environ, start_response)
        environ["wsgi.url_scheme"] = "https"
        return https(environ, start_response)

    return application
