"""Devices that wait for a resident's yes on another screen (RFC 8628), in memory."""

from __future__ import annotations

import random
import re
import secrets
import threading
import time
from dataclasses import dataclass, field

from deploy.sandbox.provider.clients import Client
from deploy.sandbox.provider.residents import Resident

#: Seconds that a code may be shown and looked for; a relay of it to somebody else must be quick.
DEVICE_SECONDS = 300

#: Seconds between two polls, and what each impatient one adds (RFC 8628 sections 3.2 and 3.5).
INTERVAL = 5
SLOWER = 5

#: RFC 8628 section 6.1: consonants that are not taken for another and make no words; 20^8 codes.
_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"

#: Wrong codes from one address within five minutes, after which none is looked at (RFC 8628 section 5.1).
_MOST_GUESSES = 10
_GUESS_SECONDS = 300.0


@dataclass
class DeviceRequest:
    """One device that waits. ``expires`` is on the monotonic clock; changed under the lock of ``Devices`` only."""

    client: Client
    scope: str
    place: str
    device: str
    match: str
    interval: int
    expires: float
    device_code: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    user_code: str = field(default_factory=lambda: user_code())
    sid: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    auth_time: int = 0
    polled: float = 0.0
    approved: Resident | None = None
    denied: bool = False
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.match:
            others = [f"{number:02}" for number in range(100) if f"{number:02}" != self.match]
            drawn = [self.match, *random.SystemRandom().sample(others, 2)]
            self.choices = tuple(sorted(drawn))

    @property
    def resident(self) -> Resident:
        """Return who approved; asked only after somebody did."""
        if self.approved is None:
            raise LookupError("nobody approved this device")
        return self.approved

    @property
    def waits(self) -> bool:
        """Say whether a decision is still possible."""
        return self.approved is None and not self.denied and not self.is_expired()

    def is_expired(self) -> bool:
        """Say whether its time has run out."""
        return time.monotonic() >= self.expires

    def get_client_id(self) -> str:
        """Return whose device it is."""
        return self.client.client_id

    def get_scope(self) -> str:
        """Return the granted scopes."""
        return self.scope

    def get_user_code(self) -> str:
        """Return what the person types."""
        return self.user_code


class Devices:
    """Every device that waits; safe between threads."""

    def __init__(self, seconds: float = DEVICE_SECONDS, interval: int = INTERVAL) -> None:
        self.seconds = seconds
        self.interval = interval
        self._lock = threading.Lock()
        self._requests: dict[str, DeviceRequest] = {}
        self._guesses: dict[str, list[float]] = {}

    def add(self, client: Client, scope: str, place: str, device: str, match: str) -> DeviceRequest:
        """Begin to wait. What ran out is remembered as long again, to say so to who still polls."""
        now = time.monotonic()
        made = DeviceRequest(client, scope, place, device, match, self.interval, now + self.seconds)
        with self._lock:
            kept = self._requests.items()
            self._requests = {code: old for code, old in kept if old.expires + self.seconds > now}
            self._requests[made.device_code] = made
        return made

    def get(self, device_code: str) -> DeviceRequest | None:
        """Return the request with this secret code."""
        with self._lock:
            return self._requests.get(device_code)

    def find(self, user_code: str, address: str) -> DeviceRequest | None:
        """Return the request that waits under what a person at ``address`` typed; guesses are counted."""
        typed = re.sub(r"[^A-Z]", "", user_code.upper()[:32])
        now = time.monotonic()
        with self._lock:
            recent = [at for at in self._guesses.get(address, []) if at + _GUESS_SECONDS > now]
            if len(recent) < _MOST_GUESSES:
                for waiting in self._requests.values():
                    if waiting.waits and secrets.compare_digest(waiting.user_code.replace("-", ""), typed):
                        return waiting
                recent.append(now)
            self._guesses[address] = recent
        return None

    def decide(self, waiting: DeviceRequest, resident: Resident | None, number: str = "") -> bool:
        """Let the device in as ``resident``, or refuse it for ``None``; return whether it is let in.

        A wrong ``number`` refuses: whoever does not see the device's screen has no business approving it.
        The first decision stands.
        """
        with self._lock:
            if not waiting.waits:
                return False
            allowed = resident is not None and secrets.compare_digest(waiting.match.encode(), number.encode())
            if allowed:
                waiting.auth_time = int(time.time())
                waiting.approved = resident
            else:
                waiting.denied = True
            return allowed

    def impatient(self, waiting: DeviceRequest) -> bool:
        """Note a poll; true if it came before its time, and from then on the time is longer."""
        now = time.monotonic()
        with self._lock:
            early = waiting.polled > 0 and now < waiting.polled + waiting.interval
            waiting.polled = now
            if early:
                waiting.interval += SLOWER
            return early

    def take(self, waiting: DeviceRequest) -> bool:
        """End the wait with tokens, once."""
        with self._lock:
            return self._requests.pop(waiting.device_code, None) is not None


def user_code() -> str:
    """Return a new code for people to type."""
    code = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    return f"{code[:4]}-{code[4:]}"
