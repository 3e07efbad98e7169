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


@contextlib.contextmanager
def data_directory(folder: Path) -> Iterator[None]:
    """Hold the data directory: two proxies on one would each believe that they fill alone."""
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
                f"another proxy runs on {folder}; stop it, or give this one a `data` of its own"
            ) from None
        yield
    finally:
        os.close(descriptor)
