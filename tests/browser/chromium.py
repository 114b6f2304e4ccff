"""Chromium inside a machine of the laboratory, driven from the test through a relay on the test's own loopback."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import axe_core_python
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.remote_connection import RemoteConnection
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from deploy.lab.lab import Phone
from deploy.lab.netns import inside
from tests.network.inspection import family_of, poll

SCREENSHOTS = Path(__file__).parents[2] / ".artifacts" / "screenshots"
_AXE = Path(axe_core_python.__file__).with_name("axe.min.js")
#: WCAG 2.1 AA and all that it contains; this release of axe-core knows none of 2.2's rules yet, hence ``_SMALL``.
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
#: WCAG 2.2, 2.5.8: targets of at least 24 by 24 CSS pixels, links in the middle of a sentence excepted.
_SMALL = """
return [...document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea")]
  .filter(one => one.checkVisibility() && !one.matches(".skip"))
  .filter(one => getComputedStyle(one).display !== "inline" || one.parentElement.innerText === one.innerText)
  .map(one => [one.outerHTML.slice(0, 120), (one.closest("label") ?? one).getBoundingClientRect()])
  .filter(([, box]) => box.width < 24 || box.height < 24)
  .map(([html, box]) => `target of ${box.width} x ${box.height}: ${html}`);
"""
_DRIVER_PORT = 9515
_WAIT_SECONDS = 15.0
#: Headless and as root, without anything that would ask servers of the browser's maker.
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-breakpad",
)


@dataclass(frozen=True)
class Kind:
    """What sort of browser: its window, language, whether it waits for pages to load, names it is told of."""

    width: int = 360
    height: int = 740
    mobile: bool = True
    language: str = "id"
    waits: bool = True
    names: Mapping[str, str] = field(default_factory=dict)


class Browser:
    """One browser window and what a test asks of it."""

    def __init__(self, driver: WebDriver) -> None:
        self.driver = driver

    @property
    def url(self) -> str:
        return str(self.driver.current_url)

    @property
    def heading(self) -> str:
        return str(self.driver.find_element(By.TAG_NAME, "h1").text)

    @property
    def text(self) -> str:
        return str(self.driver.find_element(By.TAG_NAME, "body").text)

    def open(self, url: str) -> None:
        """Type an address."""
        self.driver.get(url)

    def press(self, words: str) -> None:
        """Press the link or button with these words, and wait for another page."""
        xpath = f"//*[self::a or self::button][contains(normalize-space(.), '{words}')]"
        self._press(self.driver.find_element(By.XPATH, xpath))

    def press_main(self) -> None:
        """Press what the page offers first, whatever its words."""
        self._press(self.driver.find_element(By.CSS_SELECTOR, "main .button"))

    def _press(self, control: WebElement) -> None:
        page = self.driver.find_element(By.TAG_NAME, "html")
        control.click()
        WebDriverWait(self.driver, _WAIT_SECONDS).until(lambda _: _is_gone(page))

    def fill(self, name: str, value: str) -> None:
        """Type into a field of a form."""
        control = self.driver.find_element(By.NAME, name)
        control.clear()
        control.send_keys(value)

    def keep(self, name: str) -> None:
        """Take a picture, and check the page for whom seeing or pressing is hard: no violation may be found."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(SCREENSHOTS / f"{name}.png"))
        found = self.violations()
        assert found == [], f"{name}: {found}"
        wide = self.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{name}: must be scrolled sideways by {wide} px"

    def violations(self) -> list[str]:
        """What axe-core finds, and targets that are too small."""
        self.driver.execute_script(_AXE.read_text(encoding="utf-8"))
        run = (
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, {runOnly: {type: 'tag', values: arguments[0]}, preload: false})"
            ".then(found => done(found.violations), error => done([{id: String(error), nodes: []}]));"
        )
        found = self.driver.execute_async_script(run, _TAGS)
        small: list[str] = self.driver.execute_script(_SMALL)
        return [*(f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found), *small]

    def received(self) -> int:
        """Octets that came over the wire, headers included, since the last call; its own pages apart."""
        entries = self.driver.execute("getLog", {"type": "performance"})["value"]
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        answers = [m["params"] for m in messages if m["method"] == "Network.responseReceived"]
        web = {answer["requestId"] for answer in answers if answer["response"]["url"].startswith("http")}
        finished = [m["params"] for m in messages if m["method"] == "Network.loadingFinished"]
        return sum(int(params["encodedDataLength"]) for params in finished if params["requestId"] in web)

    def ask(self, command: str, parameters: Mapping[str, object]) -> Any:
        """Something of the browser's debugging protocol."""
        return self.driver.execute("cdp", {"cmd": command, "params": dict(parameters)})["value"]


@contextmanager
def chromium(phone: Phone, kind: Kind) -> Iterator[Browser]:
    """A browser in this machine, with a profile of its own; the laboratory's authority is trusted."""
    if not (phone.machine.home / ".pki").exists():
        phone.trust_in_chromium()
    log = phone.machine.home / "chromedriver.log"
    command = ["chromedriver", f"--port={_DRIVER_PORT}", f"--log-path={log}"]
    process = subprocess.Popen(
        phone.machine.command(command),
        env=phone.machine.environment,
        cwd=phone.machine.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        with (
            tempfile.TemporaryDirectory(dir=phone.machine.home, ignore_cleanup_errors=True) as profile,
            relay(phone.machine.name) as port,
        ):
            driver = _driver(port, _options(kind, profile))
            try:
                yield Browser(driver)
            finally:
                # Asking the browser to quit has been seen to take a minute; there is nothing in it to keep.
                _end(process.pid)
                driver.command_executor.close()  # type: ignore[union-attr]  # it is a connection, not a name
    finally:
        process.kill()
        process.wait()


def _end(pid: int) -> None:
    """Kill a process and all that it has started, the youngest first; wait until none writes any more."""
    family = family_of(pid)
    for one in reversed(family):
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
    poll(lambda: not any(map(_runs, family)), _WAIT_SECONDS, "the browser has ended")


def _runs(pid: int) -> bool:
    """Not a dead one that only waits for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _driver(port: int, options: webdriver.ChromeOptions) -> WebDriver:
    config = ClientConfig(f"http://127.0.0.1:{port}", timeout=3 * int(_WAIT_SECONDS))
    connection = RemoteConnection(client_config=config)
    # Chromium's own, which the general driver does not know.
    connection.add_command("getLog", "POST", "/session/$sessionId/se/log")
    connection.add_command("cdp", "POST", "/session/$sessionId/goog/cdp/execute")
    driver = WebDriver(connection, options=options)
    driver.set_page_load_timeout(_WAIT_SECONDS)
    driver.set_script_timeout(_WAIT_SECONDS)
    return driver


def _options(kind: Kind, profile: str) -> webdriver.ChromeOptions:
    options = webdriver.ChromeOptions()
    options.page_load_strategy = "normal" if kind.waits else "none"
    rules = ", ".join(f"MAP {name} {address}" for name, address in kind.names.items())
    for flag in (*_FLAGS, f"--user-data-dir={profile}", f"--window-size={kind.width},{kind.height}"):
        options.add_argument(flag)
    if rules:
        options.add_argument(f"--host-resolver-rules={rules}")
    options.add_experimental_option("prefs", {"intl.accept_languages": kind.language})
    if kind.mobile:
        metrics = {"width": kind.width, "height": kind.height, "pixelRatio": 2.0}
        options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    return options


def _is_gone(page: WebElement) -> bool:
    try:
        page.is_enabled()
    except WebDriverException:  # stale, or between two documents
        return True
    return False


@contextmanager
def relay(namespace: str) -> Iterator[int]:
    """A port of the test's own loopback behind which the driver's port in the namespace is."""
    _connect(namespace).close()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with _connect(namespace) as inner:
                _copy(self.request, inner)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _connect(namespace: str) -> socket.socket:
    """To the driver, once it listens."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return inside(namespace, lambda: socket.create_connection(("127.0.0.1", _DRIVER_PORT), timeout=60))
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "chromedriver does not start"
            time.sleep(0.05)


def _copy(one: socket.socket, other: socket.socket) -> None:
    peers = {one: other, other: one}
    while True:
        for ready in select.select(list(peers), [], [])[0]:
            data = ready.recv(65_536)
            if not data:
                return
            peers[ready].sendall(data)
