"""What another process wrote: each room takes up what concerns it. Warm answers go only where one may be wrong (T62).

A worker writes Decisions, pins and parentage all the time; if each of them emptied the memory of every other worker, none
would answer anything warm while one pulls something new.
"""

import contextlib
from collections.abc import Awaitable, Callable

from proxy.bootstrap.assembly import Pipeline
from proxy.errors import PratiqueError
from proxy.state.store import Change, StateStore


class Others:
    """`distrusted` looks anew whether pins are distrusted."""

    def __init__(self, pipeline: Pipeline, *, distrusted: Callable[[], Awaitable[None]]) -> None:
        self._pipeline = pipeline
        self._distrusted = distrusted

    async def watch(self, state: StateStore) -> None:
        async for change in state.watch():
            if change.by_others or not change.book:
                await self.learn(change)

    async def learn(self, change: Change) -> None:
        """What cannot be read just now is forgotten whole, and read again by who needs it."""
        try:
            await self._learn(change)
        except PratiqueError:
            forget(self._pipeline)

    async def _learn(self, change: Change) -> None:
        pipeline = self._pipeline
        match change.book:
            case "refusals" | "refusal-ids":
                return  # nobody remembers another's
            case "marks":
                pipeline.pins.forget_marks()
                await self._distrusted()
            case "times":
                pipeline.rooms.clock.seen(await pipeline.decisions.newest_proved())
            case "witnesses":
                pipeline.rooms.witnesses.forget(change.key or None)
            case "pins" if change.key:
                await pipeline.pins.learn(change.key)
            case "decisions" if change.key:
                await pipeline.decisions.learn(change.key)
            case "manifests" if change.key:
                await pipeline.rooms.parentage.learn(change.key)
            case _:
                forget(self._pipeline)
                with contextlib.suppress(PratiqueError):
                    await self._distrusted()


def forget(pipeline: Pipeline) -> None:
    """Everything that is remembered of the state."""
    pipeline.pins.forget()
    pipeline.decisions.forget()
    pipeline.rooms.parentage.forget()
    pipeline.rooms.witnesses.forget()
    pipeline.rooms.table.drop()
