"""How many phones a second the portal can catch: http through the ruleset's redirect, a new connection each."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from deploy.benchmarks.errors import BenchError
from deploy.benchmarks.figures import Measured
from deploy.benchmarks.gateway import Gateway, user_rights
from deploy.benchmarks.phones import LAN_IPV4
from deploy.benchmarks.rounds import interleave
from deploy.benchmarks.topology import BARE, SITE_IPV4, World, enter, run
from deploy.lab.configuration import UIDS
from deploy.lab.netns import inside
from deploy.sandbox.authority import Authority

_PROBE = f"http://{SITE_IPV4}/generate_204"
_HELLO_PORT = 8_000
_HELLO = f"http://{LAN_IPV4.ip}:{_HELLO_PORT}/"
_WORKERS = 2
#: Fewer than a phone may hold to the gateway (``policy.compiler.ruleset``); enough to keep two workers busy.
_CONNECTIONS = 24
_START_SECONDS = 30.0


def redirects(gateway: Gateway, seconds: int) -> Measured:
    """Redirects per second of the real portal behind the real ruleset, asked by a phone that may not pass.

    ``wrk`` runs beside the portal on the same cores and takes its share of them; so it does for the yardstick.
    """
    with _portal(gateway), _hello():
        phones = gateway.world.phones
        _expect(gateway.world, str(SITE_IPV4), 80, 302)
        samples = interleave(
            {
                "portal": lambda: _rate(phones, _PROBE, seconds),
                "hello": lambda: _rate(BARE.phones, _HELLO, seconds),
            }
        )
        _expect(gateway.world, str(SITE_IPV4), 80, 302)
    return Measured(
        "redirects_per_s",
        median(samples["portal"]),
        f"{median(samples['hello']):,.0f}/s of a bare gunicorn that says hello",
        {"rounds_portal": samples["portal"], "rounds_hello": samples["hello"], "connections": _CONNECTIONS},
    )


def requests_per_second(report: str) -> float:
    """The rate that wrk's report names; BenchError if a request failed or was answered with an error."""
    rate = re.search(r"^Requests/sec:\s+([0-9.]+)", report, re.MULTILINE)
    if rate is None or "Non-2xx" in report:
        raise BenchError(f"wrk was not answered as it should be:\n{report}")
    return float(rate[1])


def _rate(namespace: str, url: str, seconds: int) -> float:
    # Two threads more than pay off here: wrk itself needs half of what gunicorn does.
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "-H", "Connection: close", url]
    return requests_per_second(run(namespace, command, timeout=seconds + 30))


@contextmanager
def _portal(gateway: Gateway) -> Iterator[None]:
    own = gateway.directory / "portal"
    own.mkdir(exist_ok=True)
    Authority.create(own).issue(["wifi.balikpapan.test"], owner=UIDS["portal"])
    (own / "wifi.balikpapan.test.pem").rename(own / "portal.pem")
    (own / "wifi.balikpapan.test.key").rename(own / "portal.key")
    os.chown(own, UIDS["portal"], -1)
    with _serving(gateway.spawn("portal", user_rights("portal")), gateway.world, str(SITE_IPV4), 80):
        yield


@contextmanager
def _hello() -> Iterator[None]:
    bind = f"{LAN_IPV4.ip}:{_HELLO_PORT}"
    command = [sys.executable, "-m", "gunicorn", "--worker-class", "gevent", "--workers", str(_WORKERS)]
    command += ["--bind", bind, "--log-level", "warning", "--no-control-socket", "deploy.benchmarks.hello:app"]
    server = subprocess.Popen(enter(BARE.router, command), stdin=subprocess.DEVNULL)
    with _serving(server, BARE, str(LAN_IPV4.ip), _HELLO_PORT):
        yield


@contextmanager
def _serving(server: subprocess.Popen[bytes], world: World, host: str, port: int) -> Iterator[None]:
    """Wait until ``server`` answers on ``port`` of ``host``; end it afterwards."""
    deadline = time.monotonic() + _START_SECONDS
    try:
        while True:
            try:
                _ask(world, host, port)
                break
            except OSError as error:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise BenchError(f"{server.args!r} does not serve: {error}") from error
                time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait()


def _expect(world: World, host: str, port: int, status: int) -> None:
    if (given := _ask(world, host, port)) != status:
        raise BenchError(f"http://{host}:{port}/ answers {given}, not {status}")


def _ask(world: World, host: str, port: int) -> int:
    """The status of one answer to a phone; OSError while nobody serves."""

    def ask() -> int:
        connection = http.client.HTTPConnection(host, port, timeout=5)
        try:
            connection.request("GET", "/generate_204", headers={"Connection": "close"})
            return connection.getresponse().status
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    return inside(world.phones, ask)
