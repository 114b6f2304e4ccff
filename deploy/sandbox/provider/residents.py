"""The made-up people of the sandbox, and how they prove who they are."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resident:
    """One account of the sandbox. Its PIN is printed on the sign-in page: nobody real stands behind it.

    ``number`` is the account's inner key; no client ever sees it, only the pairwise subject made from it.
    ``status`` and ``age_band`` are what the city tells a gateway about a person; a national id number (NIK) is
    not kept at all.
    """

    number: int
    username: str
    phone: str
    pin: str
    name: str
    status: str
    age_band: str


#: Two adults and one minor, so that a policy by age has something to tell apart.
RESIDENTS = (
    Resident(1, "sari", "081200000001", "246810", "Sari Wulandari", "active", "18+"),
    Resident(2, "budi", "081200000002", "135791", "Budi Hartono", "active", "18+"),
    Resident(3, "tia", "081200000003", "864209", "Tia Maharani", "active", "13-17"),
)


class Directory:
    """Finds a resident by user name or phone number and checks the PIN."""

    def __init__(self, residents: Iterable[Resident]) -> None:
        self.residents = tuple(residents)
        self._by_login = {
            login: resident for resident in self.residents for login in (resident.username, resident.phone)
        }
        self._by_number = {resident.number: resident for resident in self.residents}

    def authenticate(self, login: str, pin: str) -> Resident | None:
        """Return the resident whose PIN this is; ``None`` says neither which of the two was wrong."""
        resident = self._by_login.get(_plain(login))
        expected = resident.pin if resident else ""
        matches = hmac.compare_digest(expected.encode(), pin.strip().encode())
        return resident if matches else None

    def get(self, number: int) -> Resident | None:
        """Return the resident with this inner number."""
        return self._by_number.get(number)


def _plain(login: str) -> str:
    """Bring what people type into one form: ``+62 812-0000-0001`` is ``081200000001``, ``Sari`` is ``sari``."""
    login = re.sub(r"[\s().-]", "", login).lower()
    return re.sub(r"^\+?62(?=8)", "0", login)
