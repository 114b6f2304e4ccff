"""A visitor's whole trip, walked by phone 1, judged by what the wire, the kernel and the database show."""

import ipaddress
import json
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from deploy.lab.configuration import CAPTIVE_API, PORTAL_HOST
from deploy.lab.lab import Lab

#: A refusal must come at once: a phone that waits for a timeout tells its owner that the WiFi is broken.
REFUSAL_MS = 50.0
_FAMILIES = ("ipv4", "ipv6")
_USAGE_SECONDS = 15.0  # three readings of the monitor
_POLL_SECONDS = 0.05

Facts = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """Whether a step held, and what was really seen, in one line."""

    held: bool
    seen: str


def lease(facts: Facts) -> Verdict:
    """An address of each family, and the captive portal's address in option 114 (RFC 8910)."""
    held = facts["option114"] == CAPTIVE_API and bool(facts["ipv6"])
    return Verdict(held, f"{facts['address']}, {facts['ipv6']}, option 114 {facts['option114'] or 'absent'}")


def probe(facts: Facts) -> Verdict:
    """302 to the https portal, not to be stored, over both families."""
    answers = [facts[family] for family in _FAMILIES]
    held = all(
        answer.get("status") == 302
        and answer.get("location", "").startswith(f"https://{PORTAL_HOST}/")
        and "no-store" in answer.get("cache", "")
        for answer in answers
    )
    return Verdict(held, _both(facts, lambda a: f"{a['status']} to {a.get('location')}, {a.get('cache')}"))


def refusal(facts: Facts) -> Verdict:
    """A reset within 50 ms, over both families."""
    held = all(facts[family]["outcome"] == "reset" and facts[family]["ms"] < REFUSAL_MS for family in _FAMILIES)
    return Verdict(held, _both(facts, lambda a: f"{a['outcome']} after {a['ms']} ms"))


def captive(facts: Facts) -> Verdict:
    """The API says so, with the page to go to (RFC 8908)."""
    body = facts["body"]
    held = _is_captive_json(facts) and body.get("captive") is True and "user-portal-url" in body
    return Verdict(held, f"{facts['status']} {json.dumps(body)}")


def signed_in(facts: Facts) -> Verdict:
    """The way led through Balikpapan Single Window and back."""
    hosts = [url.split("/")[2] for url in facts["pages"]]
    way = [host for index, host in enumerate(hosts) if index == 0 or hosts[index - 1] != host]
    held = any(host.startswith("bsw.") for host in way) and PORTAL_HOST in way
    return Verdict(held, f"{' > '.join(way)}: {facts['title']!r} ({facts['ms'] / 1000:.1f} s)")


def granted(facts: Facts) -> Verdict:
    """The kernel lets this MAC pass with an address of each family."""
    held = all(facts[family] for family in _FAMILIES)
    return Verdict(held, f"in the kernel: {', '.join(facts['ipv4'] + facts['ipv6']) or 'nothing'}")


def fetched(facts: Facts) -> Verdict:
    """The site's page over both families."""
    held = all(facts[family].get("status") == 200 and facts[family]["bytes"] > 0 for family in _FAMILIES)
    return Verdict(held, _both(facts, lambda a: f"{a['status']}, {a['bytes']} bytes"))


def online(facts: Facts) -> Verdict:
    """The API says so, with the seconds and bytes that are left."""
    body = facts["body"]
    seconds, octets = body.get("seconds-remaining", 0), body.get("bytes-remaining", 0)
    held = _is_captive_json(facts) and body.get("captive") is False and min(seconds, octets) > 0
    return Verdict(held, f"{facts['status']} {json.dumps(body)}")


def counted(facts: Facts) -> Verdict:
    """Usage rows that hold the pages that were read, and what was sent for them."""
    held = bool(facts["up_bytes"] > 0 and facts["down_bytes"] >= facts["page_bytes"])
    rows = f"{facts['rows']} row{'s' if facts['rows'] > 1 else ''}"
    seen = f"{rows} of session {facts['session'][:8]}, to {facts['minute'][:16]} UTC"
    return Verdict(held, f"{seen}: {facts['up_bytes']} bytes up, {facts['down_bytes']} down")


def _is_captive_json(facts: Facts) -> bool:
    return bool(facts["status"] == 200) and facts["type"] == "application/captive+json"


def _both(facts: Facts, describe: Callable[[Facts], str]) -> str:
    return "; ".join(f"{family} {facts[family].get('error') or describe(facts[family])}" for family in _FAMILIES)


_STEPS: list[tuple[str, Callable[[Facts], Verdict]]] = [
    ("lease", lease),
    ("probe -> 302", probe),
    ("443 refused", refusal),
    ("API: captive", captive),
    ("sign-in", signed_in),
    ("grant", granted),
    ("page fetched", fetched),
    ("API: online", online),
    ("usage row", counted),
]


def walk(lab: Lab, console: Console) -> bool:
    """Walk phone 1 through the trip, print each step as it is seen; whether all held. The first ✗ ends it."""
    facts = _facts(lab)
    for number, (title, judge) in enumerate(_STEPS, 1):
        with console.status(f"step {number} of {len(_STEPS)}: {title}"):
            verdict = _judged(judge, next(facts, {"error": "the phone's program ended"}))
        mark = "[green]✓[/]" if verdict.held else "[red]✗[/]"
        console.print(f"{mark} [bold]{title:<13}[/]", end=" ")
        console.print(verdict.seen, markup=False, highlight=False, soft_wrap=True)
        if not verdict.held:
            facts.close()
            return False
    return True


def _judged(judge: Callable[[Facts], Verdict], facts: Facts) -> Verdict:
    if "error" in facts:
        return Verdict(False, str(facts["error"]))
    return judge(facts)


def _facts(lab: Lab) -> Generator[Facts, None, None]:
    phone = lab.phone(1)
    addresses: set[str] = set()
    for facts in phone.steps("join", "probe", "refusal", "api", "signin"):
        if facts["step"] == "join" and "error" not in facts:
            addresses = {facts["address"].split("/")[0], facts["ipv6"]}
        yield facts
    yield _grant(lab, addresses)
    page_bytes = 0
    for facts in phone.steps("fetch", "api"):
        if facts["step"] == "fetch":
            page_bytes = sum(facts[family].get("bytes", 0) for family in _FAMILIES)
        yield facts
    yield _usage(lab.database, page_bytes)


def _grant(lab: Lab, addresses: set[str]) -> Facts:
    """Which of the phone's addresses the kernel's sets of granted devices hold."""
    done = lab.gateway.run(["nft", "--json", "list", "ruleset"])
    if done.returncode != 0:
        return {"error": f"nft: {done.stderr.strip()}"}
    held: Facts = {"ipv4": [], "ipv6": []}
    for entry in json.loads(done.stdout)["nftables"]:
        kernel_set = entry.get("set", {})
        if kernel_set.get("name") in ("granted4", "granted6"):
            family = "ipv4" if kernel_set["name"] == "granted4" else "ipv6"
            held[family] += [text for text in map(_element, kernel_set.get("elem", [])) if _of(text, addresses)]
    return held


def _element(element: Any) -> str:
    """The key of a set's element as text: its parts (MAC, address), without timeout."""
    value = element["elem"]["val"] if isinstance(element, dict) and "elem" in element else element
    parts = value["concat"] if isinstance(value, dict) else [value]
    return " ".join(str(part) for part in parts)


def _of(element: str, addresses: set[str]) -> bool:
    wanted = {ipaddress.ip_address(address) for address in addresses}
    return ipaddress.ip_address(element.rsplit(" ", 1)[-1]) in wanted


def _usage(database: Path, page_bytes: int) -> Facts:
    """The usage rows, waited for until the pages are in them: the monitor writes every few seconds."""
    deadline = time.monotonic() + _USAGE_SECONDS
    query = (
        "SELECT count(*), session, max(minute), sum(up_bytes), sum(down_bytes) FROM usage_minutes"
        " GROUP BY session ORDER BY session LIMIT 1"
    )
    while True:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            row = connection.execute(query).fetchone()
        if row is None and time.monotonic() > deadline:
            return {"error": f"no row in usage_minutes after {_USAGE_SECONDS:.0f} s"}
        if row is not None and (row[4] >= page_bytes or time.monotonic() > deadline):
            names = ("rows", "session", "minute", "up_bytes", "down_bytes")
            return dict(zip(names, row, strict=True)) | {"page_bytes": page_bytes}
        time.sleep(_POLL_SECONDS)
