"""End a session by hand, in the order that never leaves an ended one without an audit entry.

First the intent is in the log for good, then the enforcer cuts, then the visit and the outcome are written. If
the console dies in between, the log still says who wanted what; the monitor records the end itself.
"""

from __future__ import annotations

from monitoring import audit
from policy.client import EnforcerUnavailable
from policy.protocol import Refused
from portal import visit_records
from portal.console.queries import SessionView
from portal.console.services import Services


class NotEnded(Exception):
    """The session goes on (or the enforcer could not be asked); the message is for the log."""


def end(outside: Services, actor: str, session: SessionView, why: str) -> None:
    """Cut ``session`` off now; ``NotEnded`` when the enforcer did not, with that in the audit log too."""
    _note(outside, actor, "session.end", session.id, {"reason": why, "hotspot": session.hotspot})
    try:
        outside.enforcer.revoke(session.id, "operator")
    except Refused as error:
        if error.code != "unknown-session":
            _failed(outside, actor, session.id, error)
    except EnforcerUnavailable as error:
        _failed(outside, actor, session.id, error)
    _mark(outside, actor, session.id)


def _failed(outside: Services, actor: str, session_id: str, error: Exception) -> None:
    _note(outside, actor, "session.end.failed", session_id, {"error": type(error).__name__})
    raise NotEnded(str(error)) from error


def _note(outside: Services, actor: str, action: str, session_id: str, detail: dict[str, str]) -> None:
    with outside.database.begin() as connection:
        audit.record(connection, actor, action, session_id, detail, outside.now())


def _mark(outside: Services, actor: str, session_id: str) -> None:
    now = outside.now()
    with outside.database.begin() as connection:
        visit_records.close(connection, session_id, now, "operator")
        audit.record(connection, actor, "session.end.done", session_id, {}, now)
