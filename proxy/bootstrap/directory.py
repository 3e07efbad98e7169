"""What belongs to one proxy alone: its data directory, and its state as commands see it."""

import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from proxy.config.layout import Config
from proxy.errors import ConfigError, StorageError
from proxy.state.sqlite import SqliteStore
from proxy.state.store import StateStore


@contextlib.asynccontextmanager
async def opened_state(config: Config, *, read_only: bool = True) -> AsyncIterator[StateStore]:
    """The state as commands see it, beside a running proxy, which notices what was written.

    Raise StorageError where the proxy has not made one yet: a state made here would hide that one was lost.
    """
    if not config.state_file.exists():
        raise StorageError(f"there is no state yet at {config.state_file}; `pratique serve` makes it")
    store = await SqliteStore.open(config.state_file, read_only=read_only)
    try:
        yield store
    finally:
        await store.close()


def is_running(config: Config) -> bool:
    """Whether a proxy runs on the data directory now."""
    try:
        descriptor = os.open(config.data / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def data_directory(folder: Path) -> Iterator[int]:
    """Hold the data directory: two proxies on one would each believe that they fill alone.

    The descriptor keeps it held, also in a process that inherits it. Raise ConfigError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            f"the data directory {folder} cannot be used: {error.strerror}; name another as `data`, or mend this one"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                f"another proxy runs on {folder}{_held_by(descriptor)}; stop it, or give this one a `data` of its own"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _held_by(descriptor: int) -> str:
    """Who wrote its process id there last; a process in another container may have another number here."""
    text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return f" (process {text})" if text.isdigit() else ""
