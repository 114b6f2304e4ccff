"""A sandbox Balikpapan Single Window: a real OpenID Provider with made-up residents.

It speaks OpenID Connect Core 1.0 with the authorization code flow, PKCE (RFC 7636, S256 only) and the issuer
in its answers (RFC 9207), so that the portal is tried against the contract and not against a stand-in.
"""

from deploy.sandbox.provider.app import create_app
from deploy.sandbox.provider.clients import Client
from deploy.sandbox.provider.config import ProviderConfig
from deploy.sandbox.provider.controls import Controls
from deploy.sandbox.provider.faults import Faults, KeySetFault, TokenFault
from deploy.sandbox.provider.residents import RESIDENTS, Resident

__all__ = [
    "RESIDENTS",
    "Client",
    "Controls",
    "Faults",
    "KeySetFault",
    "ProviderConfig",
    "Resident",
    "TokenFault",
    "create_app",
]
