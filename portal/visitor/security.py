"""What every answer over https carries, and which host names it answers to."""

from __future__ import annotations

from ipaddress import IPv6Address
from urllib.parse import urlsplit

from flask import Flask, Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from policy.settings import Settings

_FIXED = {
    "Cache-Control": "private, no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def protect(app: Flask, settings: Settings) -> None:
    """Check the host of every request, set the headers of every answer."""
    known = host_names(settings)
    canonical = f"https://{settings.portal.host}/"
    policy = content_policy(settings)

    @app.before_request
    def check_host() -> BaseResponse | None:
        """A name that is not ours (a rebinding attack, a page asked for by mistake) leads to ours."""
        return None if _host(request.environ.get("HTTP_HOST", "")) in known else redirect(canonical, 302)

    @app.after_request
    def set_headers(response: Response) -> Response:
        for name, value in _FIXED.items():
            response.headers.setdefault(name, value)
        response.headers["Content-Security-Policy"] = policy
        if request.endpoint == "static" and response.status_code == 200:
            # The address of a static file holds a hash of its content.
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def host_names(settings: Settings) -> frozenset[str]:
    """The portal's name, the gateway's own addresses, and loopback for a person at the machine itself."""
    network = settings.network
    addresses = (network.lan_ipv4.ip, network.lan_ipv6.ip)
    written = (f"[{a}]" if isinstance(a, IPv6Address) else str(a) for a in addresses)
    return frozenset({settings.portal.host, "localhost", "127.0.0.1", "[::1]", *written})


def content_policy(settings: Settings) -> str:
    """Our own style and pictures, forms to us; a form's redirect may lead to the sign-in's garden only."""
    issuer = urlsplit(settings.identity.issuer)
    garden = {f"{issuer.scheme}://{issuer.netloc}", *(f"https://{name}" for name in settings.garden.names)}
    return "; ".join(
        (
            "default-src 'none'",
            "style-src 'self'",
            "img-src 'self'",
            f"form-action 'self' {' '.join(sorted(garden))}",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def _host(header: str) -> str:
    name = header.strip().lower()
    if name.startswith("["):
        return "".join(name.partition("]")[:2])
    return name.partition(":")[0].removesuffix(".")
