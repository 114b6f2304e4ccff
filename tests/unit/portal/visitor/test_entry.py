from __future__ import annotations

import pytest
from werkzeug.test import Client

from portal.visitor.entry import entry, raw

PLACE = "https://wifi.balikpapan.test/"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS", "CONNECT", "BREW"])
@pytest.mark.parametrize(
    "path", ["/generate_204", "/", "/hotspot-detect.html?x=1", "/" + "a" * 8_000, "/%00%0d%0aX: y"]
)
def test_everything_is_sent_to_the_portal(method: str, path: str) -> None:
    client = Client(entry("wifi.balikpapan.test"))
    answer = client.open(path, method=method, headers={"Host": "evil.test\tX", "X-Forwarded-Host": "evil.test"})
    assert answer.status == "302 Found"
    assert dict(answer.headers) == {"Location": PLACE, "Cache-Control": "no-store", "Content-Length": "0"}
    assert answer.data == b""


def test_the_answer_to_no_request_is_the_same() -> None:
    lines = raw("wifi.balikpapan.test").decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 302 Found"
    assert f"Location: {PLACE}" in lines
    assert lines[-2:] == ["", ""]
