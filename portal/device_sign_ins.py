"""Signing in a device with an app on another one (facts/identity.md, flow C).

A sign-in window shows the code and may then close, lose its cookies or sleep: what happens next depends on rows
that workers look after, and on the device's hardware address, which the enforcer sees when the device is back.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine

from monitoring.pseudonyms import Pseudonyms
from policy.client import EnforcerUnavailable
from policy.database import reading
from policy.model import Device, Mac, parse_address
from policy.protocol import Refused
from policy.settings import GatewaySettings
from portal import pairings
from portal.identity.device_flow import SLOWER, DeviceFlow, Pending
from portal.identity.errors import ProviderUnavailable, SignInRejected
from portal.identity.tokens import Subject
from portal.pairings import Pairing
from portal.sealing import Seal
from portal.visits import Visits, mac_of

log = logging.getLogger(__name__)

#: How long an approval waits for its device to be seen again: somebody fetches a laptop from another room.
PATIENCE = timedelta(minutes=30)
#: Seconds between two looks for a device whose approval has come.
_LOOK_AGAIN = 2
#: How long a page can still say that an approval was denied or came too late.
_REMEMBERED = timedelta(minutes=10)
#: Devices that wait at once, of a whole hotspot; each costs the provider a question every few seconds.
MAX_WAITING = 200
#: Devices that one step looks after, so that a step ends.
_AT_ONCE = 20


class TooManyWaiting(Exception):
    """``MAX_WAITING`` devices wait already: try again in a few minutes."""


class DeviceSignIns:
    """Everything that happens between a code and the device that it lets in."""

    def __init__(
        self,
        gateway: GatewaySettings,
        engine: Engine,
        visits: Visits,
        flow: DeviceFlow,
        pseudonyms: Pseudonyms,
        seal: Seal,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._gateway = gateway
        self._engine = engine
        self._reader = reading(engine)
        self._visits = visits
        self._flow = flow
        self._pseudonyms = pseudonyms
        self._seal = seal
        self._clock = clock

    def begin(self, device: Device, kind: str) -> None:
        """Ask for a code; ``kind`` tells the approver what waits, in the approver's words ("Laptop Windows").

        A device that waits already goes on waiting. ``UnknownDevice``, ``ProviderUnavailable`` or
        ``TooManyWaiting``.
        """
        mac = mac_of(device)
        now = self._clock()
        with self._reader.begin() as connection:
            standing = self._of(connection, mac, now)
            if standing is not None and standing.state in (pairings.WAITING, pairings.APPROVED):
                return
            if pairings.count(connection) >= MAX_WAITING:
                raise TooManyWaiting
        match = 10 + secrets.randbelow(90)
        code = self._flow.start(self._gateway.hotspot, kind, match)
        pairing_id = str(uuid4())
        sealed = {"mac": str(mac), "address": str(device.address), "code": code.device_code}
        pairing = Pairing(
            id=pairing_id,
            device=self._pseudonyms.device(mac, self._gateway.day(now)),
            state=pairings.WAITING,
            sealed=self._seal.close(sealed, pairing_id),
            user_code=code.user_code,
            address=code.verification_uri_complete,
            match=match,
            interval=code.interval,
            due_at=now + timedelta(seconds=code.interval),
            expires_at=now + timedelta(seconds=code.expires_in) + _REMEMBERED,
        )
        with self._engine.begin() as connection:
            pairings.put(connection, pairing, now)

    def of(self, device: Device) -> Pairing | None:
        """What this device waits for."""
        if device.mac is None:
            return None
        with self._reader.begin() as connection:
            return self._of(connection, device.mac, self._clock())

    def cancel(self, device: Device) -> None:
        """Stop waiting."""
        if (pairing := self.of(device)) is not None:
            with self._engine.begin() as connection:
                pairings.remove(connection, pairing)

    def arrive(self, device: Device) -> bool:
        """Let a device in whose approval has come while it was away; whether that happened.

        ``EnforcerUnavailable`` or ``Refused``: the approval still waits.
        """
        pairing = self.of(device)
        if pairing is None or pairing.state != pairings.APPROVED:
            return False
        known = self._open(pairing)
        return known is not None and self._let_in(pairing, known, device)

    def step(self) -> None:
        """Ask about every code that is due, look for every device that is approved; called every second."""
        now = self._clock()
        with self._reader.begin() as connection:
            if not pairings.any_due(connection, now):
                return
        with self._engine.begin() as connection:
            due = pairings.claim(connection, now, _AT_ONCE)
        for pairing in due:
            try:
                if pairing.state == pairings.WAITING:
                    self._ask(pairing)
                else:
                    self._look(pairing)
            except (ProviderUnavailable, EnforcerUnavailable, Refused) as error:
                log.warning("a waiting device is looked after later: %s", error)

    def _ask(self, pairing: Pairing) -> None:
        known = self._open(pairing)
        if known is None or pairing.expires_at - _REMEMBERED <= self._clock():
            self._change(pairing, state=pairings.EXPIRED)
            return
        try:
            found = self._flow.poll(known["code"])
        except SignInRejected as error:
            log.warning("an approval ended: %s", error.reason)
            late = error.reason == "code-expired"
            self._change(pairing, state=pairings.EXPIRED if late else pairings.DENIED)
            return
        if isinstance(found, Pending):
            if found.slow_down:
                self._slow_down(pairing)
            return
        self._approve(pairing, known, found)

    def _slow_down(self, pairing: Pairing) -> None:
        interval = pairing.interval + SLOWER
        self._change(pairing, interval=interval, due_at=self._clock() + timedelta(seconds=interval))

    def _approve(self, pairing: Pairing, known: dict[str, Any], subject: Subject) -> None:
        """Write the approval down before anything else: it is said once only."""
        now = self._clock()
        known = {**known, "code": "", "issuer": subject.issuer, "subject": subject.subject}
        changed = self._change(
            pairing,
            state=pairings.APPROVED,
            sealed=self._seal.close(known, pairing.id),
            interval=_LOOK_AGAIN,
            due_at=now,
            expires_at=now + PATIENCE,
        )
        if not changed:
            log.warning("an approval came for a device that no longer waits")

    def _look(self, pairing: Pairing) -> None:
        known = self._open(pairing)
        if known is None:
            self._change(pairing, state=pairings.EXPIRED)
            return
        self._let_in(pairing, known, self._visits.look(parse_address(known["address"])))

    def _let_in(self, pairing: Pairing, known: dict[str, Any], device: Device) -> bool:
        if str(device.mac) != known["mac"]:
            return False
        self._visits.let_in(device, Subject(known["issuer"], known["subject"]))
        with self._engine.begin() as connection:
            pairings.remove(connection, pairing)
        return True

    def _open(self, pairing: Pairing) -> dict[str, Any] | None:
        return self._seal.open(pairing.sealed, pairing.id)

    def _change(self, pairing: Pairing, **values: object) -> bool:
        with self._engine.begin() as connection:
            return pairings.change(connection, pairing, **values)

    def _of(self, connection: Connection, mac: Mac, now: datetime) -> Pairing | None:
        """Pseudonyms change at midnight; a pairing that began before it goes on."""
        days = dict.fromkeys(self._gateway.day(moment) for moment in (now, now - PATIENCE - _REMEMBERED))
        found = (pairings.of(connection, self._pseudonyms.device(mac, day), now) for day in days)
        return next((pairing for pairing in found if pairing is not None), None)
