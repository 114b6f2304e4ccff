"""One valid set of settings for tests, in a directory of the test's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from policy.settings import Settings


def document(directory: Path) -> dict[str, Any]:
    """A ``gateway.toml`` as TOML would give it; a test changes what it is about."""
    return {
        "gateway": {"id": "gw-0001", "hotspot": "Taman Bekapai", "kecamatan": "Balikpapan Kota"},
        "network": {
            "lan": "lan0",
            "wan": "wan0",
            "lan_ipv4": "10.77.0.1/22",
            "lan_ipv6": "2001:db8:77::1/64",
        },
        "enforcer": {
            "socket": str(directory / "enforcer.sock"),
            "journal": str(directory / "journal"),
            "peers": {"portal": 64201, "console": 64202, "monitor": 64203, "resolver": 64204},
        },
        "garden": {"names": ["bsw.balikpapan.test"]},
        "database": {"url": f"sqlite:///{directory}/gerbang.db"},
        "portal": {
            "host": "wifi.balikpapan.test",
            "certificate": str(directory / "portal.pem"),
            "key": str(directory / "portal.key"),
            "secret_file": str(directory / "portal.secret"),
        },
        "identity": {"issuer": "https://bsw.balikpapan.test", "client_id": "wifi-gateway"},
        "notice": {"controller": "Diskominfo Kota Balikpapan", "contact": "wifi@balikpapan.test"},
        "console": {
            "host": "console.balikpapan.test",
            "certificate": str(directory / "console.pem"),
            "key": str(directory / "console.key"),
            "secret_file": str(directory / "console.secret"),
        },
        "monitor": {"pseudonym_key_file": str(directory / "pseudonym.key")},
    }


def settings(directory: Path) -> Settings:
    """The settings of ``document``."""
    return Settings.from_document(document(directory))
