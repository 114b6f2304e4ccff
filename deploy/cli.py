"""``gerbang``: the one command of a gateway. Each process is one of its sub-commands.

Imports happen in the sub-commands: the privileged enforcer must hold nothing but the standard library and
policy's pure modules, and no process pays for another's libraries.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from collections.abc import Callable, Sequence

from policy.settings import Settings, SettingsError

DEFAULT_CONFIG = "/etc/gerbang/gateway.toml"
#: Process -> the module whose ``serve`` runs it, and what it is for.
_PROCESSES = {
    "enforcer": ("policy.enforcer.server", "run the privileged process that makes the kernel obey"),
    "portal": ("portal.visitor.serve", "run the portal for visitors"),
    "console": ("portal.console.serve", "run the console for staff"),
    "monitor": ("monitoring.accounting", "record usage and serve /metrics"),
    "resolver": ("policy.resolver.garden", "keep the walled garden's addresses open"),
}
_PHONE = "be a resident's phone with the sandbox app of Balikpapan Single Window"
ROLES = ("operator", "approver", "auditor", "leader", "admin")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command; 0 when it went well, 2 when the words or the settings are wrong, else 1."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        if options.command == "phone":
            return _phone(options)
        settings = Settings.load(options.config)
        run: Callable[[Settings, argparse.Namespace], int] = options.run
        return run(settings, options)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except (OSError, LookupError, ValueError) as error:
        print(f"gerbang {options.command}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", default=DEFAULT_CONFIG, help="the gateway.toml (default: %(default)s)")
    parser = argparse.ArgumentParser(prog="gerbang", description="The captive-portal gateway of Balikpapan.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[Settings, argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, parents=[common], help=text, description=text)
        made.set_defaults(run=run)
        return made

    for name, (_, text) in _PROCESSES.items():
        command(name, _serve, text)
    command("check", _check, "read the settings and say what is wrong with them")
    command("database", _database, "bring the database's tables to this version").add_argument(
        "action", choices=["upgrade"]
    )
    staff = command("staff", _staff, "add a staff account and print its one-time password")
    staff.add_argument("action", choices=["add"])
    staff.add_argument("name", help="the name to sign in with")
    staff.add_argument("--role", choices=ROLES, required=True)
    _add_phone(commands.add_parser("phone", help=_PHONE, description=_PHONE))
    return parser


def _add_phone(phone: argparse.ArgumentParser) -> None:
    """Add the sandbox app, which is somebody's phone and not a gateway: it reads no gateway.toml."""
    phone.add_argument("--issuer", default="https://bsw.balikpapan.test", help="BSW (default: %(default)s)")
    phone.add_argument(
        "--wallet", default="~/.config/gerbang/phone.json", help="the app's key (default: %(default)s)"
    )
    phone.add_argument("--ca-file", default="", help="PEM roots to trust instead of the system's")
    phone.add_argument("--source", default="", help="the address of this machine to connect from")
    actions = phone.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("sign-in", help="sign in at BSW with the login and PIN on standard input, a line each")
    connect = actions.add_parser("connect", help="get this phone online at a portal")
    connect.add_argument("portal", help="the portal's origin: https://wifi.balikpapan.test")
    for name, text in (
        ("show", "say which device waits behind a code"),
        ("approve", "let that device in"),
        ("refuse", "keep that device out"),
    ):
        decision = actions.add_parser(name, help=text)
        decision.add_argument("code", help="what the device's screen shows: BCDF-GHJK")
        if name == "approve":
            decision.add_argument("number", help="the two-digit number on the device's screen")


def _phone(options: argparse.Namespace) -> int:
    from deploy.sandbox.phone_app.command import run

    return run(options)


def _serve(settings: Settings, options: argparse.Namespace) -> int:
    module, _ = _PROCESSES[options.command]
    importlib.import_module(module).serve(settings)
    return 0


def _check(settings: Settings, options: argparse.Namespace) -> int:
    print(f"{options.config}: nothing wrong; {settings.gateway.id} at {settings.gateway.hotspot}")
    return 0


def _database(settings: Settings, _options: argparse.Namespace) -> int:
    from deploy.migrations import upgrade

    print(f"the database is at version {upgrade(settings.database.url)}")
    return 0


def _staff(settings: Settings, options: argparse.Namespace) -> int:
    from sqlalchemy.exc import DatabaseError

    from policy.database import engine
    from portal.console import accounts

    try:
        print(accounts.add(engine(settings.database.url), options.name, options.role))
    except DatabaseError as error:
        raise ValueError(f"{error.orig}; has `gerbang database upgrade` made the tables?") from error
    return 0
