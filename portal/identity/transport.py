"""The portal's requests to the provider: short, small, to exactly the address that was asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from portal.identity.errors import ProviderUnavailable

#: Seconds to connect and between two pieces of an answer; PyJWT's client would wait 30 (facts/identity.md).
TIMEOUT = 3.0
#: Seconds for a whole answer, so that one that trickles cannot hold a worker.
_WHOLE = 6.0
#: Octets of an answer; a discovery document has about 5,000, a key set of ten keys 3,000.
MAX_ANSWER = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and the JSON object that came with it (empty where there was none)."""

    status: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Transport:
    """Speaks https, and plain http to a loopback address only; trusts ``ca_file`` or the system's authorities."""

    ca_file: Path | None = None

    def get(self, url: str) -> Mapping[str, Any]:
        """The JSON object at ``url``; anything but a 200 with one is ``ProviderUnavailable``."""
        answer = self._exchange("GET", url, None, None)
        if answer.status != 200 or not answer.body:
            raise ProviderUnavailable(f"GET {url}: status {answer.status} without a JSON object")
        return answer.body

    def post(self, url: str, form: Mapping[str, str], credentials: tuple[str, str] | None) -> Answer:
        """Send a form, with HTTP Basic ``credentials`` where there are any; the caller judges the status."""
        return self._exchange("POST", url, form, credentials)

    def _exchange(
        self, method: str, url: str, form: Mapping[str, str] | None, credentials: tuple[str, str] | None
    ) -> Answer:
        check_url(url)
        deadline = time.monotonic() + _WHOLE
        try:
            with requests.Session() as session:
                session.trust_env = False  # neither proxies nor a .netrc of the portal's user
                with session.request(
                    method,
                    url,
                    data=form,
                    auth=credentials,
                    headers={"Accept": "application/json"},
                    timeout=TIMEOUT,
                    allow_redirects=False,
                    verify=str(self.ca_file) if self.ca_file else True,
                    stream=True,
                ) as response:
                    return Answer(response.status_code, _object(_read(response, deadline)))
        except (requests.RequestException, OSError) as error:
            raise ProviderUnavailable(f"{method} {url}: {type(error).__name__}") from error


def check_url(url: object) -> str:
    """``url`` itself if it may be asked at all, else ``ProviderUnavailable``."""
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    loopback = parts.hostname in ("127.0.0.1", "localhost")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
        raise ProviderUnavailable("the provider names an address that is not https")
    return str(url)


def _read(response: requests.Response, deadline: float) -> bytes:
    received = bytearray()
    for piece in response.iter_content(8192):
        received += piece
        if len(received) > MAX_ANSWER:
            raise ProviderUnavailable(f"an answer of the provider is longer than {MAX_ANSWER} octets")
        if time.monotonic() > deadline:
            raise ProviderUnavailable(f"an answer of the provider took more than {_WHOLE:.0f} s")
    return bytes(received)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
