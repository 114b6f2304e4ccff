"""The console as a Flask application: pages for staff, in Bahasa Indonesia first, English second."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, Response, abort, redirect, render_template, request
from flask_babel import Babel, get_locale
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy import Engine
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from policy.client import EnforcerClient
from policy.settings import Settings
from portal.console import access, formats
from portal.console.forms import PlainForm
from portal.console.own import own
from portal.console.services import Services
from portal.console.sessions import sessions

_HERE = Path(__file__).parent
_LANGUAGES = ("id", "en")
_LANGUAGE_COOKIE = "__Host-gerbang_bahasa"
_YEAR = 31_536_000
"""Seconds; the least that OWASP's HTTP headers page recommends for HSTS."""

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": f"max-age={_YEAR}",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # Flask-WTF checks the referrer of every form sent over TLS
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def create_app(
    settings: Settings,
    database: Engine,
    enforcer: EnforcerClient,
    secret: bytes,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Flask:
    """The application; ``secret`` signs its cookie, ``now`` is the clock that tests move."""
    app = Flask(__name__)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    zone = settings.gateway.timezone
    app.config.update(
        SECRET_KEY=secret,
        SESSION_COOKIE_NAME="__Host-gerbang_console",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        MAX_CONTENT_LENGTH=16_384,
        MAX_FORM_PARTS=20,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the cookie, which sign-in renews
        BABEL_DEFAULT_LOCALE="id",
        BABEL_DEFAULT_TIMEZONE=zone.key,
        BABEL_DOMAIN="console",
        BABEL_TRANSLATION_DIRECTORIES=str(_HERE / "translations"),
    )
    Services(database, enforcer, now, zone, settings.monitor.interval_seconds).install(app.extensions)
    Babel(app, locale_selector=_language)
    CSRFProtect(app)
    formats.install(app)
    app.before_request(_known_hosts_only(settings))
    access.install(app)
    app.register_blueprint(sessions)
    app.register_blueprint(own)
    app.add_url_rule("/bahasa/<code>", "language", _choose_language)
    app.register_error_handler(HTTPException, _error)
    app.after_request(_protect)
    _offer(app, settings)
    return app


def _known_hosts_only(settings: Settings) -> Callable[[], None]:
    """Refuse names that are not ours: another site's name that resolves to us (DNS rebinding) signs nobody in."""
    known = {settings.console.host, settings.console.address, "localhost", "127.0.0.1", "::1"}

    def check() -> None:
        try:
            name = urlsplit(f"//{request.environ.get('HTTP_HOST', '')}").hostname
        except ValueError:
            name = None
        if name not in known:
            abort(400)

    return check


def _offer(app: Flask, settings: Settings) -> None:
    """What every template may use."""
    versions = {name: _version(name) for name in ("console.css", "console.js")}
    zone = settings.gateway.timezone
    app.context_processor(
        lambda: {
            "gateway": settings.gateway,
            "language": str(get_locale() or _LANGUAGES[0]),
            "versions": versions,
            "zone_name": datetime.now(zone).tzname(),
            "sign_out_form": PlainForm,
        }
    )


def _version(name: str) -> str:
    """Changes with the file, so that browsers may keep it."""
    return sha256((_HERE / "static" / name).read_bytes()).hexdigest()[:12]


def _language() -> str:
    chosen = request.cookies.get(_LANGUAGE_COOKIE, "")
    if chosen in _LANGUAGES:
        return chosen
    return request.accept_languages.best_match(_LANGUAGES, default=_LANGUAGES[0])


def _choose_language(code: str) -> AnyResponse:
    response = redirect(access.local_path(request.args.get("lanjut", "")) or "/")
    if code in _LANGUAGES:
        response.set_cookie(_LANGUAGE_COOKIE, code, max_age=_YEAR, secure=True, httponly=True, samesite="Lax")
    return response


def _error(error: HTTPException) -> tuple[str, int] | HTTPException:
    """A page that says what to do next."""
    code = error.code or 500
    if code < 400:  # a redirect that Werkzeug raises
        return error
    kind = "csrf" if isinstance(error, CSRFError) else str(code)
    return render_template("error.html", kind=kind, code=code), code


def _protect(response: Response) -> Response:
    response.headers.update(_HEADERS)
    if request.endpoint == "static" and response.status_code in (200, 304):
        response.headers["Cache-Control"] = f"max-age={_YEAR}, immutable"
    else:
        response.headers["Cache-Control"] = "no-store"
    return response
