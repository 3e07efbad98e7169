"""Who is connected, and for how long nothing may come. Law: a client costs what it costs, and never takes another's place.

aiohttp waits for ever for the rest of a head, and takes every connection that is offered; what is bounded is bounded here.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Protocol

from proxy.events import Client

IDLE_SECONDS = 75.0  # between two requests: beyond nginx's own 75 s no client counts on it
HEAD_SECONDS = 30.0  # for a head to arrive, from its first byte: a slow sender of heads holds a place for nothing
FULL_SECONDS = 300.0  # without room for one more byte: some 200 B/s of what a transport holds back
SWEEP_SECONDS = 5.0
# Where all places are taken, who waits for nothing makes room for who asks.
_RESTED = 1.0  # idle for so long: no request of it is on its way
_SLOW_HEAD = 5.0  # every client sends a head in one piece
_SHARE = 8  # of those that could go, so many go at once: the crowd is not looked through for each
_FRUITLESS_SECONDS = 0.05


class Member(Protocol):
    """A connection as the crowd sees it. Times are the loop's."""

    @property
    def idle_since(self) -> float | None:
        """Since when neither a byte came nor an answer was on its way; None while one is."""
        ...

    @property
    def head_since(self) -> float | None:
        """When the first byte came of a head that is not whole yet."""
        ...

    @property
    def full_since(self) -> float | None:
        """Since when it takes nothing of an answer that is ready."""
        ...

    def cut(self) -> None: ...


class Crowd:
    """The connections of some listeners. `total` and `each`: at most so many, and of one client."""

    def __init__(self, *, total: int, each: int) -> None:
        self._total = total
        self._each = each
        self._members: dict[Member, Client] = {}
        self._by_client: dict[Client, dict[Member, None]] = {}
        self._fruitless_until = 0.0
        self._told: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._members)

    def joins(self, member: Member, client: Client, *, now: float) -> bool:
        """Whether there is a place, or somebody who waits for nothing could make one; then `leaves` must follow."""
        if len(self._by_client.get(client, ())) >= self._each:
            self.note("client")
            return False
        if len(self._members) >= self._total and not self._makes_room(client, now):
            self.note("total")
            return False
        self._members[member] = client
        self._by_client.setdefault(client, {})[member] = None
        return True

    def leaves(self, member: Member) -> None:
        """Safe for who never joined."""
        client = self._members.pop(member, None)
        if client is None:
            return
        theirs = self._by_client[client]
        del theirs[member]
        if not theirs:
            del self._by_client[client]

    def note(self, why: str) -> None:
        """Count one that was refused or cut: total | client | descriptors; head | full | room."""
        self._told[why] += 1

    def told(self) -> Mapping[str, int]:
        """How many were refused or cut since the last call, by why."""
        told, self._told = self._told, Counter()
        return told

    async def watch(self) -> None:
        """Until cancelled: cut who is silent for too long."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep(asyncio.get_running_loop().time())

    def sweep(self, now: float) -> None:
        for member in tuple(self._members):
            idle, head, full = member.idle_since, member.head_since, member.full_since
            if head is not None and now - head > HEAD_SECONDS:
                self._cut(member, "head")
            elif full is not None and now - full > FULL_SECONDS:
                self._cut(member, "full")
            elif idle is not None and now - idle > IDLE_SECONDS:
                self._cut(member, None)

    def _cut(self, member: Member, why: str | None) -> None:
        self.leaves(member)  # its place is free at once; the transport ends a moment later
        if why:
            self.note(why)
        member.cut()

    def _makes_room(self, client: Client, now: float) -> bool:
        """Cut some that wait for nothing, of whoever has most places: never of who has fewer than the one who asks."""
        if now < self._fruitless_until:
            return False
        heaviest = max(self._by_client, key=lambda each: len(self._by_client[each]), default=client)
        if heaviest != client and len(self._by_client[heaviest]) <= len(self._by_client.get(client, ())):
            heaviest = client
        resting = sorted(self._resting(heaviest, now), key=lambda member: member.idle_since or 0.0)
        for member in resting[: 1 + len(resting) // _SHARE]:
            self._cut(member, "room")
        if not resting:
            self._fruitless_until = now + _FRUITLESS_SECONDS
        return bool(resting)

    def _resting(self, client: Client, now: float) -> Iterator[Member]:
        for member in self._by_client.get(client, ()):
            idle, head = member.idle_since, member.head_since
            is_slow = head is not None and now - head >= _SLOW_HEAD
            if is_slow or (head is None and idle is not None and now - idle >= _RESTED):
                yield member
