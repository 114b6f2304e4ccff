"""The same browser with scripts switched off.

The driver's own searching and waiting is done by scripts in the page, so here the page is read and pressed through
the browser's debugging protocol: its document, its layout, its keyboard and mouse.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from selenium.common.exceptions import WebDriverException

from tests.browser.chromium import Browser
from tests.network.inspection import poll

_SECONDS = 15.0
_SCRIPTED = "data:text/html,<title>off</title><script>document.title='on'</script>"


class Scriptless:
    """What a visitor can do with pages that run no script."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._ask("Emulation.setScriptExecutionDisabled", value=True)
        self.open(_SCRIPTED)
        poll(lambda: self._page()["url"] == _SCRIPTED, _SECONDS, "the page is open")
        poll(lambda: self._page()["title"], _SECONDS, "the page has a title")
        assert self._page()["title"] == "off", "scripts run after all"

    @property
    def url(self) -> str:
        return str(self._page()["url"])

    @property
    def title(self) -> str:
        return str(self._page()["title"])

    def open(self, url: str) -> None:
        """Type an address."""
        self._ask("Page.navigate", url=url)

    def arrives(self, url: str) -> None:
        """Wait until the page whose address begins like this is shown, with its document."""
        poll(lambda: self.url.startswith(url), _SECONDS, f"at {url}")
        poll(lambda: self._find("h1"), _SECONDS, f"{url} has a heading")

    def press(self, selector: str) -> None:
        """Press with the finger in the middle of it."""
        node = poll(lambda: self._find(selector), _SECONDS, selector)
        self._ask("DOM.scrollIntoViewIfNeeded", nodeId=node)
        left, top, right, bottom = self._corners(node)
        where = {"x": (left + right) / 2, "y": (top + bottom) / 2, "button": "left", "clickCount": 1}
        self._ask("Input.dispatchMouseEvent", type="mousePressed", **where)
        with suppress(WebDriverException):  # the page may be gone before the answer
            self._ask("Input.dispatchMouseEvent", type="mouseReleased", **where)

    def fill(self, selector: str, value: str) -> None:
        """Type into a field."""
        self._ask("DOM.focus", nodeId=poll(lambda: self._find(selector), _SECONDS, selector))
        self._ask("Input.insertText", text=value)

    def _corners(self, node: int) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        quad = self._ask("DOM.getBoxModel", nodeId=node)["model"]["border"]
        return quad[0], quad[1], quad[4], quad[5]

    def _find(self, selector: str) -> int:
        """The node, or 0 where there is none, or between two documents."""
        try:
            root = self._ask("DOM.getDocument", depth=0)["root"]["nodeId"]
            return int(self._ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"])
        except WebDriverException:
            return 0

    def _page(self) -> dict[str, Any]:
        try:
            history = self._ask("Page.getNavigationHistory")
        except WebDriverException:  # between two documents
            return {"url": "", "title": ""}
        page: dict[str, Any] = history["entries"][history["currentIndex"]]
        return page

    def _ask(self, command: str, **parameters: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._browser.ask(command, parameters)
        return answer
