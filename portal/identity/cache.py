"""A document of the provider's that is kept for a while, and longer while the provider is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from portal.identity.errors import ProviderUnavailable

T = TypeVar("T")

#: After a failed fetch nobody asks again for this long, seconds: a provider that is down costs one visitor
#: the timeout, not all of them.
_PAUSE = 5.0


class Cached(Generic[T]):
    """Fetches on demand: ``fresh`` seconds without asking, up to ``stale`` seconds when asking fails."""

    def __init__(
        self, fetch: Callable[[], T], fresh: float, stale: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._fresh = fresh
        self._stale = stale
        self._clock = clock
        self._value: T | None = None
        self._fetched = 0.0
        self._failed: tuple[float, ProviderUnavailable] | None = None
        self._lock = threading.Lock()

    def get(self) -> T:
        """The document; ``ProviderUnavailable`` when there is none, or only one that is too old."""
        value = self._value
        if value is not None and self._clock() - self._fetched < self._fresh:
            return value
        with self._lock:
            value = self._value
            if value is not None and self._clock() - self._fetched < self._fresh:
                return value
            try:
                return self._refresh()
            except ProviderUnavailable:
                if value is not None and self._clock() - self._fetched < self._stale:
                    return value
                raise

    def refresh(self) -> T:
        """Fetch now, whatever is kept; what is kept stays when that fails."""
        with self._lock:
            return self._refresh()

    def _refresh(self) -> T:
        if self._failed is not None and self._clock() - self._failed[0] < _PAUSE:
            raise ProviderUnavailable(self._failed[1].reason)
        try:
            value = self._fetch()
        except ProviderUnavailable as error:
            self._failed = (self._clock(), error)
            raise
        self._value, self._fetched, self._failed = value, self._clock(), None
        return value
