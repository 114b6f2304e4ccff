"""The device grant's two endpoints for clients: announce a device, and poll (RFC 8628 sections 3.1 and 3.4)."""

from __future__ import annotations

import re
from typing import Any

from authlib.oauth2.rfc6749 import (
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    UnauthorizedClientError,
)
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant
from flask import request

from deploy.sandbox.provider.clients import DEVICE_GRANT
from deploy.sandbox.provider.devices import DeviceRequest, Devices
from deploy.sandbox.provider.residents import Resident
from deploy.sandbox.provider.tokens import TokenIssuer

#: What may stand on the approval page about a place or a device: one short line of printable text.
_LONGEST_LINE = 80


class DeviceEndpoint(DeviceAuthorizationEndpoint):  # type: ignore[misc]  # authlib carries no types
    """Where a client announces a device (RFC 8628 section 3.1), with where it stands and what its screen shows."""

    issuer: str
    devices: Devices

    def create_endpoint_response(self, asked: Any) -> tuple[int, dict[str, Any], Any]:
        """Check the client's request and return the codes (section 3.2)."""
        client = self.authenticate_client(asked)
        if not client.check_grant_type(DEVICE_GRANT):
            raise UnauthorizedClientError()
        scope = client.get_allowed_scope(asked.payload.scope)
        if scope is None:
            raise InvalidScopeError()
        match = request.form.get("match", "")
        if match and not re.fullmatch("[0-9]{2}", match):
            raise InvalidRequestError("match is a two-digit number.")
        made = self.devices.add(client, scope, _line("place"), _line("device"), match)
        page = f"{self.issuer}/device"
        body = {
            "device_code": made.device_code,
            "user_code": made.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={made.user_code}",
            "expires_in": int(self.devices.seconds),
            "interval": self.devices.interval,
        }
        return 200, body, [("Content-Type", "application/json"), ("Cache-Control", "no-store")]


def device_endpoint(issuer: str, devices: Devices) -> type:
    """Return the endpoint over ``devices``, as authlib wants it."""
    return type("Endpoint", (DeviceEndpoint,), {"issuer": issuer, "devices": devices})


class DeviceGrant(DeviceCodeGrant):  # type: ignore[misc]  # authlib carries no types
    """Answers polls."""

    devices: Devices
    tokens: TokenIssuer

    @property
    def origin(self) -> DeviceRequest:
        """Return what the token comes from."""
        waiting: DeviceRequest = self.request.credential
        return waiting

    def authenticate_token_endpoint_client(self) -> Any:
        """Remember who asks before the code is looked up, so that a foreign one looks like none."""
        self.request.client = super().authenticate_token_endpoint_client()
        return self.request.client

    def query_device_credential(self, device_code: str) -> DeviceRequest:
        """Return what waits under this code."""
        waiting = self.devices.get(device_code)
        if waiting is None or waiting.client != self.request.client:
            raise InvalidGrantError()
        self.request.credential = waiting
        return waiting

    def query_user_grant(self, _user_code: str) -> tuple[Resident | None, bool] | None:
        """Return who decided and what; ``None`` while nobody did."""
        if self.origin.denied:
            return None, False
        return (self.origin.resident, True) if self.origin.approved else None

    def should_slow_down(self, credential: DeviceRequest) -> bool:
        """Say whether the device asks too often."""
        return self.devices.impatient(credential)

    def generate_token(self, *, scope: str, **_others: Any) -> dict[str, Any]:
        """Issue what was approved, to the first poll that comes."""
        if not self.devices.take(self.origin):
            raise InvalidGrantError()
        return self.tokens.issue(self.origin, self.request.client, scope)

    def save_token(self, token: Any) -> None:
        """Do nothing: what must be kept was kept when it was made."""


def device_grant(devices: Devices, tokens: TokenIssuer) -> type:
    """Return the grant over ``devices``, as authlib wants it."""
    return type("Grant", (DeviceGrant,), {"devices": devices, "tokens": tokens})


def _line(name: str) -> str:
    text = request.form.get(name, "")
    if len(text) > _LONGEST_LINE or not text.isprintable():
        raise InvalidRequestError(f"{name} is one line of at most {_LONGEST_LINE} characters.")
    return text
