"""The use cases of a visitor: begin a sign-in, be admitted, extend, end; and what the gateway sees of a phone.

A phone is known by the address its packets come from and by what the enforcer says is there, never by anything
it says about itself. Only the enforcer knows who may pass: rows here say who was let in and why. Whatever fails,
fails closed: a visit either passes and is written down, or neither.
"""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import Engine

from monitoring.pseudonyms import Pseudonyms
from policy.client import EnforcerClient, EnforcerUnavailable
from policy.database import reading
from policy.model import Address, Device, Mac
from policy.protocol import Refused
from policy.settings import Settings
from portal import sign_ins, visit_records
from portal.identity.code_flow import CodeFlow
from portal.identity.errors import SignInRejected
from portal.identity.tokens import Subject
from portal.visit_records import Record


class UnknownDevice(Exception):
    """No phone of this WiFi is at the address: a page seen from elsewhere, or a phone that has just left."""


class NoVisit(Exception):
    """This phone is not online, so there is nothing to extend."""


class NoMoreExtensions(Exception):
    """The visit has been extended as often as ``visits.extensions`` allows."""

    def __init__(self, allowed: int) -> None:
        super().__init__(f"a visit is extended at most {allowed} times")
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class Presence:
    """One phone at one moment. ``visit`` is ``None`` while it is captive, and for a session of nobody's visit."""

    device: Device
    visit: Record | None = None

    @property
    def online(self) -> bool:
        """Whether the enforcer lets it pass."""
        return self.device.session is not None


class Visits:
    """Everything that happens to a visit."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        enforcer: EnforcerClient,
        pseudonyms: Pseudonyms,
        identity: CodeFlow,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._gateway = settings.gateway
        self._terms = settings.visits
        self._longest = settings.enforcer.longest_seconds
        self._retention = timedelta(days=settings.notice.retention_days)
        self._engine = engine
        self._reader = reading(engine)
        self._enforcer = enforcer
        self._pseudonyms = pseudonyms
        self._identity = identity
        self._clock = clock

    def look(self, address: Address) -> Device:
        """What the enforcer says of ``address``; asks no database. ``EnforcerUnavailable`` may be raised."""
        return self._enforcer.look(address)

    def presence(self, device: Device) -> Presence:
        """``device`` with its visit."""
        if device.session is None:
            return Presence(device)
        with self._reader.begin() as connection:
            return Presence(device, visit_records.get(connection, device.session))

    def last_end(self, device: Device) -> str | None:
        """Why the last visit of a captive phone ended today, so that its welcome page can say so."""
        if device.mac is None or device.session is not None:
            return None
        now = self._clock()
        with self._reader.begin() as connection:
            last = visit_records.last_of(connection, self._device(device.mac, now))
            if last is None or last.ended_at is not None:
                return last.end_reason if last is not None else None
            measured = visit_records.measured_reason(connection, last.id)
        reason = "expired" if last.expires_at <= now else measured or "cut"
        with self._engine.begin() as connection:
            visit_records.close(connection, last.id, min(now, last.expires_at), reason)
        return reason

    def may_extend(self, presence: Presence) -> bool:
        """Whether ``extend`` would work; for a captive phone, whether it would after sign-in (RFC 8908)."""
        if not presence.online:
            return self._terms.extensions > 0
        return presence.visit is not None and presence.visit.extensions < self._terms.extensions

    def begin(self, device: Device, browser: str, language: str) -> str:
        """Start a sign-in bound to this phone and to ``browser``, its secret; returns where the browser goes.

        ``UnknownDevice`` or ``ProviderUnavailable``.
        """
        mac = mac_of(device)
        attempt = self._identity.start(language)
        now = self._clock()
        with self._engine.begin() as connection:
            sign_ins.add(connection, attempt, browser, self._device(mac, now), now)
        return attempt.url

    def admit(self, device: Device, browser: str, answer: Mapping[str, str]) -> str:
        """Finish a sign-in with the provider's ``answer`` and open the way; returns the visit's id.

        ``SignInRejected``, ``ProviderUnavailable``, ``UnknownDevice``, ``EnforcerUnavailable`` or ``Refused``:
        then nothing is open that was not, and nothing is written down as if it were.
        """
        mac = mac_of(device)
        with self._engine.begin() as connection:
            started = sign_ins.take(connection, answer.get("state", ""), browser, self._clock())
        if started is None:
            raise SignInRejected("state")
        if not hmac.compare_digest(started.device, self._device(mac, started.started_at)):
            raise SignInRejected("device")
        return self.let_in(device, self._identity.finish(answer, started.nonce, started.verifier))

    def let_in(self, device: Device, subject: Subject) -> str:
        """Open the way for somebody whom the provider has vouched for; errors as of ``admit``."""
        mac = mac_of(device)
        presence = self.presence(self._enforcer.look(device.address))  # it may have changed since we asked BSW
        if presence.visit is not None and self._is_of(presence.visit, subject):
            return self._continue(presence, presence.visit)
        return self._open(mac, device.address, subject)

    def extend(self, device: Device, seen: int) -> None:
        """Add one portion of time and bytes to the phone's visit.

        ``seen`` is the number of extensions that the visitor's page showed: pressing twice extends once.
        ``NoVisit``, ``NoMoreExtensions``, ``EnforcerUnavailable`` or ``Refused``; then the visit is as it was.
        """
        presence = self.presence(device)
        visit = presence.visit
        if visit is None or device.seconds_left is None:
            raise NoVisit
        if visit.extensions != seen:
            return
        if not self.may_extend(presence):
            raise NoMoreExtensions(self._terms.extensions)
        seconds = min(device.seconds_left + self._terms.seconds, self._longest)
        limit = None if visit.bytes_limit is None else visit.bytes_limit + self._terms.bytes
        expires = self._clock() + timedelta(seconds=seconds)
        after = replace(visit, expires_at=expires, extensions=visit.extensions + 1, bytes_limit=limit)
        self._renew(device, visit, after, seconds)

    def end(self, device: Device) -> None:
        """Sign the phone out; ``EnforcerUnavailable`` leaves it online. Nothing happens where it is captive."""
        if device.session is None:
            return
        self._enforcer.revoke(device.session, "visitor")
        with self._engine.begin() as connection:
            visit_records.close(connection, device.session, self._clock(), "visitor")

    def _open(self, mac: Mac, address: Address, subject: Subject) -> str:
        """Written first, opened second; taken back when it cannot be opened."""
        now = self._clock()
        record = Record(
            id=str(uuid4()),
            person=self._pseudonyms.person(subject.issuer, subject.subject, self._gateway.day(now)),
            device=self._device(mac, now),
            hotspot=self._gateway.hotspot,
            started_at=now,
            expires_at=now + timedelta(seconds=self._terms.seconds),
            extensions=0,
            bytes_limit=self._terms.bytes or None,
        )
        with self._engine.begin() as connection:
            visit_records.forget_before(connection, now - self._retention)
            visit_records.add(connection, record)
        try:
            self._enforcer.admit(record.id, mac, address, self._terms.seconds, record.bytes_limit)
        except (EnforcerUnavailable, Refused):
            # An enforcer that did it and died before it answered must not keep a visit that we forget.
            with contextlib.suppress(EnforcerUnavailable, Refused):
                self._enforcer.revoke(record.id, "failed")
            with self._engine.begin() as connection:
                visit_records.remove(connection, record.id)
            raise
        return record.id

    def _continue(self, presence: Presence, visit: Record) -> str:
        """The same person signed in again on the same phone: the same visit, its time starts anew."""
        seconds = max(self._terms.seconds, presence.device.seconds_left or 0)
        after = replace(visit, expires_at=self._clock() + timedelta(seconds=seconds))
        self._renew(presence.device, visit, after, seconds)
        return visit.id

    def _renew(self, device: Device, before: Record, after: Record, seconds: int) -> None:
        with self._engine.begin() as connection:
            if not visit_records.renew(connection, before, after):
                return  # another request of the same phone was faster
        try:
            self._enforcer.admit(before.id, mac_of(device), device.address, seconds, after.bytes_limit)
        except (EnforcerUnavailable, Refused):
            with self._engine.begin() as connection:
                visit_records.renew(connection, after, before)
            raise

    def _is_of(self, visit: Record, subject: Subject) -> bool:
        """Pseudonyms change at midnight, so compare under the day on which the visit began."""
        person = self._pseudonyms.person(subject.issuer, subject.subject, self._gateway.day(visit.started_at))
        return hmac.compare_digest(visit.person, person)

    def _device(self, mac: Mac, moment: datetime) -> str:
        return self._pseudonyms.device(mac, self._gateway.day(moment))


def mac_of(device: Device) -> Mac:
    """The hardware address of a phone that is there, else ``UnknownDevice``."""
    if device.mac is None:
        raise UnknownDevice(f"nobody is known at {device.address}")
    return device.mac
