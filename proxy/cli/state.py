"""The state file as commands see it: beside a running proxy, which notices what was written. Nothing is made by looking."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from proxy.errors import StorageError
from proxy.events import PinMoved
from proxy.pipeline.pins import Pins

if TYPE_CHECKING:
    from proxy.config.layout import Config
    from proxy.state.store import StateStore


@asynccontextmanager
async def opened_state(config: "Config", *, read_only: bool = True) -> "AsyncIterator[StateStore]":
    """Raise StorageError where the proxy has not made one yet: a state made here would hide that one was lost."""
    from proxy.state.sqlite import SqliteStore

    if not config.state_file.exists():
        raise StorageError(f"there is no state yet at {config.state_file}; `pratique serve` makes it")
    store = await SqliteStore.open(config.state_file, read_only=read_only)
    try:
        yield store
    finally:
        await store.close()


async def _nothing_moves(event: PinMoved) -> None:
    raise AssertionError(f"a command that only reads moved a pin: {event}")


def pin_book(store: "StateStore", moved: Callable[[PinMoved], Awaitable[None]] = _nothing_moves) -> Pins:
    return Pins(store, moved)
