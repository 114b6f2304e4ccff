"""The process that is the laboratory's internet: ``python -m deploy.sandbox.internet --config FILE.json``.

One gevent process: most of its time goes into copying bytes, which the kernel and OpenSSL do.
"""

from __future__ import annotations

import argparse
import logging
import signal
import ssl
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import gevent
from gevent import ssl as gevent_ssl
from gevent.event import Event
from gevent.pywsgi import WSGIServer

from deploy.sandbox.names import served
from deploy.sandbox.provider import create_app
from deploy.sandbox.settings import Certificate, InternetConfig, InternetConfigError
from deploy.sandbox.sites import Sites
from policy.model import Address

_log = logging.getLogger("internet")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 2 for a bad file, 1 where an address cannot be listened on."""
    parser = argparse.ArgumentParser(prog="internet", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON file: certificates, provider, ports")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO)
    try:
        config = InternetConfig.load(options.config)
        servers = _servers(config)
    except (InternetConfigError, OSError) as error:
        _log.error("%s", error)
        return 2
    return _serve(servers)


def _servers(config: InternetConfig) -> list[WSGIServer]:
    """Return a server for each address and port, not yet listening."""
    sites = Sites(served(), create_app(config.provider))
    contexts = {certificate.names: _context(certificate) for certificate in config.certificates}
    by_name = {name: context for names, context in contexts.items() for name in names}
    fallback = next(iter(contexts.values()))
    servers = []
    for address in config.addresses:
        chosen = next((by_name[name] for name in _names_at(address) if name in by_name), fallback)
        chosen.sni_callback = _chooser(by_name)
        servers.append(WSGIServer((str(address), config.http_port), sites, log=None))
        servers.append(WSGIServer((str(address), config.https_port), sites, log=None, ssl_context=chosen))
    return servers


def _names_at(address: Address) -> Iterable[str]:
    return (host.name for host in served() if address in host.addresses)


def _context(certificate: Certificate) -> gevent_ssl.SSLContext:
    context = gevent_ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _chooser(by_name: dict[str, gevent_ssl.SSLContext]) -> object:
    """Return OpenSSL's question which certificate to show to who names a host (RFC 6066 section 3).

    An unknown name, or none, gets the certificate of the address that it came to.
    """

    def choose(connection: gevent_ssl.SSLSocket, name: str | None, _context: gevent_ssl.SSLContext) -> None:
        if name is not None and name.lower() in by_name:
            connection.context = by_name[name.lower()]

    return choose


def _serve(servers: list[WSGIServer]) -> int:
    # A visitor who hangs up or distrusts a certificate is his own affair, not a fault to print.
    hub = gevent.get_hub()
    hub.NOT_ERROR = (*hub.NOT_ERROR, ssl.SSLError, ConnectionError)
    for server in servers:
        try:
            server.start()
        except OSError as error:
            _log.error("cannot listen on %s port %s: %s", *server.address[:2], error.strerror)
            return 1
    over = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, over.set)
    _log.info("ready on %d sockets", len(servers))
    over.wait()
    gevent.joinall([gevent.spawn(server.stop, 1) for server in servers])
    return 0


if __name__ == "__main__":
    sys.exit(main())
