"""The device grant (RFC 8628): the portal asks for a code, a phone with the app approves, the portal hears of it.

The approval needs nothing of the device that waits: its sign-in window may be closed, its screen locked. The
``device_code`` stays with the portal and binds the ID token, which carries no nonce in this flow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from portal.identity.errors import ProviderUnavailable, SignInRejected
from portal.identity.relying_party import RelyingParty
from portal.identity.tokens import Subject
from portal.identity.transport import Answer, check_url

_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
#: Seconds that a code may wait (facts/identity.md: at most five minutes), whatever the provider allows.
LONGEST: Final = 300
#: Seconds between two questions: what RFC 8628 section 3.2 says where the provider says nothing, and the range in
#: which what it says makes sense.
_INTERVAL: Final = 5
_INTERVALS: Final = (1, 60)
#: Seconds more after every ``slow_down`` (section 3.5).
SLOWER: Final = 5
_MAX_CODE: Final = 2_048
#: What people type: shown on the page and read out to others, so nothing but this is let through.
_USER_CODE: Final = re.compile(r"[A-Z0-9]{2,8}(-?[A-Z0-9]{2,8}){0,3}", re.ASCII)

#: Errors that end the wait (sections 3.5, and 5.2 of RFC 6749), and the word for each.
_ENDS: Final = {"access_denied": "denied", "expired_token": "code-expired", "invalid_grant": "code"}


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A grant that waits for approval: what people see, and the secret that the portal asks with.

    ``expires_in`` and ``interval`` are seconds from now and between two questions.
    """

    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int
    device_code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pending:
    """Nobody has decided yet; ``slow_down``: wait ``SLOWER`` seconds longer from now on."""

    slow_down: bool = False


class DeviceFlow:
    """Signing in a device by means of another."""

    def __init__(self, party: RelyingParty) -> None:
        self._party = party

    def start(self, place: str, device: str, match: int) -> DeviceCode:
        """Ask for a code.

        ``place``, ``device`` and ``match``, the two digits that the waiting page shows, go to the approving page:
        a code that somebody sends around approves nothing that its reader does not stand before (RFC 8628
        section 5.4). A provider that does not know them leaves them out (RFC 6749 section 3.2).
        """
        endpoint = self._party.metadata().device_authorization_endpoint
        if endpoint is None:
            raise ProviderUnavailable("the provider has no device grant")
        form = {"scope": self._party.scope, "place": place, "device": device, "match": f"{match:02d}"}
        return _code(self._party.ask(endpoint, form))

    def poll(self, device_code: str) -> Subject | Pending:
        """Ask once who approved; the caller keeps the interval. ``SignInRejected`` ends the wait for good.

        ``ProviderUnavailable`` does not: ask again later (RFC 8628 section 3.5).
        """
        answer = self._party.ask(
            self._party.metadata().token_endpoint, {"grant_type": _GRANT, "device_code": device_code}
        )
        error = answer.body.get("error") if answer.status == 400 else None
        if error in ("authorization_pending", "slow_down"):
            return Pending(slow_down=error == "slow_down")
        if isinstance(error, str) and error in _ENDS:
            raise SignInRejected(_ENDS[error])
        return self._party.subject(answer, nonce=None)


def _code(answer: Answer) -> DeviceCode:
    """RFC 8628 section 3.2, every field read as if it were meant to harm."""
    if answer.status != 200:
        raise ProviderUnavailable(f"the device authorization endpoint answers {answer.status}")
    body = answer.body
    secret, shown = body.get("device_code"), body.get("user_code")
    if not isinstance(secret, str) or not 0 < len(secret) <= _MAX_CODE:
        raise ProviderUnavailable("the provider gives no device code")
    if not isinstance(shown, str) or not _USER_CODE.fullmatch(shown):
        raise ProviderUnavailable("the provider gives a user code that nobody can type")
    uri = check_url(body.get("verification_uri"))
    return DeviceCode(
        user_code=shown,
        verification_uri=uri,
        verification_uri_complete=check_url(body.get("verification_uri_complete", uri)),
        expires_in=min(_seconds(body.get("expires_in")), LONGEST),
        interval=min(max(_seconds(body.get("interval", _INTERVAL)), _INTERVALS[0]), _INTERVALS[1]),
        device_code=secret,
    )


def _seconds(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ProviderUnavailable("the provider gives a code without a sensible time")
    return value
