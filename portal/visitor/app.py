"""The https application, put together."""

from __future__ import annotations

import hashlib
import logging
import time
from pathlib import Path
from threading import Thread

from flask import Flask, url_for
from flask_babel import Babel, get_locale
from flask_limiter import Limiter
from flask_wtf.csrf import CSRFProtect
from sqlalchemy.exc import SQLAlchemyError

from monitoring.pseudonyms import Pseudonyms
from policy.client import EnforcerClient
from policy.database import engine
from policy.settings import Settings
from portal import secret
from portal.app_sign_in import AppSignIn
from portal.device_sign_ins import DeviceSignIns
from portal.identity.code_flow import CodeFlow
from portal.identity.device_flow import DeviceFlow
from portal.identity.relying_party import RelyingParty
from portal.sealing import Seal
from portal.visitor import actions, app_api, captive_api, device_code, pages, problems, words
from portal.visitor.context import Context, attach, context, limit_key
from portal.visitor.languages import LANGUAGES, remember_language, select_language
from portal.visitor.security import protect
from portal.visits import Visits

log = logging.getLogger(__name__)

_HERE = Path(__file__).parent
TRANSLATIONS = _HERE.parent / "translations"
#: Octets of a form: the longest holds a token and a number.
_MAX_FORM = 16_384
#: Seconds: what a device waits at most beyond the provider's own interval.
_STEP_SECONDS = 1.0
#: By phone and worker: nobody signs in, or presses a button, this often by hand.
_LIMITS = {
    "actions.sign_in": "10/minute",
    "actions.callback": "10/minute",
    "actions.extend": "20/minute",
    "device_code.begin": "10/minute",
    "app_api.challenge": "30/minute",
    "app_api.session": "30/minute",
}


def build(settings: Settings) -> Flask:
    """The application that the settings describe, speaking to the real enforcer, database and provider."""
    database = engine(settings.database.url)
    database.hide_parameters = True  # an error of the database must not bring a visitor's data into the log
    key = secret.load(settings.portal.secret_file)
    party = RelyingParty.build(settings.identity)
    pseudonyms = Pseudonyms.load(settings.monitor.pseudonym_key_file)
    visits = Visits(
        settings,
        database,
        EnforcerClient(settings.enforcer.socket),
        pseudonyms,
        CodeFlow(party, f"https://{settings.portal.host}{actions.CALLBACK}"),
    )
    app_sign_in = AppSignIn(settings, database, pseudonyms, party.keys, visits)
    device_sign_ins = DeviceSignIns(
        settings.gateway, database, visits, DeviceFlow(party), pseudonyms, Seal(key, "pairings")
    )
    return create_app(Context(settings, visits, app_sign_in, device_sign_ins), key)


def create_app(own: Context, key: bytes) -> Flask:
    """The application over these use cases; ``key`` signs its cookies."""
    settings = own.settings
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
        attach(own)
    protect(app, settings)
    # No cookie opens the app's interface, so no other site can make a browser use it.
    CSRFProtect(app).exempt(app_api.blueprint)
    _speak(app, settings)
    for module in (pages, actions, device_code, captive_api, app_api):
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


def look_after_waiting_devices(app: Flask) -> Thread:
    """Ask about codes and look for approved devices, every second, beside the pages; ends with the process.

    Each worker does: a row is one worker's at a time, and one that dies in the middle is replaced by the next.
    """
    with app.app_context():
        device_sign_ins = context().device_sign_ins

    def look_after() -> None:
        while True:
            time.sleep(_STEP_SECONDS)
            try:
                device_sign_ins.step()
            except SQLAlchemyError as error:
                log.error("waiting devices are looked after later: %s", type(error).__name__)

    thread = Thread(target=look_after, name="waiting-devices", daemon=True)
    thread.start()
    return thread


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
