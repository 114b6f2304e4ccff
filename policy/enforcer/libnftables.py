"""A thin binding of libnftables for the one rare thing that nft's own language is for: the static ruleset.

Grants and counters never come here: ``nftables`` speaks netlink itself. Calls are those of libnftables(3).
"""

from __future__ import annotations

import ctypes

from policy.enforcer.kernel import KernelError

_LIBRARY = "libnftables.so.1"


def run(commands: str) -> None:
    """Run nft commands as one transaction, in the calling thread's network namespace.

    ``KernelError`` carries nft's own message; nothing was applied then.
    """
    library = _load()
    # NFT_CTX_DEFAULT in nftables/libnftables.h.
    context = library.nft_ctx_new(0)
    if not context:
        raise KernelError("libnftables gave no context: out of memory, or no permission for netlink")
    try:
        if library.nft_ctx_buffer_output(context) or library.nft_ctx_buffer_error(context):
            raise KernelError("libnftables cannot buffer its messages: out of memory")
        if library.nft_run_cmd_from_buffer(context, commands.encode()) != 0:
            said = library.nft_ctx_get_error_buffer(context) or b""
            raise KernelError(f"nft refused the ruleset: {said.decode(errors='replace').strip()}")
    finally:
        library.nft_ctx_free(context)


def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise KernelError(f"{_LIBRARY} is missing: install the package libnftables1 ({error})") from error
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_free.argtypes = [ctypes.c_void_p]
    library.nft_ctx_free.restype = None
    for call in (library.nft_ctx_buffer_output, library.nft_ctx_buffer_error):
        call.argtypes = [ctypes.c_void_p]
        call.restype = ctypes.c_int
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    library.nft_run_cmd_from_buffer.restype = ctypes.c_int
    library.nft_ctx_get_error_buffer.argtypes = [ctypes.c_void_p]
    library.nft_ctx_get_error_buffer.restype = ctypes.c_char_p
    return library
