"""Pins as commands see them: a command that only reads moves none."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from proxy.events import PinMoved
from proxy.pipeline.tags.pins import Pins

if TYPE_CHECKING:
    from proxy.state.store import StateStore


async def _nothing_moves(event: PinMoved) -> None:
    raise AssertionError(f"a command that only reads moved a pin: {event}")


def pin_book(store: "StateStore", moved: Callable[[PinMoved], Awaitable[None]] = _nothing_moves) -> Pins:
    return Pins(store, moved)
