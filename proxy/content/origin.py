"""What a growing file's upstream said of it, kept with the file: a resume after a restart can say `If-Range`. Blocking.

It stands in an attribute of the file, and so goes wherever the file goes, and goes when it goes. Where the file system
keeps no attributes nothing is remembered: a resume then asks without it, and the hash decides as always.
"""

import contextlib
import os

_NAME = "user.pratique.validator"
_LIMIT = 1024  # bytes; a strong ETag here is at most 258


def remember(descriptor: int, validator: str | None) -> None:
    with contextlib.suppress(OSError):
        if validator is None:
            os.removexattr(descriptor, _NAME)
        else:
            os.setxattr(descriptor, _NAME, validator.encode()[:_LIMIT])


def remember_and_close(descriptor: int, validator: str | None) -> None:
    try:
        remember(descriptor, validator)
    finally:
        os.close(descriptor)


def remembered(descriptor: int) -> str | None:
    """What another program wrote there is at worst a validator that matches nothing: only what is printable is taken."""
    try:
        raw = os.getxattr(descriptor, _NAME)
    except OSError:
        return None
    is_printable = len(raw) <= _LIMIT and all(0x20 < each < 0x7F for each in raw)
    return raw.decode("ascii") if raw and is_printable else None
