"""Warm answers in memory: repeats what was decided, decides nothing, and is dropped whole by one increment (T62)."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TypeAlias

from proxy.pipeline.answers import ManifestAnswer

Key: TypeAlias = tuple[str | None, str, str | None, str]  # bound, name, ns, reference: all that an answer hangs on
_ENTRIES = 50_000
_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ready:
    """`until`: epoch seconds after which it must be decided again; None where nothing that it used ends."""

    answer: ManifestAnswer = field(repr=False)
    until: float | None
    generation: int


class Table:
    def __init__(self) -> None:
        self._ready: OrderedDict[Key, Ready] = OrderedDict()
        self._held = 0
        self.generation = 0

    def get(self, key: Key, now: float) -> ManifestAnswer | None:
        ready = self._ready.get(key)
        if ready is None or ready.generation != self.generation or (ready.until is not None and now >= ready.until):
            return None
        return ready.answer

    def put(self, key: Key, answer: ManifestAnswer, *, until: float | None, generation: int) -> None:
        """`generation` is the table's when the work for this answer began: what was dropped meanwhile is not kept."""
        if generation != self.generation:
            return
        self._forget(key)
        self._ready[key] = Ready(answer, until, generation)
        self._held += len(answer.raw)
        while len(self._ready) > _ENTRIES or self._held > _BYTES:
            self._forget(next(iter(self._ready)))

    def drop(self) -> None:
        """Policy, pin, trust or revocation changed: nothing that stands here may be repeated."""
        self.generation += 1
        self._ready.clear()
        self._held = 0

    def _forget(self, key: Key) -> None:
        ready = self._ready.pop(key, None)
        if ready is not None:
            self._held -= len(ready.answer.raw)
