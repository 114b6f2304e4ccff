"""A certificate authority for the laboratory, so that phones verify TLS there as they do outside.

Its key lives in memory only and dies with the process that made it; its name constraints (RFC 5280 section
4.2.1.10) keep a phone or browser that trusts it safe from everything but the laboratory's names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.sandbox.names import SITES_IPV4, SITES_IPV6, Role, served
from policy.model import Address

Network = IPv4Network | IPv6Network

#: Days that a laboratory's certificates live; a laboratory is started anew far more often.
DAYS = 30

#: A phone whose clock is behind by less than this still accepts a new certificate.
_BACKDATED = timedelta(hours=1)

#: Below ``test`` everything; elsewhere only the probes that are made over TLS; the host's own loopback windows.
LABORATORY_NAMES = (
    "test",
    "localhost",
    *(host.name for host in served() if host.role is Role.PROBE),
)
LABORATORY_NETWORKS: tuple[Network, ...] = (
    SITES_IPV4,
    SITES_IPV6,
    *(ip_network(text) for text in ("127.0.0.0/8", "::1/128", "10.77.0.0/22", "2001:db8::/32")),
)


class Authority:
    """Issues certificates into one directory, where ``ca.pem`` is what phones must trust."""

    def __init__(self, directory: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._directory = directory
        self._key = key
        self._certificate = certificate

    @classmethod
    def create(
        cls,
        directory: Path,
        names: Sequence[str] = LABORATORY_NAMES,
        networks: Sequence[Network] = LABORATORY_NETWORKS,
        days: int = DAYS,
    ) -> Authority:
        """Make a new authority that may speak for ``names`` (and what is below them) and ``networks`` only.

        ``directory`` is made where it is missing.
        """
        directory.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject("Gerbang laboratory authority")
        permitted = [*map(x509.DNSName, names), *map(x509.IPAddress, networks)]
        certificate = (
            _builder(subject, subject, key.public_key(), days)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .add_extension(x509.NameConstraints(permitted, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        authority = cls(directory, key, certificate)
        authority.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return authority

    @property
    def path(self) -> Path:
        """The authority's certificate (PEM)."""
        return self._directory / "ca.pem"

    def issue(
        self,
        names: Sequence[str],
        addresses: Iterable[Address] = (),
        owner: int | None = None,
        days: int = DAYS,
    ) -> tuple[Path, Path]:
        """Issue a server certificate and return its path and its key's, named after the first name.

        The key's file is mode 0600 from its first moment and belongs to the user ``owner`` where one is given
        (needs root). ``ValueError`` for a certificate without a name.
        """
        if not names:
            raise ValueError("a certificate speaks for at least one name")
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = [*map(x509.DNSName, names), *map(x509.IPAddress, addresses)]
        issuer_key = self._key.public_key()
        certificate = (
            _builder(_subject("Gerbang laboratory"), self._certificate.subject, key.public_key(), days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        certificate_path = self._directory / f"{names[0]}.pem"
        key_path = self._directory / f"{names[0]}.key"
        certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        _write_private(key_path, key, owner)
        return certificate_path, key_path


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + timedelta(days=days))
    )


def _subject(organisation: str) -> x509.Name:
    """Return a subject without a common name: names stand in the alternative names (RFC 9525 section 2)."""
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)])


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_private(path: Path, key: ec.EllipticCurvePrivateKey, owner: int | None) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if owner is not None:
            os.fchown(descriptor, owner, -1)
        file.write(pem)
