"""From a request's JSON to the enforcer and back: every field is read as if an attacker had written it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from policy import protocol
from policy.enforcer.enforcer import Enforcer
from policy.enforcer.journal import JournalError
from policy.enforcer.kernel import KernelError
from policy.model import Grant, Mac, Observation, parse_address, parse_session
from policy.protocol import Refused

log = logging.getLogger(__name__)

#: Reasons are words that end up in reports, not messages.
_MAX_REASON = 32

Answer = tuple[dict[str, Any], bytes]


class Verbs:
    """Request -> answer, over one ``Enforcer``; ``allowed`` says which role may ask what."""

    def __init__(self, enforcer: Enforcer, allowed: Mapping[str, frozenset[str]]) -> None:
        self._enforcer = enforcer
        self._allowed = allowed
        self._verbs: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "look": self._look,
            "admit": self._admit,
            "revoke": self._revoke,
            "learn": self._learn,
        }

    def answer(self, role: str, request: dict[str, Any]) -> Iterable[Answer]:
        """All frames of one answer, packed as they are taken; a refusal is an answer too."""
        try:
            verb = request.get("verb")
            if verb not in self._allowed[role]:
                raise Refused("forbidden", f"{role} may not ask for {verb!r}")
            if verb == "observe":
                return self._observe(role, request)
            return [(self._verbs[verb](request), b"")]
        except Refused as refusal:
            return [_refusal(refusal.code, refusal.message)]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return [_refusal("invalid", f"{type(error).__name__}: {error}")]
        except (KernelError, JournalError) as error:
            log.error("%s failed: %s", request.get("verb"), error)
            return [_refusal("kernel", str(error))]

    def _look(self, request: dict[str, Any]) -> dict[str, Any]:
        device = self._enforcer.look(parse_address(request["address"]))
        return {
            "mac": str(device.mac) if device.mac else None,
            "session": device.session,
            "seconds_left": device.seconds_left,
            "bytes_left": device.bytes_left,
            "usage": device.usage,
        }

    def _admit(self, request: dict[str, Any]) -> dict[str, Any]:
        limit = request.get("bytes_limit")
        grant = Grant(
            request["session"],
            Mac.parse(request["mac"]),
            parse_address(request["address"]),
            _whole(request["seconds"]),
            None if limit is None else _whole(limit),
        )
        self._enforcer.admit(grant)
        return {}

    def _revoke(self, request: dict[str, Any]) -> dict[str, Any]:
        reason = request["reason"]
        if not (isinstance(reason, str) and reason.isascii() and reason.isalpha() and len(reason) <= _MAX_REASON):
            raise Refused("invalid", "the reason is one word")
        self._enforcer.revoke(parse_session(request["session"]), reason)
        return {}

    def _learn(self, request: dict[str, Any]) -> dict[str, Any]:
        addresses = [parse_address(text) for text in request["addresses"]]
        self._enforcer.learn(addresses, _whole(request["seconds"]))
        return {}

    def _observe(self, role: str, request: dict[str, Any]) -> Iterable[Answer]:
        if acknowledged := request.get("acknowledge"):
            if "acknowledge" not in self._allowed[role]:
                raise Refused("forbidden", f"{role} may not acknowledge")
            self._enforcer.acknowledge(acknowledged)
        return _frames(self._enforcer.observe())


def _frames(observation: Observation) -> Iterator[Answer]:
    size, live = protocol.RECORDS_PER_FRAME, observation.live
    for start in range(0, len(live), size):
        yield {"more": True}, protocol.pack_records(live[start : start + size])
    ended = [(e.session, e.usage, e.ended_at.timestamp(), e.reason) for e in observation.ended]
    yield {"boot": observation.boot, "ended": ended}, b""


def _refusal(code: str, message: str) -> Answer:
    return {"refused": code, "message": message}, b""


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r} is not a whole number")
    return value
