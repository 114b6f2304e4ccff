"""What the views need, and who stands before them."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, g, request

from policy.model import Device, parse_address
from policy.settings import Settings
from portal.app_sign_in import AppSignIn
from portal.device_sign_ins import DeviceSignIns
from portal.visits import UnknownDevice, Visits

_KEY = "gerbang"


@dataclass(frozen=True, slots=True)
class Context:
    """The gateway's settings and its use cases."""

    settings: Settings
    visits: Visits
    app_sign_in: AppSignIn
    device_sign_ins: DeviceSignIns


def attach(context: Context) -> None:
    """Give the current application its context."""
    current_app.extensions[_KEY] = context


def context() -> Context:
    """The context of the application that answers now."""
    found = current_app.extensions[_KEY]
    assert isinstance(found, Context)  # noqa: S101 - for the type checker; attach() put it there
    return found


def device() -> Device:
    """The phone that this request's packets come from; one question to the enforcer per request.

    One whose approval came while it was away is let in first: it is here now.

    ``EnforcerUnavailable``; ``UnknownDevice`` where the address cannot be a phone's at all. Headers that name
    another address do not count.
    """
    found = g.get("device")
    if not isinstance(found, Device):
        try:
            address = parse_address(request.remote_addr or "")
        except ValueError as error:
            raise UnknownDevice("the request comes from no address of the WiFi") from error
        found = g.device = _seen_again(context().visits.look(address))
    return found


def _seen_again(found: Device) -> Device:
    if found.session is None and context().device_sign_ins.arrive(found):
        return context().visits.look(found.address)
    return found


def limit_key() -> str:
    """What rate limits count: the phone, whatever addresses it makes itself, else the address."""
    try:
        found = device()
    except UnknownDevice:
        return request.remote_addr or "nobody"
    return str(found.mac or found.address)
