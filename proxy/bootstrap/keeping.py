"""Puts together what makes room: for the proxy while it runs, and for a command beside it."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from proxy.bootstrap.care import Care
from proxy.bootstrap.directory import is_running, opened_state
from proxy.config.layout import Config
from proxy.config.policy import LoadedPolicy
from proxy.content.keeping.budget import Budget, Reservation, Standing
from proxy.content.keeping.stock import Stock
from proxy.events import Event, PinMoved
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.pipeline.keeping.evict import SETTLE_SECONDS, Evictor
from proxy.pipeline.keeping.holdings import Name
from proxy.pipeline.keeping.room import Room
from proxy.pipeline.keeping.usage import Usage
from proxy.pipeline.tags.pins import Pins
from proxy.state.store import StateStore

Tags = Callable[[], Awaitable[Mapping[Name, list[str]]]]  # of what is pinned: its tags


@dataclass(frozen=True, slots=True)
class Keeping:
    stock: Stock
    usage: Usage
    budget: Budget
    evictor: Evictor
    room: Room
    reserve: Callable[[Digest, int], Awaitable[Reservation]]


def build_keeping(
    config: Config,
    state: StateStore,
    *,
    pinned: Tags,
    forget: Callable[[], None],
    emit: Callable[[Event], None],
    seen: Callable[[Standing], None],
    settle: float = SETTLE_SECONDS,
    care: Care | None = None,
) -> Keeping:
    """`forget` drops what this process remembers of the state, `seen` is told how things stand each time they are looked at.

    `care` takes note of what room there is and is not.
    """
    stock = Stock(config.content_folder)
    usage = Usage(stock)
    budget = Budget(config.content_folder, config.content)
    evictor = Evictor(stock, state, usage, pinned=pinned, forget=forget, cases=config.cases_folder, settle=settle)
    room = Room(budget, evictor, emit, seen=seen)
    reserve = partial(care.reserve, room) if care else room.reserve
    return Keeping(stock, usage, budget, evictor, room, reserve)


@contextlib.asynccontextmanager
async def keeping_of(config: Config, loaded: LoadedPolicy, *, changes: bool) -> AsyncIterator[tuple[Keeping, Tags]]:
    """The same for a command, beside a running proxy or none, which notices what was changed. Raise StorageError."""
    async with opened_state(config, read_only=not changes) as state:
        pins = Pins(state, _nothing_moves)

        async def tags() -> Mapping[Name, list[str]]:
            return await tags_of(pins, loaded.lock)

        settle = SETTLE_SECONDS if is_running(config) else 0.0  # nobody else could have used anything
        keeping = build_keeping(
            config, state, pinned=tags, forget=pins.forget, emit=_unheard, seen=_unheard, settle=settle
        )
        try:
            yield keeping, tags
        finally:
            await keeping.room.close()


async def _nothing_moves(event: PinMoved) -> None:
    raise AssertionError(f"a command that makes room moved a pin: {event}")


def _unheard(_told: object) -> None:
    """Nobody counts or logs what a command does for itself."""


async def tags_of(pins: Pins, lock: Mapping[tuple[Repository, str], Digest]) -> Mapping[Name, list[str]]:
    """What no eviction touches, and by which names: every pin, and whatever the lock file names."""
    found: dict[Name, set[str]] = {}
    for pin in await pins.all():
        found.setdefault((str(pin.repository), pin.digest), set()).add(pin.tag.name)
    for (repository, tag), digest in lock.items():
        found.setdefault((str(repository), digest), set()).add(tag)
    return {name: sorted(tags) for name, tags in found.items()}
