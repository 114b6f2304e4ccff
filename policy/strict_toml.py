"""Strict TOML: a document becomes frozen dataclasses whole, or is refused whole with everything that is wrong.

A table is a dataclass whose fields are ``Annotated[type, reader]``; a field that is itself a dataclass is a
sub-table. A reader takes the TOML value and returns the typed one, or raises ``ValueError`` in the operator's
words. Unknown keys are errors that name the nearest valid one, because a misspelt limit that is silently ignored
is found by the residents.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_address
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

T = TypeVar("T")


def parse(path: Path | str) -> dict[str, object]:
    """Read a file as TOML; a ``ValueError`` says why it is none."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"is not TOML: {error}") from error


def read_table(table: type[T], document: Mapping[str, object], where: str, problems: list[str]) -> T | None:
    """Build ``table``; ``None`` when something in it is wrong, each problem a sentence added to ``problems``."""
    known: dict[str, Field[Any]] = {f.name: f for f in fields(table)}  # type: ignore[arg-type]
    hints = get_type_hints(table, include_extras=True)
    before = len(problems)
    problems += [_unknown(key, where, known) for key in document if key not in known]
    values = {name: _read(f, hints[name], document, where, problems) for name, f in known.items()}
    if len(problems) > before:
        return None
    return table(**{name: value for name, value in values.items() if value is not MISSING})


def _read(known: Field[Any], hint: Any, document: Mapping[str, object], where: str, problems: list[str]) -> object:
    """One key's value, or ``MISSING`` where its default holds or a problem was said."""
    name = f"{where}.{known.name}" if where else known.name
    if is_dataclass(hint) and isinstance(hint, type):
        value = document.get(known.name, {})
        if not isinstance(value, Mapping):
            problems.append(f"{name} must be a table, written [{name}]")
            return MISSING
        return read_table(hint, value, name, problems)
    if known.name not in document:
        if known.default is MISSING:
            problems.append(f"{name} is missing")
        return MISSING
    try:
        return hint.__metadata__[0](document[known.name])
    except ValueError as error:
        problems.append(f"{name}: {error}")
        return MISSING


def _unknown(key: str, where: str, known: Mapping[str, object]) -> str:
    kind = "key" if where else "table"
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
    hint = f"did you mean {nearest[0]!r}?" if nearest else "it takes none"
    return f"unknown {kind} {key!r}" + (f" in [{where}]" if where else "") + f"; {hint}"


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not empty")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError('must be a list of texts, such as ["a", "b"]')
    return tuple(_text(item) for item in value)


def _host(value: object) -> str:
    name = _text(value)
    labels = name.split(".")
    if len(name) > 253 or not all(_is_label(label) for label in labels):
        raise ValueError(f"{name!r} is not a host name in lower-case ASCII (an A-label for other letters)")
    return name


def _is_label(label: str) -> bool:
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789-")
    return 0 < len(label) < 64 and set(label) <= allowed and label[0] != "-" and label[-1] != "-"


def _hosts(value: object) -> tuple[str, ...]:
    return tuple(_host(name) for name in _texts(value))


def _https(value: object) -> str:
    url = _text(value)
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")):
        raise ValueError(f"{url!r} must be an https address")
    return url


def _ip(value: object) -> str:
    return str(ip_address(_text(value)))


def _interface_name(value: object) -> str:
    name = _text(value)
    # IFNAMSIZ in linux/if.h is 16 with its NUL; the rest is dev_valid_name() in net/core/dev.c, and no quotes.
    if len(name) > 15 or name in (".", "..") or not all(c.isalnum() or c in "._-@" for c in name):
        raise ValueError(f"{name!r} is not the name of a network interface")
    return name


def _ipv4(value: object) -> IPv4Interface:
    interface = IPv4Interface(_text(value))
    if not 8 <= interface.network.prefixlen <= 30:
        raise ValueError(f"{interface} needs a prefix of 8 to 30, such as 10.77.0.1/22")
    return interface


def _ipv6(value: object) -> IPv6Interface:
    interface = IPv6Interface(_text(value))
    if interface.network.prefixlen != 64:
        raise ValueError(f"{interface} needs the prefix /64: phones make their own addresses (RFC 4862)")
    return interface


def _path(value: object) -> Path:
    path = Path(_text(value))
    if not path.is_absolute():
        raise ValueError(f"{str(path)!r} must be an absolute path")
    return path


def _optional_path(value: object) -> Path | None:
    return None if value == "" else _path(value)


def _zone(value: object) -> ZoneInfo:
    try:
        return ZoneInfo(_text(value))
    except (LookupError, OSError) as error:
        raise ValueError(f"{value!r} is not a time zone; Balikpapan's is Asia/Makassar") from error


def _peer(value: object) -> str | int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**32 - 1:
        return value
    if isinstance(value, str) and value.strip():
        return value
    raise ValueError("must be a user's name or a uid above 0")


def whole_number(low: int, high: int) -> Callable[[object], int]:
    """A reader of whole numbers from ``low`` to ``high``, both included."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return value

    return read


Text = Annotated[str, _text]
Texts = Annotated[tuple[str, ...], _texts]
HostName = Annotated[str, _host]
HostNames = Annotated[tuple[str, ...], _hosts]
HttpsUrl = Annotated[str, _https]
IpText = Annotated[str, _ip]
InterfaceName = Annotated[str, _interface_name]
LanIpv4 = Annotated[IPv4Interface, _ipv4]
LanIpv6 = Annotated[IPv6Interface, _ipv6]
AbsolutePath = Annotated[Path, _path]
OptionalPath = Annotated[Path | None, _optional_path]
TimeZone = Annotated[ZoneInfo, _zone]
User = Annotated[str | int, _peer]
Port = Annotated[int, whole_number(1, 65535)]
