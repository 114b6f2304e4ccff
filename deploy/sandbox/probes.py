"""What the real internet answers to the connectivity probes of phones: "you are online".

Source of each line: facts on captive detection (Android and ChromeOS, Apple, Windows, Firefox, NetworkManager,
Kindle). Bodies are compared byte by byte by the devices, so nothing is added, not even a line end.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, Response, request


@dataclass(frozen=True, slots=True)
class Probe:
    """One answer: exactly this status, media type and body."""

    body: str
    media_type: str = "text/plain"
    status: int = 200


_NO_CONTENT = Probe("", status=204)
_APPLE = Probe("<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>", "text/html")
_WINDOWS = Probe("Microsoft Connect Test")
_FIREFOX_PAGE = Probe(
    '<meta http-equiv="refresh" content="0;url=https://support.mozilla.org/kb/captive-portal"/>', "text/html"
)
_KINDLE = Probe(
    "<html><head><title>Kindle</title></head><body>81ce4465-7167-4dcb-835b-dcc9e44c112a</body></html>", "text/html"
)

PROBES: dict[tuple[str, str], Probe] = {
    ("connectivitycheck.gstatic.com", "/generate_204"): _NO_CONTENT,
    ("clients3.google.com", "/generate_204"): _NO_CONTENT,
    ("www.google.com", "/generate_204"): _NO_CONTENT,
    ("captive.apple.com", "/hotspot-detect.html"): _APPLE,
    ("www.apple.com", "/library/test/success.html"): _APPLE,
    ("www.msftconnecttest.com", "/connecttest.txt"): _WINDOWS,
    ("ipv6.msftconnecttest.com", "/connecttest.txt"): _WINDOWS,
    ("detectportal.firefox.com", "/canonical.html"): _FIREFOX_PAGE,
    ("detectportal.firefox.com", "/success.txt"): Probe("success"),
    ("nmcheck.gnome.org", "/check_network_status.txt"): Probe("NetworkManager is online"),
    ("spectrum.s3.amazonaws.com", "/kindle-wifi/wifistub.html"): _KINDLE,
}


def create_app() -> Flask:
    """Return one application for the hosts of all probes, over http and https alike."""
    app = Flask(__name__, static_folder=None)

    @app.get("/<path:path>")
    def answer(path: str) -> Response:
        host = request.host.partition(":")[0].lower()
        probe = PROBES.get((host, f"/{path}"))
        if probe is None:
            return Response("no such probe\n", status=404, mimetype="text/plain")
        response = Response(probe.body, status=probe.status, mimetype=probe.media_type)
        response.headers["Cache-Control"] = "no-store"
        return response

    return app
