"""`./deploy/up`: starts the laboratory, walks a phone through the trip, then stays up for people until Ctrl-C."""

import argparse
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from rich.console import Console

from deploy.lab import trip
from deploy.lab.configuration import CONSOLE_HOST, PORTAL_HOST
from deploy.lab.errors import LabError
from deploy.lab.lab import Lab
from deploy.lab.network import LAN_IPV4
from deploy.lab.window import View, Windows
from deploy.sandbox.names import PROVIDER_NAME, served

_STAFF = ("operator", "auditor", "leader")
_SERVERS_OF_A_TRIP = ("enforcer", "portal", "monitor", "resolver", "internet")
_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def main() -> int:
    """0 if every step of the trip held, 1 if not or if the laboratory did not come up."""
    parser = argparse.ArgumentParser(prog="./deploy/up", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the trip: 0 if every step held")
    parser.add_argument("--phones", type=int, default=2, help="how many phones (default: 2, the fewest)")
    options = parser.parse_args()
    if options.phones < 2:
        parser.error("--phones: the trip and the windows need one phone each, so at least 2")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    console = Console()
    try:
        return _run(console, options.phones, options.once)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except LabError as error:
        console.print(f"The laboratory stops: {error}", style="red", markup=False, highlight=False)
        return 1


def _run(console: Console, phones: int, once: bool) -> int:
    with ExitStack() as stack:
        with console.status("starting the laboratory") as status:
            lab = Lab(phones=phones, progress=lambda what: status.update(f"starting the laboratory: {what}"))
            stack.enter_context(lab)
        held = trip.walk(lab, console)
        if not held:
            _show_logs(lab, console)
        if not once:
            _stay(lab, console)
    return 0 if held else 1


def _show_logs(lab: Lab, console: Console) -> None:
    for name in _SERVERS_OF_A_TRIP:
        console.rule(f"the end of {name}'s log")
        console.print(lab.process(name).tail(), markup=False, highlight=False)


def _stay(lab: Lab, console: Console) -> None:
    with console.status("phone 2 joins, staff accounts are made"), ThreadPoolExecutor() as pool:
        outputs = pool.map(lambda role: lab.gerbang("console", "staff", "add", role, "--role", role), _STAFF)
        joined = next(lab.phone(2).steps("join"))
        passwords = dict(zip(_STAFF, map(str.strip, outputs), strict=True))
    if "error" in joined:
        raise LabError(f"phone 2 could not join: {joined['error']}")
    with Windows(_views(), lab.places.authority) as windows:
        console.print("\nOpen in a browser on this machine:", style="bold")
        for view, address in windows.addresses:
            console.print(f"  {address}/  {view.title}", soft_wrap=True)
        console.print("Sign in to the console, each with a one-time password, as", style="bold")
        for role, password in passwords.items():
            console.print(f"  {role:<9} {password}", markup=False, highlight=False)
        console.print("Ctrl-C ends the laboratory.")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


def _views() -> list[View]:
    provider = next(str(host.addresses[0]) for host in served() if host.name == PROVIDER_NAME)
    return [
        View("the portal, as phone 2 sees it", "phone2", LAN_IPV4, 443, PORTAL_HOST, 8080),
        View(
            "Balikpapan Single Window (sandbox), as phone 2 sees it", "phone2", provider, 443, PROVIDER_NAME, 8081
        ),
        View("the console, from the gateway itself", "gateway", "127.0.0.1", 8444, CONSOLE_HOST, 8082),
    ]


if __name__ == "__main__":
    sys.exit(main())
