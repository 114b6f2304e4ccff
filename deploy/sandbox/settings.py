"""What the internet process is told, from one JSON file; every unknown or missing key is an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from deploy.sandbox.names import PROVIDER_NAME, served
from deploy.sandbox.provider import Client, ProviderConfig
from policy.model import Address


class InternetConfigError(ValueError):
    """What is wrong with the file, in words for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One server certificate (PEM paths), and the names whose visitors it is shown to."""

    names: tuple[str, ...]
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class InternetConfig:
    """Where to listen, with which certificates, and who may sign people in.

    The first certificate is for visitors who name nobody else's; ``addresses`` are those of the table in
    ``names`` unless told otherwise.
    """

    certificates: tuple[Certificate, ...]
    provider: ProviderConfig
    addresses: tuple[Address, ...]
    http_port: int = 80
    https_port: int = 443

    @classmethod
    def load(cls, path: Path) -> InternetConfig:
        """Read ``path``; ``InternetConfigError`` says what to change."""
        try:
            return cls._parse(json.loads(path.read_text()))
        except OSError as error:
            raise InternetConfigError(f"cannot read: {error}") from error
        except (ValueError, TypeError) as error:
            raise InternetConfigError(f"{path}: {error}") from error

    @classmethod
    def _parse(cls, document: Any) -> InternetConfig:
        table = _table("the file", document, {"certificates", "provider"}, _optional(cls) | {"addresses"})
        certificates = tuple(map(_certificate, _list("certificates", table["certificates"])))
        if not certificates:
            raise ValueError("certificates: at least one is needed")
        ports = {name: _port(name, table[name]) for name in _optional(cls) & table.keys()}
        addresses = tuple(map(ip_address, _texts("addresses", table.get("addresses", _all_addresses()))))
        return cls(certificates, _provider(table["provider"]), addresses, **ports)


def _all_addresses() -> list[str]:
    return list(dict.fromkeys(str(address) for host in served() for address in host.addresses))


def _certificate(entry: Any) -> Certificate:
    table = _table("certificates", entry, {"names", "certificate", "key"})
    names = _texts("certificates.names", table["names"])
    return Certificate(names, Path(table["certificate"]), Path(table["key"]))


def _provider(entry: Any) -> ProviderConfig:
    table = _table("provider", entry, {"clients"}, {"issuer", "ca_file"})
    clients = tuple(map(_client, _list("provider.clients", table["clients"])))
    return ProviderConfig(
        table.get("issuer", f"https://{PROVIDER_NAME}"), clients, ca_file=table.get("ca_file", "")
    )


def _client(entry: Any) -> Client:
    optional = {"secret_file", "sector", "backchannel_logout_uri"}
    table = _table("provider.clients", entry, {"client_id", "redirect_uris"}, optional)
    secret = Path(table["secret_file"]).read_text().strip() if "secret_file" in table else ""
    if "secret_file" in table and not secret:
        raise ValueError(f"provider.clients: {table['secret_file']} holds no secret")
    uris = _texts("provider.clients.redirect_uris", table["redirect_uris"])
    logout_uri = table.get("backchannel_logout_uri", "")
    return Client(table["client_id"], uris, secret, table.get("sector", ""), logout_uri=logout_uri)


def _port(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 65535:
        raise ValueError(f"{name}: a port from 1 to 65535, not {value!r}")
    return value


def _optional(kind: type[InternetConfig]) -> set[str]:
    return {field.name for field in fields(kind) if field.default is not MISSING}


def _list(where: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{where}: a list is expected")
    return value


def _texts(where: str, value: Any) -> tuple[str, ...]:
    texts = _list(where, value)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{where}: a list of texts is expected")
    return tuple(texts)


def _table(where: str, value: Any, required: set[str], optional: set[str] | None = None) -> Mapping[str, Any]:
    """Return ``value`` if it is an object with these keys and no others."""
    if not isinstance(value, dict):
        raise TypeError(f"{where}: an object is expected")
    if missing := required - value.keys():
        raise ValueError(f"{where}: missing {', '.join(sorted(missing))}")
    known = required | (optional or set())
    if unknown := value.keys() - known:
        raise ValueError(f"{where}: unknown {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}")
    return value
