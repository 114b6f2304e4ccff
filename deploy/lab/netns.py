"""Doing something inside another network namespace without leaving one's own.

A thread changes its namespace, works and ends: namespaces belong to threads, and sockets stay in the
namespace where they were made. Python 3.11, Debian 12's own, has no os.setns, hence ctypes.
"""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

NAMESPACES = Path("/run/netns")
_CLONE_NEWNET = 0x40000000  # setns(2): the descriptor must be a network namespace
_libc = ctypes.CDLL(None, use_errno=True)

Result = TypeVar("Result")


def inside(name: str, function: Callable[[], Result]) -> Result:
    """Call `function` in the network namespace `name`; its result or error comes back. OSError if it is gone."""

    def work() -> Result:
        _enter(name)
        return function()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"netns-{name}") as pool:
        return pool.submit(work).result()


def _enter(name: str) -> None:
    descriptor = os.open(NAMESPACES / name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter the network namespace {name}")
    finally:
        os.close(descriptor)
