"""Flow A: the app signs its own phone in, without a browser.

The phone asks for a challenge, the app gets an access token for this gateway from BSW and proves with its key,
over the same WiFi, that token and challenge are its own. An evil twin that passes messages on stands at another
address than the phone, so what it passes on is refused.
"""

from __future__ import annotations

import hmac
import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from monitoring.pseudonyms import Pseudonyms
from policy.database import reading
from policy.model import Device, Mac
from policy.settings import Settings
from portal import app_records
from portal.app_records import Taken
from portal.identity import access_tokens, dpop
from portal.identity.access_tokens import AccessToken
from portal.identity.dpop import Proof, ProofRejected
from portal.identity.errors import SignInRejected
from portal.identity.keys import KeySet
from portal.visits import Visits, mac_of

#: Octets of a nonce: 256 bits.
_RANDOM = 32


class TooManyFailures(Exception):
    """This device was refused too often; ``seconds`` is how long it must wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"blocked for {seconds} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Offer:
    """What the app needs to prove itself: a nonce for one phone, ``seconds`` long, and this gateway's names."""

    nonce: str = field(repr=False)
    seconds: int
    gateway: str
    audience: str
    issuer: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What the app shows, and by which request; ``url`` is ours as we publish it, not as a header names it."""

    access_token: str = field(repr=False)
    proof: str = field(repr=False)
    method: str
    url: str


class AppSignIn:
    """The app's two use cases."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        pseudonyms: Pseudonyms,
        keys: KeySet,
        visits: Visits,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._gateway = settings.gateway
        self._issuer = settings.identity.issuer
        self._engine = engine
        self._reader = reading(engine)
        self._pseudonyms = pseudonyms
        self._keys = keys
        self._visits = visits
        self._clock = clock

    def challenge(self, device: Device) -> Offer:
        """A nonce for this phone at this address; ``UnknownDevice`` or ``TooManyFailures``."""
        mac = mac_of(device)
        now = self._clock()
        self._check_failures(mac, now)
        nonce, today = secrets.token_urlsafe(_RANDOM), self._gateway.day(now)
        names = self._pseudonyms.device(mac, today), self._pseudonyms.address(device.address, today)
        with self._engine.begin() as connection:
            app_records.add_challenge(connection, nonce, self._gateway.id, *names, now)
        seconds = int(app_records.CHALLENGE_LIFETIME.total_seconds())
        return Offer(nonce, seconds, self._gateway.id, access_tokens.audience(self._gateway.id), self._issuer)

    def admit(self, device: Device, shown: Shown) -> str:
        """Open the way for whom token and proof belong to; returns the visit's id.

        Beside the errors of ``Visits.let_in``: ``SignInRejected`` (``suspended`` for a person who may not sign
        in), ``ProofRejected``, ``ProviderUnavailable`` or ``TooManyFailures``. Then nothing is open that was not.
        """
        mac = mac_of(device)
        self._check_failures(mac, self._clock())
        try:
            token = access_tokens.verify(shown.access_token, self._keys, self._issuer, self._gateway.id)
            expected = dpop.Expected(shown.method, shown.url, shown.access_token, token.thumbprint)
            self._spend(device, mac, token, dpop.verify(shown.proof, expected, time.time()))
            if not token.active:
                raise SignInRejected("suspended")
        except SignInRejected as error:
            self._count(mac, error.reason)
            raise
        return self._visits.let_in(device, token.subject)

    def _spend(self, device: Device, mac: Mac, token: AccessToken, proof: Proof) -> None:
        """Use up nonce, proof and token together; each is good once, whatever two workers do at once."""
        now = self._clock()
        refusal: SignInRejected
        with self._engine.begin() as connection:
            challenge = app_records.take_challenge(connection, proof.nonce, self._gateway.id, now)
            if challenge is None:
                refusal = ProofRejected("nonce")
            elif not self._came_the_same_way(challenge, device, mac):
                refusal = ProofRejected("relay")
            elif not app_records.spend(connection, proof.thumbprint, proof.id, now):
                refusal = ProofRejected("replay")
            elif not app_records.spend(connection, token.subject.issuer, token.id, now):
                refusal = SignInRejected("replay")
            else:
                return
        raise refusal

    def _came_the_same_way(self, challenge: Taken, device: Device, mac: Mac) -> bool:
        day = self._gateway.day(challenge.made_at)
        return hmac.compare_digest(challenge.device, self._pseudonyms.device(mac, day)) and hmac.compare_digest(
            challenge.address, self._pseudonyms.address(device.address, day)
        )

    def _check_failures(self, mac: Mac, now: datetime) -> None:
        """A device has two pseudonyms around midnight, and its tries count under both."""
        days = {self._gateway.day(now), self._gateway.day(now - app_records.FAILURE_WINDOW)}
        devices = [self._pseudonyms.device(mac, day) for day in days]
        with self._reader.begin() as connection:
            wait = app_records.blocked_for(connection, devices, now)
        if wait > timedelta(0):
            raise TooManyFailures(math.ceil(wait.total_seconds()))

    def _count(self, mac: Mac, reason: str) -> None:
        now = self._clock()
        with self._engine.begin() as connection:
            app_records.add_failure(connection, self._pseudonyms.device(mac, self._gateway.day(now)), reason, now)
