"""Certificates that OpenSSL accepts for the laboratory, and for nothing else."""

from __future__ import annotations

import os
import ssl
import stat
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from deploy.sandbox.authority import Authority


def shake_hands(ca: Path, certificate: Path, key: Path, name: str) -> None:
    """Do a TLS handshake in memory as a client that trusts ``ca`` and wants ``name``."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cafile=str(ca))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    while ends:
        for end in tuple(ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            ends.remove(end)


def test_a_phone_that_trusts_it_connects_by_name_and_by_address(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path / "tls")
    pair = authority.issue(["video.test", "www.video.test"], [ip_address("203.0.113.40")])
    for name in ("video.test", "www.video.test", "203.0.113.40"):
        shake_hands(authority.path, *pair, name)
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        shake_hands(authority.path, *pair, "berita.test")


@pytest.mark.parametrize("name", ["bank.example", "www.google.com.evil.org"])
def test_it_cannot_speak_for_others(tmp_path: Path, name: str) -> None:
    authority = Authority.create(tmp_path)
    pair = authority.issue([name])
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        shake_hands(authority.path, *pair, name)


def test_it_cannot_speak_for_other_addresses(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    pair = authority.issue(["video.test"], [ip_address("192.0.2.1")])
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        shake_hands(authority.path, *pair, "video.test")


def test_a_second_strict_verifier_agrees(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    path, _ = authority.issue(["bsw.balikpapan.test"])
    root = x509.load_pem_x509_certificate(authority.path.read_bytes())
    leaf = x509.load_pem_x509_certificate(path.read_bytes())
    verifier = PolicyBuilder().store(Store([root])).build_server_verifier(x509.DNSName("bsw.balikpapan.test"))
    assert verifier.verify(leaf, []) == [leaf, root]
    other = Authority.create(tmp_path / "other")
    stranger = x509.load_pem_x509_certificate(other.issue(["bsw.balikpapan.test"])[0].read_bytes())
    with pytest.raises(VerificationError):
        verifier.verify(stranger, [])


def test_keys_are_for_their_owner_only_and_the_authority_has_none_on_disk(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    owner = 64201 if os.geteuid() == 0 else os.geteuid()
    _, key = authority.issue(["wifi.balikpapan.test"], owner=owner)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.stat().st_uid == owner
    assert {path.name for path in tmp_path.iterdir()} == {
        "ca.pem",
        "wifi.balikpapan.test.pem",
        "wifi.balikpapan.test.key",
    }


def test_a_certificate_has_a_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one name"):
        Authority.create(tmp_path).issue([])
