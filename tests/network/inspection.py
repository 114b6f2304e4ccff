"""What the gateway's kernel and database hold, read without asking the processes that are tested."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from deploy.lab.lab import Lab
from tests.network.guest import Bytes, Guest

_POLL_SECONDS = 0.05
Found = TypeVar("Found")


def poll(look: Callable[[], Found], seconds: float, what: str) -> Found:
    """What ``look`` finds as soon as it finds something true; it must within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(_POLL_SECONDS)
    return found


def counted(lab: Lab, guest: Guest) -> Bytes:
    """The kernel's counters of all of a phone's addresses, whoever made them count."""
    return Bytes(*(_sum(lab, direction, guest) for direction in ("up", "down")))


def _sum(lab: Lab, direction: str, guest: Guest) -> int:
    own = {str(guest.ipv4), str(guest.ipv6)}
    total = 0
    for family in (4, 6):
        for element in _elements(lab, f"{direction}{family}"):
            if element["elem"]["val"] in own:
                total += int(element["elem"]["counter"]["bytes"])
    return total


def granted(lab: Lab, guest: Guest) -> bool:
    """Whether the kernel lets the phone pass, by either family."""
    return bool(_held(lab, "granted4", guest) or _held(lab, "granted6", guest))


def online(lab: Lab, guest: Guest) -> bool:
    """Whether the kernel lets anything through to the phone."""
    return bool(_held(lab, "online4", guest) or _held(lab, "online6", guest))


def _held(lab: Lab, name: str, guest: Guest) -> bool:
    text = json.dumps(_elements(lab, name))
    return f'"{guest.ipv4}"' in text or f'"{guest.ipv6}"' in text


def _elements(lab: Lab, name: str) -> list[dict[str, Any]]:
    """Of the set of this name, or of all sets that it is split into (``name_0``...)."""
    done = lab.gateway.run(["nft", "--json", "list", "table", "inet", "gerbang"])
    assert done.returncode == 0, done.stderr
    sets = [entry["set"] for entry in json.loads(done.stdout)["nftables"] if "set" in entry]
    return [element for one in sets if one["name"].partition("_")[0] == name for element in one.get("elem", [])]


def flows(lab: Lab, guest: Guest) -> list[str]:
    """Conntrack entries of a phone's connections beyond the gateway's own addresses (names, portal)."""
    entries: list[str] = []
    for family, address in (("ipv4", guest.ipv4), ("ipv6", guest.ipv6)):
        done = lab.gateway.run(["conntrack", "-L", "-f", family, "--orig-src", str(address)])
        assert done.returncode == 0, done.stderr
        entries += [line for line in done.stdout.splitlines() if " dport=53 " not in line]
    return entries


def rows(lab: Lab, query: str, *values: str) -> list[tuple[Any, ...]]:
    """Read the gateway's database."""
    with closing(sqlite3.connect(f"file:{lab.database}?mode=ro", uri=True, timeout=5)) as connection:
        return connection.execute(query, values).fetchall()


def minutes(lab: Lab, session: str) -> Bytes:
    """The sum of a session's usage rows."""
    query = "SELECT COALESCE(SUM(up_bytes), 0), COALESCE(SUM(down_bytes), 0) FROM usage_minutes WHERE session = ?"
    return Bytes(*rows(lab, query, session)[0])


def ending(lab: Lab, session: str, seconds: float = 15.0) -> tuple[str, Bytes]:
    """Why a session ended and its final total, once the monitor has recorded it."""
    query = "SELECT end_reason, up_bytes, down_bytes FROM session_usage WHERE session = ? AND ended_at IS NOT NULL"
    ((reason, up, down),) = poll(lambda: rows(lab, query, session), seconds, "the end is in the database")
    return reason, Bytes(up, down)


def family_of(pid: int) -> list[int]:
    """A process and all its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(descendant for child in children for descendant in family_of(int(child)))]
