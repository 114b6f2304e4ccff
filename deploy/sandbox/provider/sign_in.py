"""The page where a resident says who they are, and what goes back to the client.

The PIN is asked every time and no sign-in is remembered: phones are lent and borrowed, and so ``auth_time`` is
always true. ``prompt=none`` therefore always ends in ``login_required``.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from authlib.common.urls import add_params_to_uri
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from flask import Flask, Response, make_response, render_template, request

from deploy.sandbox.provider.hardening import allow_form_to
from deploy.sandbox.provider.residents import Directory
from deploy.sandbox.provider.texts import language, texts


class SignIn:
    """The authorization endpoint: the form on GET, the decision on POST."""

    def __init__(self, issuer: str, server: AuthorizationServer, directory: Directory) -> None:
        self._issuer = issuer
        self._server = server
        self._directory = directory

    def add_to(self, app: Flask) -> None:
        """Put it at ``/authorize``."""
        app.add_url_rule("/authorize", view_func=self.answer, methods=["GET", "POST"])

    def answer(self) -> Response:
        """Check the client's request first, whatever the person does; then ask, or decide."""
        try:
            grant = self._server.get_consent_grant()
        except OAuth2Error as error:
            return self._refuse(error)
        return self._decide(grant) if request.method == "POST" else self._page(grant)

    def _decide(self, grant: Any) -> Response:
        resident = None
        if "cancel" not in request.form:
            resident = self._directory.authenticate(request.form.get("login", ""), request.form.get("pin", ""))
            if resident is None:
                return self._page(grant, "wrong", 401)
        return self._send_back(self._server.create_authorization_response(grant_user=resident, grant=grant))

    def _page(self, grant: Any, problem: str = "", status: int = 200) -> Response:
        words = texts(request)
        html = render_template(
            "sign_in.html",
            words=words,
            language=language(request),
            residents=self._directory.residents,
            problem=words[problem] if problem else "",
            login=request.form.get("login", "")[:64],
            client=urlsplit(grant.redirect_uri).hostname,
        )
        page = make_response(html, status)
        allow_form_to(page, grant.redirect_uri)
        return page

    def _refuse(self, error: OAuth2Error) -> Response:
        """Tell the client where its redirect URI is known to be its own; else only the person."""
        if error.redirect_uri:
            return self._send_back(self._server.handle_error_response(None, error))
        return notice("unknown", 400)

    def _send_back(self, answer: Response) -> Response:
        """Complete what goes to the client: RFC 9207's ``iss``, and 303 so that no browser posts a PIN on."""
        if answer.location:
            answer.location = add_params_to_uri(answer.location, [("iss", self._issuer)])
            answer.status_code = 303
        return answer


def notice(what: str, status: int) -> Response:
    """Return a page that says one thing, in the reader's language."""
    words = texts(request)
    html = render_template("notice.html", words=words, language=language(request), notice=words[what])
    return make_response(html, status)
