"""One question to the enforcer, asked by a process with the uid of whom it may come from.

    python -m tests.network.caller SOCKET admit SESSION MAC ADDRESS SECONDS [BYTES]
    python -m tests.network.caller SOCKET revoke SESSION
    python -m tests.network.caller SOCKET look ADDRESS

Prints the answer as JSON; a refusal is ``{"refused": code}``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from deploy.lab.configuration import DATABASE_GID, UIDS
from deploy.lab.lab import Lab
from policy.client import EnforcerClient
from policy.model import Mac, parse_address
from policy.protocol import Refused


def ask(lab: Lab, user: str, *words: object) -> dict[str, Any]:
    """Ask as ``portal``, ``console``, ``monitor`` or ``resolver``."""
    python = lab.source / ".venv" / "bin" / "python"
    done = subprocess.run(
        [str(python), "-m", "tests.network.caller", str(lab.places.socket), *map(str, words)],
        cwd=lab.source,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        user=UIDS[user],
        group=DATABASE_GID,
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _answer(client: EnforcerClient, verb: str, words: list[str]) -> dict[str, Any]:
    if verb == "admit":
        session, mac, address, seconds, *limit = words
        client.admit(session, Mac.parse(mac), parse_address(address), int(seconds), *map(int, limit))
        return {}
    if verb == "revoke":
        client.revoke(words[0], "operator")
        return {}
    device = client.look(parse_address(words[0]))
    usage = device.usage._asdict() if device.usage is not None else None
    return {"session": device.session, "seconds": device.seconds_left, "bytes": device.bytes_left, "usage": usage}


def main() -> int:
    """Ask and print."""
    path, verb, *words = sys.argv[1:]
    client = EnforcerClient(path)
    try:
        answer = _answer(client, verb, words)
    except Refused as refusal:
        answer = {"refused": refusal.code}
    finally:
        client.close()
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
