"""The https application, put together."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Flask, url_for
from flask_babel import Babel, get_locale
from flask_limiter import Limiter
from flask_wtf.csrf import CSRFProtect

from monitoring.pseudonyms import Pseudonyms
from policy.client import EnforcerClient
from policy.database import engine
from policy.settings import Settings
from portal import secret
from portal.app_sign_in import AppSignIn
from portal.identity.code_flow import CodeFlow
from portal.visitor import actions, app_api, captive_api, pages, problems, words
from portal.visitor.context import Context, attach, limit_key
from portal.visitor.languages import LANGUAGES, remember_language, select_language
from portal.visitor.security import protect
from portal.visits import Visits

_HERE = Path(__file__).parent
TRANSLATIONS = _HERE.parent / "translations"
#: Octets of a form: the longest holds a token and a number.
_MAX_FORM = 16_384
#: By phone and worker: nobody signs in, or presses a button, this often by hand.
_LIMITS = {
    "actions.sign_in": "10/minute",
    "actions.callback": "10/minute",
    "actions.extend": "20/minute",
    "app_api.challenge": "30/minute",
    "app_api.session": "30/minute",
}


def build(settings: Settings) -> Flask:
    """The application that the settings describe, speaking to the real enforcer, database and provider."""
    database = engine(settings.database.url)
    database.hide_parameters = True  # an error of the database must not bring a visitor's data into the log
    pseudonyms = Pseudonyms.load(settings.monitor.pseudonym_key_file)
    identity = CodeFlow.build(settings.identity, f"https://{settings.portal.host}{actions.CALLBACK}")
    visits = Visits(settings, database, EnforcerClient(settings.enforcer.socket), pseudonyms, identity)
    app_sign_in = AppSignIn(settings, database, pseudonyms, identity.keys, visits)
    return create_app(settings, visits, app_sign_in, secret.load(settings.portal.secret_file))


def create_app(settings: Settings, visits: Visits, app_sign_in: AppSignIn, key: bytes) -> Flask:
    """The application over these use cases; ``key`` signs its cookies."""
    app = Flask("portal.visitor", root_path=str(_HERE))
    app.config.update(
        SECRET_KEY=key,
        SESSION_COOKIE_NAME="__Host-gerbang",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=_MAX_FORM,
        MAX_FORM_MEMORY_SIZE=_MAX_FORM,
        MAX_FORM_PARTS=20,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the browser's session
        WTF_CSRF_SSL_STRICT=False,  # sign-in windows of phones leave Referer out; the token is bound to the cookie
        PREFERRED_URL_SCHEME="https",
    )
    with app.app_context():
        attach(Context(settings, visits, app_sign_in))
    protect(app, settings)
    # No cookie opens the app's interface, so no other site can make a browser use it.
    CSRFProtect(app).exempt(app_api.blueprint)
    _speak(app, settings)
    for module in (pages, actions, captive_api, app_api):
        app.register_blueprint(module.blueprint)
    problems.register(app)
    _limit(app)
    return app


def _speak(app: Flask, settings: Settings) -> None:
    Babel(
        app,
        default_locale=LANGUAGES[0],
        default_translation_directories=str(TRANSLATIONS),
        locale_selector=select_language,
    )
    app.after_request(remember_language)
    app.jinja_env.filters.update(amount=words.amount, duration=words.duration, moment=words.moment)
    digests = {file.name: _digest(file) for file in (_HERE / "static").iterdir()}

    @app.context_processor
    def common() -> dict[str, object]:
        """What every template may use."""
        return {
            "settings": settings,
            "language": str(get_locale()),
            "languages": LANGUAGES,
            "static": lambda name: url_for("static", filename=name, v=digests[name]),
        }


def _limit(app: Flask) -> None:
    limiter = Limiter(limit_key, app=app, storage_uri="memory://")
    for endpoint, limit in _LIMITS.items():
        app.view_functions[endpoint] = limiter.limit(limit)(app.view_functions[endpoint])  # type: ignore[assignment]


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
