"""What can go wrong between this portal and the identity provider: two things, because the visitor can do two."""

from __future__ import annotations


class IdentityError(Exception):
    """A sign-in did not succeed. ``reason`` is for the log: it never holds what a visitor or a token said."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProviderUnavailable(IdentityError):
    """The provider does not answer, or answers what no provider may: nobody can sign in now, try again later."""


class SignInRejected(IdentityError):
    """This one sign-in is refused; the visitor may begin a new one.

    ``reason`` is one of the words in this package, such as ``nonce``, ``audience`` or ``denied``.
    """
