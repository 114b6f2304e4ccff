"""Keeps the walled garden open: resolves its few names through unbound and teaches their addresses.

Before sign-in a phone reaches only these addresses, on https. An address stays open for several rounds after the
last answer that named it, because a phone may hold on to an earlier answer of a content network.
"""

from __future__ import annotations

import logging
import signal
import threading
from ipaddress import ip_address

import dns.exception
import dns.resolver

from policy.client import EnforcerClient, EnforcerUnavailable
from policy.model import Address
from policy.protocol import Refused
from policy.settings import GardenSettings, Settings

log = logging.getLogger(__name__)

#: How many rounds an address outlives the last answer that named it.
_ROUNDS_KEPT = 10
#: Seconds between rounds while a name or the enforcer does not answer: the sign-in depends on it.
_RETRY_SECONDS = 1.0
#: Seconds that one question may take, retries included.
_ANSWER_SECONDS = 3.0


class Garden:
    """The names, and one round of asking and teaching."""

    def __init__(self, settings: GardenSettings, enforcer: EnforcerClient) -> None:
        self._names = settings.names
        self._seconds_kept = settings.interval_seconds * _ROUNDS_KEPT
        self._enforcer = enforcer
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.nameservers = [settings.nameserver]
        self._resolver.lifetime = _ANSWER_SECONDS

    def tend(self) -> bool:
        """Do one round; ``False`` when a name had no address or an address could not be taught."""
        return sum(map(self._tend, self._names)) == len(self._names)

    def _tend(self, name: str) -> bool:
        addresses = self._resolve(name)
        if not addresses:
            log.warning("the garden's name %s has no address", name)
            return False
        try:
            self._enforcer.learn(addresses, self._seconds_kept)
        except (EnforcerUnavailable, Refused) as error:
            log.warning("the addresses of %s were not learned: %s", name, error)
            return False
        return True

    def _resolve(self, name: str) -> list[Address]:
        addresses: list[Address] = []
        for kind in ("A", "AAAA"):
            try:
                answer = self._resolver.resolve(name, kind, search=False)
            except dns.exception.DNSException as error:
                log.debug("%s %s: %s", name, kind, error)
                continue
            addresses += [ip_address(record.to_text()) for record in answer]
        return addresses


def serve(settings: Settings) -> None:
    """Tend the garden until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    garden = Garden(settings.garden, EnforcerClient(settings.enforcer.socket))
    while True:
        well = garden.tend()
        if stop.wait(settings.garden.interval_seconds if well else _RETRY_SECONDS):
            return
