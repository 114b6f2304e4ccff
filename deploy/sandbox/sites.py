"""The small internet, as one WSGI application that answers by the name it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Response

from deploy.sandbox import gempita, probes, streaming
from deploy.sandbox.names import PROVIDER_NAME, Host, Role
from policy.model import Address

_NEWS = """<!doctype html>
<html lang="id"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Berita Kota</title></head>
<body><h1>Berita Kota</h1>
<article><h2>Posyandu buka lebih pagi pekan ini</h2>
<p>Warga dapat memeriksa tekanan darah dan gula darah mulai pukul tujuh. Hasilnya dicatat kader kesehatan
dan dapat dilihat lagi pada kunjungan berikutnya.</p></article>
<article><h2>Taman kota ditata ulang</h2>
<p>Jalur pejalan kaki diperlebar dan bangku ditambah. Pekerjaan selesai sebelum musim hujan.</p></article>
</body></html>
"""

_DENIED = """<!doctype html>
<html lang="id"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Situs terlarang (contoh)</title></head>
<body><h1>Situs contoh</h1><p>Halaman ini ada supaya dapat diuji bahwa kebijakan menutupnya.</p></body></html>
"""


class Sites:
    """Routes by Host; a site's bare address is one of its names."""

    def __init__(self, hosts: Iterable[Host], provider: WSGIApplication) -> None:
        apps = _apps(provider)
        self._by_name: dict[str, WSGIApplication] = {}
        for host in hosts:
            for name in (host.name, *map(_as_host, host.addresses)):
                self._by_name[name] = apps[host.role]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; 421 for a name that is not served here (RFC 9110 section 15.5.20)."""
        app = self._by_name.get(_name(environ.get("HTTP_HOST", "")))
        if app is None:
            start_response("421 Misdirected Request", [("Content-Type", "text/plain")])
            return [b"this name is not served here\n"]
        return app(environ, start_response)


def _apps(provider: WSGIApplication) -> Mapping[Role, WSGIApplication]:
    return {
        Role.PROVIDER: _only_https(provider),
        Role.GEMPITA: gempita.create_app(),
        Role.NEWS: _page(_NEWS),
        Role.STREAMING: streaming.create_app(),
        Role.DENIED: _page(_DENIED),
        Role.PROBE: probes.create_app(),
    }


def _page(html: str) -> Flask:
    """Return a site of one page."""
    app = Flask(__name__, static_folder=None)

    @app.get("/")
    def home() -> Response:
        return Response(html, mimetype="text/html")

    return app


def _only_https(app: WSGIApplication) -> WSGIApplication:
    """Send who comes over http to the https front page; a form posted in clear is not repeated."""

    def guarded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["wsgi.url_scheme"] == "https":
            return app(environ, start_response)
        start_response("303 See Other", [("Location", f"https://{PROVIDER_NAME}/"), ("Content-Length", "0")])
        return []

    return guarded


def _name(host: str) -> str:
    """Return the Host field without its port, in lower case; brackets of an IPv6 address stay."""
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.partition(":")[0].lower().removesuffix(".")


def _as_host(address: Address) -> str:
    return f"[{address}]" if address.version == 6 else str(address)
