"""One's own account: change the password, see and revoke one's sign-ins."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from monitoring import audit
from portal.console import accounts, passwords, signins
from portal.console.access import choose
from portal.console.forms import ChangePasswordForm, PlainForm
from portal.console.services import services

own = Blueprint("own", __name__, url_prefix="/akun")


@own.route("", methods=["GET", "POST"])
@login_required  # type: ignore[untyped-decorator]
def index() -> Response | str:
    """The account's page, and the form on it that changes the password."""
    form = ChangePasswordForm()
    if form.validate_on_submit() and _is_current(form) and choose(form):
        flash(gettext("Kata sandi sudah diganti. Login lain sudah diakhiri."))
        return redirect(url_for("own.index"))
    outside = services()
    with outside.database.begin() as connection:
        found = signins.of_account(connection, current_user.account.name, outside.now())
    return render_template(
        "own.html",
        form=form,
        button=PlainForm(),
        sign_ins=found,
        shortest=passwords.SHORTEST,
        advised=passwords.ADVISED,
    )


def _is_current(form: ChangePasswordForm) -> bool:
    outside, name = services(), current_user.account.name
    address = request.remote_addr or "0.0.0.0"
    if accounts.confirm(outside.database, name, form.current.data, address, outside.now):
        return True
    form.current.errors = [*form.current.errors, gettext("Bukan kata sandi Anda sekarang, atau coba lagi nanti.")]
    return False


@own.post("/login/<sign_in>/cabut")
@login_required  # type: ignore[untyped-decorator]
def revoke(sign_in: str) -> Response:
    """End one of one's own sign-ins; somebody else's is not found."""
    if not PlainForm().validate_on_submit():
        abort(400)
    outside, name = services(), current_user.account.name
    now = outside.now()
    with outside.database.begin() as connection:
        if not signins.end(connection, name, now, only=sign_in):
            abort(404)
        audit.record(connection, name, "staff.revoke", name, {"sign_in": sign_in}, now)
    flash(gettext("Login itu sudah dicabut."))
    return redirect(url_for("own.index"))
