"""The app itself: sign in once, then get online at any gateway without a browser, or let another device in."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import requests
from requests.adapters import HTTPAdapter

from deploy.sandbox.phone_app.proof import base64url, proof
from deploy.sandbox.phone_app.wallet import Wallet

CLIENT_ID = "bsw-app"
SCOPE = "openid wifi offline_access devices"

#: Seconds that one request may take: whoever holds the phone waits for it.
TIMEOUT = 10.0


class Refused(Exception):
    """The other side said no. ``status`` is its HTTP status, ``error`` its word for the reason, if it gave one."""

    def __init__(self, what: str, status: int, error: str) -> None:
        super().__init__(f"{what}: {error or 'refused'} ({status})")
        self.status = status
        self.error = error


class _FromAddress(HTTPAdapter):
    """Connects from one address of this machine."""

    def __init__(self, source: str) -> None:
        self._source = (source, 0)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, source_address=self._source, **kwargs)


def http_session(ca_file: str = "", source: str = "") -> requests.Session:
    """Return a session that trusts ``ca_file`` (else the system's roots) and leaves from address ``source``."""
    session = requests.Session()
    session.trust_env = False  # no proxy and no netrc of whoever runs the app
    if ca_file:
        session.verify = ca_file
    if source:
        for scheme in ("http://", "https://"):
            session.mount(scheme, _FromAddress(source))
    return session


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a portal wants proven: its nonce, the gateway that the token must be for, where the proof goes."""

    nonce: str
    audience: str
    session_url: str


class PhoneApp:
    """One resident's app, for one thread at a time: each token from BSW uses up the refresh token before it.

    ``http`` reaches BSW, ``wifi`` the portal; they differ where a phone has two networks. Methods raise
    ``Refused`` for an answer that says no and ``requests.RequestException`` for none.
    """

    def __init__(
        self,
        issuer: str,
        wallet: Wallet,
        http: requests.Session | None = None,
        wifi: requests.Session | None = None,
    ) -> None:
        self.wallet = wallet
        self._issuer = issuer
        self._http = http or http_session()
        self._wifi = wifi or self._http

    def sign_in(self, login: str, pin: str) -> None:
        """Sign the resident in with code and PKCE, as the app's own browser tab does (RFC 8252)."""
        verifier = secrets.token_urlsafe(48)
        state = secrets.token_urlsafe(16)
        redirect_uri = f"{self._issuer}/app/signed-in"
        asked = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": redirect_uri,
            "scope": SCOPE,
            "state": state,
            "code_challenge": base64url(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        back = self._through_the_page(f"{self._issuer}/authorize?{urlencode(asked)}", login, pin)
        if back.get("state") != state or back.get("iss") != self._issuer or "code" not in back:
            raise Refused("sign-in", 400, back.get("error", "the answer is not for this sign-in"))
        self._ask_for_token(
            grant_type="authorization_code", code=back["code"], code_verifier=verifier, redirect_uri=redirect_uri
        )

    def gateway_token(self, audience: str) -> str:
        """Return a fresh access token for one gateway, bound to the wallet's key."""
        return self._renewed(resource=audience)

    def provider_token(self) -> str:
        """Return a fresh access token for BSW's own endpoints, bound to the wallet's key."""
        return self._renewed()

    def connect(self, portal: str) -> dict[str, Any]:
        """Get this phone online (flow A): the portal's challenge, BSW's token, the proof; return the session.

        ``portal`` is the origin that the network announced, ``https://wifi.balikpapan.test``.
        """
        challenge = self.challenge(portal)
        return self.open_session(challenge, self.gateway_token(challenge.audience))

    def challenge(self, portal: str) -> Challenge:
        """Ask the portal what to prove, and where; it may send the phone to no other host."""
        body = _json("challenge", self._wifi.post(f"{portal}/app/v1/challenge", json={}, timeout=TIMEOUT))
        try:
            challenge = Challenge(str(body["nonce"]), str(body["audience"]), str(body["session_url"]))
        except KeyError as missing:
            raise Refused("challenge", 400, f"it lacks {missing}") from missing
        if _origin(challenge.session_url) != _origin(portal):
            raise Refused("challenge", 400, f"it names another host: {challenge.session_url}")
        return challenge

    def open_session(self, challenge: Challenge, token: str) -> dict[str, Any]:
        """Answer the challenge with a gateway's token and the proof of the wallet's key."""
        url = challenge.session_url
        headers = {
            "Authorization": f"DPoP {token}",
            "DPoP": proof(self.wallet.key, "POST", url, token, challenge.nonce),
        }
        return _json("session", self._wifi.post(url, json={}, headers=headers, timeout=TIMEOUT))

    def device_request(self, code: str) -> dict[str, Any]:
        """Return what waits behind the code on another device's screen: place, device, numbers to choose from."""
        return self._at_devices("GET", code)

    def approve(self, code: str, number: str) -> dict[str, Any]:
        """Let the device in; ``number`` is what its screen shows, and a wrong one refuses it."""
        return self._at_devices("POST", code, {"decision": "allow", "number": number})

    def refuse(self, code: str) -> dict[str, Any]:
        """Keep the device out."""
        return self._at_devices("POST", code, {"decision": "deny"})

    def _at_devices(self, method: str, code: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        token = self.provider_token()
        url = f"{self._issuer}/app/devices/{quote(code, safe='')}"
        headers = {"Authorization": f"DPoP {token}", "DPoP": proof(self.wallet.key, method, url, token)}
        answer = self._http.request(method, url, json=body, headers=headers, timeout=TIMEOUT)
        return _json("device", answer)

    def _renewed(self, **target: str) -> str:
        if not self.wallet.refresh_token:
            raise Refused("token", 401, "sign in first")
        return self._ask_for_token(grant_type="refresh_token", refresh_token=self.wallet.refresh_token, **target)

    def _ask_for_token(self, **form: str) -> str:
        url = f"{self._issuer}/token"
        headers = {"DPoP": proof(self.wallet.key, "POST", url)}
        answer = self._http.post(url, data=form | {"client_id": CLIENT_ID}, headers=headers, timeout=TIMEOUT)
        tokens = _json("token", answer)
        self.wallet.renew(str(tokens["refresh_token"]))
        return str(tokens["access_token"])

    def _through_the_page(self, url: str, login: str, pin: str) -> dict[str, str]:
        """Fill in BSW's sign-in page and read the answer off the redirect, which is not followed."""
        page = self._http.get(url, allow_redirects=False, timeout=TIMEOUT)
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        if page.status_code != 200 or token is None:
            raise Refused("sign-in", page.status_code, "BSW shows no sign-in page")
        form = {"csrf_token": unescape(token.group(1)), "login": login, "pin": pin}
        answer = self._http.post(url, data=form, headers={"Referer": url}, allow_redirects=False, timeout=TIMEOUT)
        if answer.status_code != 303:
            raise Refused("sign-in", answer.status_code, "wrong login or PIN")
        query = parse_qs(urlsplit(answer.headers["Location"]).query)
        return {name: values[0] for name, values in query.items()}


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _json(what: str, answer: requests.Response) -> dict[str, Any]:
    """Return the answer's JSON object; ``Refused`` with its own word (RFC 6749 ``error``, RFC 9457 ``title``)."""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    if not answer.ok or not body:
        raise Refused(
            what, answer.status_code, str(body.get("error") or body.get("code") or body.get("title") or "")
        )
    return body
