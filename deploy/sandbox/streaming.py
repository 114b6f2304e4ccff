"""The streaming site: as many bytes as are asked for, down or up, without ever holding them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from flask import Flask, Response, jsonify, request

#: Bytes handed to the socket at once: large enough that Python's part of each is small beside the copying.
_BLOCK = bytes(256 * 1024)

#: 2 seconds of video at 4 Mbit/s, an ordinary 720p stream.
SEGMENT_BYTES = 1_000_000

#: A film of one hour; beyond it there is no such segment.
SEGMENTS = 1_800

#: 100 GB: beyond anything that a laboratory measures, and a bound on a mistyped number.
LONGEST_BYTES = 100_000_000_000

_PAGE = """<!doctype html>
<html lang="id"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Video contoh</title></head>
<body><h1>Video contoh</h1><p>Situs video di laboratorium: potongan film ada di <code>/segment/0</code> dan
seterusnya.</p></body></html>
"""


def create_app() -> Flask:
    """Return the site."""
    app = Flask(__name__, static_folder=None)

    @app.get("/")
    def home() -> str:
        return _PAGE

    @app.get("/segment/<int:number>")
    def segment(number: int) -> Response:
        if number >= SEGMENTS:
            return Response("the film is over\n", status=404, mimetype="text/plain")
        return _send(SEGMENT_BYTES, "video/mp2t")

    @app.get("/bytes/<int:count>")
    def count_down(count: int) -> Response:
        if count > LONGEST_BYTES:
            return Response(f"at most {LONGEST_BYTES} bytes\n", status=400, mimetype="text/plain")
        return _send(count, "application/octet-stream")

    @app.post("/upload")
    def upload() -> tuple[Response, int]:
        received, whole = _swallow(request.stream)
        return jsonify(bytes=received), 200 if whole else 400

    return app


def _swallow(stream: IO[bytes]) -> tuple[int, bool]:
    """Return how many bytes came, and whether they came to their end: a session that is cut is ordinary here."""
    received = 0
    try:
        while block := stream.read(len(_BLOCK)):
            received += len(block)
    except OSError:
        return received, False
    return received, True


def _send(count: int, media_type: str) -> Response:
    """Return ``count`` zero bytes with their length announced."""
    response = Response(_blocks(count), mimetype=media_type)
    response.content_length = count
    response.headers["Cache-Control"] = "no-store"
    return response


def _blocks(count: int) -> Iterator[bytes]:
    whole, rest = divmod(count, len(_BLOCK))
    for _ in range(whole):
        yield _BLOCK
    if rest:
        yield _BLOCK[:rest]
