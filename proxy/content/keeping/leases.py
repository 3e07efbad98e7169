"""Leases: who has a stored file open holds a shared lock on it; who removes it must have it alone.

The lock belongs to the open file description, so it ends with the reader, also by kill -9, and is seen by every process of
the machine. It is another kind of lock than `flock`, by which fillers and provers take turns: neither waits for the other.
A file system without such locks has leases by time alone.
"""

import errno
import fcntl
import os
import struct
import time

# A remover holds a file between its last look and the unlink: microseconds, unless it is stopped in between.
_PATIENCE = 1.0
_BETWEEN = 0.002
_FORM = "hhqqi4x"  # struct flock: type, whence, start, length, pid
_TAKEN = {errno.EAGAIN, errno.EACCES}


def hold(descriptor: int) -> bool:
    """Take a lease that ends when the descriptor is closed. False: it is being removed, and is as good as gone. Blocking."""
    until = time.monotonic() + _PATIENCE
    while not _lock(descriptor, fcntl.F_RDLCK):
        if time.monotonic() > until:
            return False
        time.sleep(_BETWEEN)
    return True


def take(descriptor: int) -> bool:
    """Whether nobody holds a lease on this file, and nobody gets one until it is closed. It must be open for writing."""
    return _lock(descriptor, fcntl.F_WRLCK)


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack(_FORM, kind, os.SEEK_SET, 0, 1, 0))
    except OSError as error:
        return error.errno not in _TAKEN  # not supported here: time is the only lease
    return True
