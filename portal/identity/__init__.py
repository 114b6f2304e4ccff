"""Balikpapan Single Window as an OpenID Provider, and this portal as its relying party.

Authorization code flow with PKCE (RFC 6749, RFC 7636, RFC 9207, OpenID Connect Core 1.0). The contract with the
provider is ``facts/identity.md``; nothing here knows which software answers behind the issuer.
"""
