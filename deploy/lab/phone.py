"""A phone that knows nothing: runs inside its namespace, does the named steps, prints one JSON line for each.

    python -m deploy.lab.phone join probe refusal api signin fetch api extend signout

A line holds what was seen, not what ought to be: judging it is the caller's. Cookies are kept in $HOME, as a
browser keeps them, so steps can be spread over several calls. Ends with 1 at the first step that cannot be done.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from http.cookiejar import LWPCookieJar
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from deploy.lab.browser import Browser
from deploy.lab.configuration import CAPTIVE_API

PROBE = "http://connectivitycheck.gstatic.com/generate_204"
INTERFACE = "wlan0"
_JOIN_SECONDS = 20.0
_TIMEOUT = 10.0
_MOST_PAGES = 8

Facts = dict[str, Any]


class PhoneError(Exception):
    """A step that could not be done, in words for whoever reads the trip."""


class _Family(HTTPAdapter):
    """Connects over one address family only: a source address of the other kind cannot be bound."""

    def __init__(self, source: str) -> None:
        self._source = source
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        super().init_poolmanager(*arguments, source_address=(self._source, 0), **keywords)


class Phone:
    """What one call of the program knows: its cookies and the account it signs in with."""

    def __init__(self, home: Path, site: str, account: tuple[str, str]) -> None:
        self._home = home
        self._site = site
        self._account = account
        self._jar = LWPCookieJar(home / "cookies")
        if (home / "cookies").exists():
            self._jar.load(ignore_discard=True)
        self._session = requests.Session()
        self._session.cookies = self._jar  # type: ignore[assignment]  # any http.cookiejar.CookieJar will do
        self._browser = Browser(self._session)

    def close(self) -> None:
        """Keep the cookies for the next call."""
        self._jar.save(ignore_discard=True)

    def join(self) -> Facts:
        """Bring the link up, get a DHCPv4 lease, wait for the address that router advertisements give."""
        began = time.monotonic()
        script = Path(__file__).with_name("udhcpc.sh")
        subprocess.run(["ip", "link", "set", INTERFACE, "up"], check=True)
        # Asks for option 114, tries 8 times in 8 s, then gives up (-n); ends when it has the lease (-q).
        tries = ["-t", "8", "-T", "1", "-n", "-q", "-f"]
        command = ["udhcpc", "-i", INTERFACE, "-s", str(script), "-O", "114", *tries]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise PhoneError(f"no DHCP lease: {done.stderr.strip()}")
        lease = json.loads((self._home / "lease").read_text(encoding="ascii"))
        lease["option114"] = bytes.fromhex(lease["option114"]).decode("ascii", "replace")
        return {**lease, "ipv6": _wait_for_ipv6(began + _JOIN_SECONDS)}

    def probe(self) -> Facts:
        """Ask what Android asks, over IPv4 and IPv6, and follow nothing."""
        return {family: self._ask_once(PROBE, family) for family in ("ipv4", "ipv6")}

    def refusal(self) -> Facts:
        """Try https of a site: what ends the attempt, and after how many milliseconds."""
        return {
            "ipv4": _refusal(self._site, socket.AF_INET),
            "ipv6": _refusal(self._site, socket.AF_INET6),
        }

    def api(self) -> Facts:
        """Ask the captive portal API (RFC 8908)."""
        headers = {"Accept": "application/captive+json"}
        answer = requests.get(CAPTIVE_API, headers=headers, timeout=_TIMEOUT)
        return {
            "status": answer.status_code,
            "type": answer.headers.get("Content-Type"),
            "cache": answer.headers.get("Cache-Control"),
            "body": answer.json(),
        }

    def signin(self) -> Facts:
        """Open the probe's address and press on until the network says that this phone is online."""
        name, secret = self._account
        answers = {"login": name, "username": name, "password": secret, "pin": secret, "checkbox": "on"}
        self._browser.open(PROBE)
        for _ in range(_MOST_PAGES):
            if self._browser.status == 204 or not self.api()["body"]["captive"]:
                return {"pages": self._browser.visited, "title": self._browser.title}
            control = self._browser.find(r"\b(masuk|setuju|izinkan|lanjut)")
            if control is None:
                raise PhoneError(f"nothing to press on {self._browser.url} ({self._browser.title!r})")
            self._browser.press(control, answers)
        raise PhoneError(f"still captive after {_MOST_PAGES} pages: {self._browser.visited}")

    def code(self) -> Facts:
        """Ask for a code that the app on another phone approves, and read it off the page."""
        self._press_on_portal("ponsel lain")
        code = re.search(r'class="code">([^<]+)<', self._browser.text)
        number = re.search(r'class="match">([0-9]{2})<', self._browser.text)
        if code is None or number is None:
            raise PhoneError(f"no code on {self._browser.url} ({self._browser.title!r})")
        return {"code": code[1], "number": number[1]}

    def fetch(self) -> Facts:
        """Read a site's page over IPv4 and over IPv6."""
        return {family: self._ask_once(f"https://{self._site}/", family) for family in ("ipv4", "ipv6")}

    def extend(self) -> Facts:
        """Ask for more time on the status page."""
        return self._on_status_page(r"perpanjang")

    def signout(self) -> Facts:
        """Leave, from the status page."""
        return self._on_status_page(r"\b(keluar|akhiri)")

    def _on_status_page(self, pattern: str) -> Facts:
        self._press_on_portal(pattern)
        return {"pages": self._browser.visited, "status": self._browser.status, "title": self._browser.title}

    def _press_on_portal(self, pattern: str) -> None:
        self._browser.open(self.api()["body"]["user-portal-url"])
        control = self._browser.find(pattern)
        if control is None:
            raise PhoneError(f"no button for it on {self._browser.url} ({self._browser.title!r})")
        self._browser.press(control, {})

    def _ask_once(self, url: str, family: str) -> Facts:
        session = requests.Session()
        source = "0.0.0.0" if family == "ipv4" else "::"
        session.mount("http://", _Family(source))
        session.mount("https://", _Family(source))
        try:
            answer = session.get(url, allow_redirects=False, timeout=_TIMEOUT)
        except requests.RequestException as error:
            return {"error": type(error).__name__}
        facts = {"status": answer.status_code, "bytes": len(answer.content)}
        seen = {"location": answer.headers.get("Location"), "cache": answer.headers.get("Cache-Control")}
        return facts | {name: value for name, value in seen.items() if value}


def _wait_for_ipv6(deadline: float) -> str:
    command = ["ip", "-json", "-6", "address", "show", "dev", INTERFACE, "scope", "global", "-tentative"]
    while time.monotonic() < deadline:
        shown = json.loads(subprocess.run(command, capture_output=True, check=True).stdout or "[]")
        addresses = [entry["local"] for link in shown for entry in link.get("addr_info", []) if entry]
        if addresses:
            return str(addresses[0])
        time.sleep(0.02)
    raise PhoneError(f"no router advertisement gave an IPv6 address within {_JOIN_SECONDS:.0f} s")


def _refusal(host: str, family: socket.AddressFamily) -> Facts:
    address = socket.getaddrinfo(host, 443, family, socket.SOCK_STREAM)[0][4]
    with socket.socket(family, socket.SOCK_STREAM) as attempt:
        attempt.settimeout(_TIMEOUT)
        began = time.perf_counter()
        try:
            attempt.connect(address)
            outcome = "connected"
        except (ConnectionRefusedError, ConnectionResetError):
            outcome = "reset"
        except TimeoutError:
            outcome = "silence"
        except OSError as error:
            outcome = str(error.strerror)
        return {"outcome": outcome, "ms": round((time.perf_counter() - began) * 1000, 1)}


def main() -> int:
    """Do the steps in their order."""
    parser = argparse.ArgumentParser(prog="python -m deploy.lab.phone", description=__doc__)
    names = ("join", "probe", "refusal", "api", "signin", "code", "fetch", "extend", "signout")
    parser.add_argument("steps", nargs="+", choices=names)
    parser.add_argument("--site", default="berita.test", help="the site to try and to read")
    parser.add_argument("--account", default="sari", help="whom to sign in as; the PIN is in GERBANG_PIN")
    options = parser.parse_args()
    account = (options.account, os.environ.get("GERBANG_PIN", ""))
    phone = Phone(Path(os.environ["HOME"]), options.site, account)
    try:
        return 0 if all(_report(step, getattr(phone, step)) for step in options.steps) else 1
    finally:
        phone.close()


def _report(step: str, act: Callable[[], Facts]) -> bool:
    began = time.perf_counter()
    try:
        facts = act()
    except (PhoneError, requests.RequestException, OSError, ValueError) as error:
        facts = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps({"step": step, "ms": round((time.perf_counter() - began) * 1000, 1), **facts}), flush=True)
    return "error" not in facts


if __name__ == "__main__":
    sys.exit(main())
