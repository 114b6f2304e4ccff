"""The way in and out: sign-in, the first password, sign-out, and who is asking on every request."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from werkzeug.wrappers import Response

from monitoring import audit
from portal.console import accounts, passwords, signins
from portal.console.accounts import Account, Refusal, Role
from portal.console.forms import NewPasswordForm, PlainForm, SignInForm
from portal.console.services import services

access = Blueprint("access", __name__)
_log = logging.getLogger(__name__)

_WITHOUT_PASSWORD = {"access.new_password", "access.sign_out", "language", "static"}
"""Where somebody with a one-time password may go."""

_BACKGROUND = "X-Gerbang-Background"
"""Sent by console.js when it renews a page by itself: nobody is at work, so the idle time runs on."""


@dataclass(frozen=True, slots=True)
class Staff(UserMixin):  # type: ignore[misc]
    """Who is signed in, on which browser. Flask-Login's id is the browser's token, never the name."""

    account: Account
    sign_in: signins.SignIn | None
    token: str

    def get_id(self) -> str:
        """What the cookie carries."""
        return self.token

    @property
    def role(self) -> Role:
        """What they may do."""
        return self.account.role


def install(app: Flask) -> None:
    """Ask on every request who is there."""
    # Flask-Login's own context processor would ask the database for the page that says it is away.
    manager = LoginManager(app, add_context_processor=False)
    app.jinja_env.globals["current_user"] = current_user
    # Own rows in the database say what holds; Flask-Login's fingerprint of address and browser adds nothing.
    manager.session_protection = None
    manager.user_loader(_load)
    manager.unauthorized_handler(_ask_to_sign_in)
    app.before_request(_own_password_first)
    app.register_blueprint(access)


def _load(token: str) -> Staff | None:
    own = services()
    with own.database.begin() as connection:
        found = signins.find(connection, token, own.now(), active=_BACKGROUND not in request.headers)
        account = accounts.find(connection, found.account) if found else None
    return Staff(account, found, token) if account else None


def _ask_to_sign_in() -> Response:
    if request.method != "GET" or request.path == "/":
        return redirect(url_for("access.sign_in"))
    return redirect(url_for("access.sign_in", lanjut=request.full_path.rstrip("?")))


def _own_password_first() -> Response | None:
    if request.endpoint in _WITHOUT_PASSWORD or not current_user.is_authenticated:
        return None
    return redirect(url_for("access.new_password")) if current_user.account.must_choose else None


@access.route("/masuk", methods=["GET", "POST"])
def sign_in() -> Response | str | tuple[str, int]:
    """Name and password; the answer to wrong ones tells nothing about either."""
    if current_user.is_authenticated:
        return redirect(url_for("sessions.index"))
    form = SignInForm()
    if not form.validate_on_submit():
        return render_template("sign_in.html", form=form)
    own = services()
    address = request.remote_addr or "0.0.0.0"
    found = accounts.authenticate(own.database, form.name.data, form.password.data, address, own.now)
    if isinstance(found, Refusal):
        _log.warning("a sign-in from %s was refused", address)
        return render_template("sign_in.html", form=form, refused=_words(found)), 429 if found.wait else 401
    start(found)
    return redirect(local_path(request.args.get("lanjut", "")) or url_for("sessions.index"))


def _words(refusal: Refusal) -> str:
    if refusal.wait:
        minutes = max(1, -(-int(refusal.wait.total_seconds()) // 60))
        return str(gettext("Terlalu banyak percobaan. Coba lagi dalam %(n)s menit.", n=minutes))
    return str(gettext("Nama akun atau kata sandi tidak cocok, atau kata sandi sekali pakai sudah kedaluwarsa."))


def start(account: Account) -> None:
    """Sign this browser in under a new token; whatever its cookie held before is gone."""
    own = services()
    now = own.now()
    address, agent = request.remote_addr or "", request.user_agent.string
    with own.database.begin() as connection:
        token = signins.begin(connection, account.name, address, agent, now)
        audit.record(connection, account.name, "staff.sign-in", account.name, {"address": address}, now)
    session.clear()
    login_user(Staff(account, None, token))


@access.route("/sandi", methods=["GET", "POST"])
@login_required  # type: ignore[untyped-decorator]
def new_password() -> Response | str:
    """Choose the first password of one's own; the one-time password ends with it."""
    if not current_user.account.must_choose:
        return redirect(url_for("own.index"))
    form = NewPasswordForm()
    if form.validate_on_submit() and choose(form):
        flash(gettext("Kata sandi Anda sudah berlaku."))
        return redirect(url_for("sessions.index"))
    return render_template("new_password.html", form=form, shortest=passwords.SHORTEST, advised=passwords.ADVISED)


def choose(form: NewPasswordForm) -> bool:
    """Set the password of a form, end every other sign-in, renew this one; or say in the form what is weak."""
    own, account = services(), current_user.account
    now = own.now()
    try:
        with own.database.begin() as connection:
            accounts.choose_password(connection, account.name, form.password.data, now)
            signins.end(connection, account.name, now)
    except passwords.WeakPassword as error:
        form.password.errors = [*form.password.errors, _weakness(error)]
        return False
    start(Account(account.name, account.role, must_choose=False))
    return True


def _weakness(error: passwords.WeakPassword) -> str:
    words: dict[str, str] = {
        "short": gettext("Terlalu pendek: paling sedikit %(n)s karakter.", n=passwords.SHORTEST),
        "long": gettext("Terlalu panjang: paling banyak %(n)s karakter.", n=passwords.LONGEST),
        "name": gettext("Jangan pakai nama akun sebagai kata sandi."),
        "common": gettext("Mudah ditebak. Pakai beberapa kata yang tidak saling berhubungan."),
    }
    return words[error.code]


@access.post("/keluar")
@login_required  # type: ignore[untyped-decorator]
def sign_out() -> Response:
    """End this sign-in, here and in the database."""
    if not PlainForm().validate_on_submit():
        abort(400)
    own, staff = services(), current_user
    now = own.now()
    with own.database.begin() as connection:
        signins.end(connection, staff.account.name, now, only=staff.sign_in.id)
        audit.record(connection, staff.account.name, "staff.sign-out", staff.account.name, {}, now)
    logout_user()
    session.clear()
    return redirect(url_for("access.sign_in"))


def local_path(target: str) -> str:
    """``target`` if it is a path of this console, else nothing: a link must not lead a password elsewhere."""
    if target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable():
        return target
    return ""
