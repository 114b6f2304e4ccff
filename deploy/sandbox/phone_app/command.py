"""``gerbang phone``: the app for people at a terminal. Secrets come from standard input, never from arguments."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.sandbox.phone_app.app import PhoneApp, Refused, http_session
from deploy.sandbox.phone_app.wallet import Wallet


def run(options: argparse.Namespace) -> int:
    """Do what ``options.action`` says and print the answer as JSON; 1 with the reason when somebody refuses."""
    session = http_session(options.ca_file, options.source)
    app = PhoneApp(options.issuer, Wallet(Path(options.wallet).expanduser()), session)
    actions: dict[str, Callable[[], dict[str, Any]]] = {
        "sign-in": lambda: _sign_in(app),
        "connect": lambda: app.connect(options.portal.rstrip("/")),
        "show": lambda: app.device_request(options.code),
        "approve": lambda: app.approve(options.code, options.number),
        "refuse": lambda: app.refuse(options.code),
    }
    try:
        print(json.dumps(actions[options.action](), ensure_ascii=False, indent=2))
    except Refused as refused:
        print(f"gerbang phone: {refused}", file=sys.stderr)
        return 1
    return 0


def _sign_in(app: PhoneApp) -> dict[str, Any]:
    """Read login and PIN, a line each; at a terminal they are asked for and the PIN is not shown."""
    if sys.stdin.isatty():
        login, pin = input("login: "), getpass.getpass("PIN: ")
    else:
        login, pin = sys.stdin.readline(), sys.stdin.readline()
    app.sign_in(login.strip(), pin.strip())
    return {"signed_in": login.strip()}
