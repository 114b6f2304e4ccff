"""What tests and the laboratory hold of a running provider, beside its web pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Flask

from deploy.sandbox.provider.faults import Faults
from deploy.sandbox.provider.keys import Keys
from deploy.sandbox.provider.logout import Logout

_NAME = "bsw"


@dataclass(frozen=True, slots=True)
class Controls:
    """Rotate the keys, sign somebody out, switch faults on."""

    keys: Keys
    logout: Logout
    faults: Faults

    def attach(self, app: Flask) -> None:
        """Keep them with the app that they control."""
        app.extensions[_NAME] = self

    @staticmethod
    def of(app: Flask) -> Controls:
        """Return the controls of a provider's app."""
        return cast(Controls, app.extensions[_NAME])
