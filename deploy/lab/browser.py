"""As much of a browser as a sign-in window without JavaScript needs: pages, links, forms, cookies, redirects.

It presses what a person would press, found by its visible text, and knows nothing of the pages' addresses.
"""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

_TIMEOUT = 10.0
_NOT_SENT = ("submit", "button", "image", "reset")


@dataclass
class Control:
    """Something to press: a link (no method) or a submit button with the form around it."""

    target: str
    method: str = ""
    text: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)


class _Page(HTMLParser):
    """Collects the controls of a page in their order, and its title."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.controls: list[Control] = []
        self.title = ""
        self._form: Control | None = None
        self._open: Control | None = None
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "title":
            self._in_title = True
        elif tag == "form":
            self._form = Control(values.get("action", ""), values.get("method", "get").lower())
        elif tag == "a" and "href" in values:
            self._open = Control(values["href"])
        elif tag == "button" and self._form is not None and values.get("type", "submit") == "submit":
            self._open = self._submit(values)
        elif tag == "input" and self._form is not None:
            self._input(self._form, values, {name for name, _ in attrs})

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif tag == "form":
            self._form = None
        elif tag in ("a", "button") and self._open is not None:
            self._open.text = " ".join(self._open.text.split())
            self.controls.append(self._open)
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        if self._open is not None:
            self._open.text += data

    def _submit(self, values: dict[str, str]) -> Control:
        assert self._form is not None  # noqa: S101  # the callers have looked
        form = self._form
        # The form's own dictionaries: fields that follow the button belong to the form too.
        control = Control(values.get("formaction") or form.target, form.method)
        control.fields, control.types = form.fields, form.types
        if values.get("name"):
            control.fields = {**form.fields, values["name"]: values.get("value", "")}
        return control

    def _input(self, form: Control, values: dict[str, str], present: set[str]) -> None:
        kind = values.get("type", "text").lower()
        if kind == "submit":
            control = self._submit(values)
            control.text = values.get("value", "")
            self.controls.append(control)
        name = values.get("name")
        if not name or kind in _NOT_SENT:
            return
        form.types[name] = kind
        if kind in ("checkbox", "radio") and "checked" not in present:
            return
        form.fields[name] = values.get("value", "on" if kind == "checkbox" else "")


class Browser:
    """One person's browser: follows redirects, keeps cookies in `session`, shows one page at a time."""

    def __init__(self, session: requests.Session) -> None:
        self._session = session
        self.url = ""
        self.status = 0
        self.title = ""
        self.text = ""
        self.visited: list[str] = []
        self.controls: list[Control] = []

    def open(self, url: str) -> None:
        """Type an address."""
        self._show(self._session.get(url, timeout=_TIMEOUT))

    def find(self, pattern: str) -> Control | None:
        """The first link or button whose text matches, without regard to case."""
        matches = (control for control in self.controls if re.search(pattern, control.text, re.IGNORECASE))
        return next(matches, None)

    def press(self, control: Control, answers: dict[str, str]) -> None:
        """Follow the link or send the form, its fields filled from `answers` by name or else by type."""
        target = urljoin(self.url, control.target)
        data = dict(control.fields)
        for name, kind in control.types.items():
            answer = answers.get(name, answers.get(kind))
            if answer is not None:
                data[name] = answer
        if control.method == "post":
            origin = "/".join(self.url.split("/")[:3])
            headers = {"Origin": origin, "Referer": self.url}
            self._show(self._session.post(target, data=data, headers=headers, timeout=_TIMEOUT))
        else:
            headers = {"Referer": self.url}
            self._show(self._session.get(target, params=data or None, headers=headers, timeout=_TIMEOUT))

    def _show(self, response: requests.Response) -> None:
        page = _Page()
        page.feed(response.text)
        page.close()
        self.visited += [hop.url for hop in (*response.history, response)]
        self.url, self.status, self.text = response.url, response.status_code, response.text
        self.title, self.controls = " ".join(page.title.split()), page.controls
