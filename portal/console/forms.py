"""The console's forms. Each carries a CSRF token, those without fields too."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField, TextAreaField
from wtforms.validators import DataRequired, EqualTo, Length

from portal.console.passwords import LONGEST


class SignInForm(FlaskForm):  # type: ignore[misc]
    """Name and password. Lengths are limited so that hashing is not fed megabytes."""

    name = StringField(_l("Nama akun"), validators=[DataRequired(_l("Isi nama akun.")), Length(max=64)])
    password = PasswordField(
        _l("Kata sandi"), validators=[DataRequired(_l("Isi kata sandi.")), Length(max=LONGEST)]
    )


class NewPasswordForm(FlaskForm):  # type: ignore[misc]
    """The first password of one's own."""

    password = PasswordField(_l("Kata sandi baru"), validators=[DataRequired(_l("Isi kata sandi baru."))])
    again = PasswordField(
        _l("Ulangi kata sandi baru"), validators=[EqualTo("password", _l("Kedua isian tidak sama."))]
    )


class ChangePasswordForm(NewPasswordForm):
    """Another password; whoever finds an open browser does not know the present one."""

    current = PasswordField(
        _l("Kata sandi sekarang"),
        validators=[DataRequired(_l("Isi kata sandi sekarang.")), Length(max=LONGEST)],
    )


class EndSessionForm(FlaskForm):  # type: ignore[misc]
    """Why a session is ended; for the audit log."""

    reason = TextAreaField(
        _l("Alasan"),
        validators=[
            DataRequired(_l("Tulis alasannya; alasan ini dicatat.")),
            Length(min=5, max=200, message=_l("Tulis alasan sepanjang 5 sampai 200 karakter.")),
        ],
        filters=[lambda text: " ".join(text.split()) if text else text],
    )


class PlainForm(FlaskForm):  # type: ignore[misc]
    """A button."""
