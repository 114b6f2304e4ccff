"""Set elements of nf_tables on the wire: written for a transaction, read fast from a dump.

A dump of 50,000 counters is 5 MB of attributes, all in the same shape. Its shape is learned from the first
element of each message, every header of the others is checked against it, and the values are taken by ``struct``;
a message whose elements differ in shape is walked attribute by attribute. Constants are those of
linux/netfilter/nf_tables.h; numbers in elements are in network byte order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from policy.enforcer.netlink import ATTRIBUTE, attribute, attributes, nested

_NFTA_LIST_ELEM = 1
_NFTA_DATA_VALUE = 1
_NFTA_SET_ELEM_KEY = 1
_NFTA_SET_ELEM_TIMEOUT = 4
_NFTA_SET_ELEM_EXPIRATION = 5
_NFTA_SET_ELEM_EXPR = 7
_NFTA_EXPR_DATA = 2
_NFTA_COUNTER_BYTES = 1
_NFTA_COUNTER_PACKETS = 2

#: A value in an element, named by the types of the attributes around it, from the outside in.
Path = tuple[int, ...]
KEY: Path = (_NFTA_SET_ELEM_KEY, _NFTA_DATA_VALUE)
#: Milliseconds until the element times out.
EXPIRATION: Path = (_NFTA_SET_ELEM_EXPIRATION,)
OCTETS: Path = (_NFTA_SET_ELEM_EXPR, _NFTA_EXPR_DATA, _NFTA_COUNTER_BYTES)
PACKETS: Path = (_NFTA_SET_ELEM_EXPR, _NFTA_EXPR_DATA, _NFTA_COUNTER_PACKETS)

_NESTS = {path[:depth] for path in (KEY, OCTETS, PACKETS) for depth in range(1, len(path))}
_U64 = struct.Struct(">Q")


def element(key: bytes, seconds: int | None = None) -> bytes:
    """An element for a transaction; ``seconds`` is its timeout, and what is left of it."""
    head, tail = _around(len(key), seconds is not None)
    if seconds is None:
        return head + key + tail
    left = _U64.pack(seconds * 1000)
    return b"".join((head, key, tail, left, _EXPIRATION_HEADER, left))


_EXPIRATION_HEADER = ATTRIBUTE.pack(ATTRIBUTE.size + _U64.size, _NFTA_SET_ELEM_EXPIRATION)


@cache
def _around(length: int, timed: bool) -> tuple[bytes, bytes]:
    """What stands before and after a key of this length; with a timeout, up to its value.

    Without EXPIRATION, Linux 6.12 and newer leave a present element with the same timeout as it is.
    """
    blank = bytes(_U64.size)
    parts = [nested(_NFTA_SET_ELEM_KEY, attribute(_NFTA_DATA_VALUE, bytes(length)))]
    if timed:
        parts += [attribute(_NFTA_SET_ELEM_TIMEOUT, blank), attribute(_NFTA_SET_ELEM_EXPIRATION, blank)]
    whole = nested(_NFTA_LIST_ELEM, *parts)
    start = 3 * ATTRIBUTE.size
    end = len(whole) - (2 * _U64.size + ATTRIBUTE.size if timed else 0)
    return whole[:start], whole[start + length : end]


def read(payload: bytes, *wanted: Path) -> Iterator[tuple[Any, ...]]:
    """The ``wanted`` values of each element of one NFTA_SET_ELEM_LIST_ELEMENTS.

    A key comes as octets (empty where there is none), everything else as a number (0 where there is none).
    """
    rows = _uniform(payload, wanted)
    return _walked(payload, wanted) if rows is None else rows


class _Shape(NamedTuple):
    """Where an element has which octets of attribute headers, and where its values begin and end.

    ``mask`` and ``masked`` say the same of the headers for one element, as one number.
    """

    headers: list[tuple[int, bytes]]
    mask: int
    masked: int
    spans: dict[Path, tuple[int, int]]


#: The shape last seen of each length. Elements are few shapes for years, and learning one costs as much as
#: asking the kernel for a single element.
_seen: dict[int, _Shape] = {}


def _uniform(payload: bytes, wanted: tuple[Path, ...]) -> Iterator[tuple[Any, ...]] | None:
    """The fast way; ``None`` where the elements are not all of one shape, or lack a value."""
    if len(payload) < ATTRIBUTE.size:
        return None
    length, _ = ATTRIBUTE.unpack_from(payload)
    stride = (length + 3) & ~3
    if stride <= ATTRIBUTE.size or len(payload) % stride:
        return None
    shape = _seen.get(length)
    if shape is None or not _has(payload, stride, shape):
        shape = _seen[length] = _shape(payload[:length])
        if not _has(payload, stride, shape):
            return None
    spans = shape.spans
    if not all(path in spans and (path == KEY or _is_number(spans[path])) for path in wanted):
        return None
    order = sorted(wanted, key=spans.__getitem__)
    rows = struct.iter_unpack(_format(order, spans, stride), payload)
    if tuple(order) == wanted:
        return rows
    return map(itemgetter(*(order.index(path) for path in wanted)), rows)


def _has(payload: bytes, stride: int, shape: _Shape) -> bool:
    """Whether every element has this shape: what has the same headers is read the same way."""
    count = len(payload) // stride
    if count == 1:
        return int.from_bytes(payload, "little") & shape.mask == shape.masked
    return all(payload[place::stride] == octet * count for place, octet in shape.headers)


def _shape(first: bytes) -> _Shape:
    """Learn the shape of one element, given with its own header."""
    starts, spans = [0], {}
    nests: list[tuple[Path, int, int]] = [((), ATTRIBUTE.size, len(first))]
    while nests:
        path, begin, end = nests.pop()
        for kind, start, stop in attributes(first[begin:end]):
            starts.append(begin + start - ATTRIBUTE.size)
            spans[(*path, kind)] = begin + start, begin + stop
            if (*path, kind) in _NESTS:
                nests.append(((*path, kind), begin + start, begin + stop))
    places = {start + octet for start in starts for octet in range(ATTRIBUTE.size)}
    mask = sum(0xFF << 8 * place for place in places)
    masked = int.from_bytes(first, "little") & mask
    return _Shape([(place, first[place : place + 1]) for place in places], mask, masked, spans)


def _is_number(span: tuple[int, int]) -> bool:
    return span[1] - span[0] == _U64.size


def _format(order: list[Path], spans: dict[Path, tuple[int, int]], stride: int) -> str:
    layout, position = ">", 0
    for path in order:
        start, end = spans[path]
        layout += f"{start - position}x" + (f"{end - start}s" if path == KEY else "Q")
        position = end
    return f"{layout}{stride - position}x"


def _walked(payload: bytes, wanted: tuple[Path, ...]) -> Iterator[tuple[Any, ...]]:
    for _, begin, end in attributes(payload):
        single = payload[begin - ATTRIBUTE.size : end]
        spans = _shape(single).spans
        values = [single[slice(*spans.get(path, (0, 0)))] for path in wanted]
        yield tuple(v if path == KEY else int.from_bytes(v, "big") for path, v in zip(wanted, values, strict=True))
