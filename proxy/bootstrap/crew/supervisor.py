"""The supervisor: it holds the data directory and the ports, says what every worker stands on, and replaces who dies.

Law: it serves nothing and judges nothing, so that it has nothing to die of; no two workers go on with different policies;
what is done once for all (`Proxy.lead`) is done by one worker, and by another one when that dies.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from proxy import __version__
from proxy.bootstrap.background import Background, flush
from proxy.bootstrap.crew.hand import Hand
from proxy.bootstrap.crew.words import Begin, Drain, End, Noticed, Orders, Render, Renewed
from proxy.bootstrap.directory import data_directory
from proxy.bootstrap.running import load_with_held, loaded_event
from proxy.config.layout import Config
from proxy.config.policy import LoadedPolicy
from proxy.errors import ConfigError, StorageError
from proxy.events import Event, PolicyLoaded, WorkerEnded
from proxy.observe import machine
from proxy.observe.audit import Audit
from proxy.observe.logs import log_event, say
from proxy.observe.metrics import Metrics
from proxy.pipeline.clock import Clock, SystemClock
from proxy.trust.held import HeldRoots
from proxy.web.ports import Ports, keep_ports
from proxy.web.settings import Address

_STEADY = 60.0  # seconds after which a worker that dies is no failed start
_LONGEST_PAUSE = 30.0
_MOMENT = 0.25
_FAILED_STARTS = 5  # of one worker in a row while no other is up: then it is over
_GRACE = 15.0  # seconds beyond the drain, for what is put away
_END_SECONDS = 5.0
_DEFECT = 70  # as the command line has it (sysexits.h)


class Crew:
    """`command` runs a worker, which is given two descriptors more: its line, and what holds the data directory."""

    def __init__(self, config: Config, *, count: int, command: tuple[str, ...], clock: Clock | None = None) -> None:
        self.config = config
        self._count = count
        self._command = command
        self._clock = clock or SystemClock()
        self._held = HeldRoots(config.trust_folder)
        self._metrics = Metrics(upstreams=frozenset(), version=__version__)
        self._audit = Audit(config.audit_folder)
        self._background = Background()
        self._stack = contextlib.ExitStack()
        self._ports: Ports
        self._lock = -1
        self._loaded: LoadedPolicy
        self._orders: Orders
        self._hands: dict[int, Hand] = {}
        self._lead: Hand | None = None
        self._buried: Mapping[str, float] = {}
        self._keeping: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._ending = asyncio.Event()
        self._lost = asyncio.Event()
        self.code: int | None = None

    @property
    def loaded(self) -> LoadedPolicy:
        """What every worker stands on."""
        return self._loaded

    @property
    def addresses(self) -> Mapping[str, Address]:
        return self._ports.addresses

    async def start(self) -> None:
        """Return once every worker serves; where one cannot, once all have ended, and `code` is its exit code then.

        Raise ConfigError where nothing can be started at all.
        """
        try:
            await self._start()
        except BaseException:
            await self._end()
            raise
        if self.code is not None:
            await self._end()

    async def _start(self) -> None:
        self._lock = self._stack.enter_context(data_directory(self.config.data))
        self._loaded = load_with_held(self.config, self._held, self._clock)
        self._orders = Orders.of(self._loaded)
        self._ports = keep_ports(self.config.listen)
        self._stack.callback(self._ports.close)
        self._background.begin(flush(self._audit))
        self.emit(loaded_event(self._loaded))
        hands = [await self._spawn(number) for number in range(self._count)]
        # The first alone: it migrates the state and brings lost pins back, while the others load what they need.
        codes = [await self._begin(hands[0])]
        if codes[0] is None:
            codes += await asyncio.gather(*(self._begin(hand) for hand in hands[1:]))
        failed = [code for code in codes if code is not None]
        if failed:
            self.code = _exit_code(failed[0])
            return
        self._keeping = {asyncio.create_task(self._keep(hand)) for hand in hands}
        for task in self._keeping:
            task.add_done_callback(self._seen)

    async def lost(self) -> None:
        """Wait until no worker can be started any more; `code` is the exit code of the last one then."""
        await self._lost.wait()

    async def reload(self) -> None:
        """Load policy, keys and lock again, for every worker or for none; what every worker stands on is said when it does."""
        async with self._turn:
            try:
                loaded = load_with_held(self.config, self._held, self._clock)
            except ConfigError as error:
                self.emit(PolicyLoaded("kept", len(self._loaded.policy.rules), "; ".join(error.problems)))
                return
            await self._stand_on(loaded, Orders.of(loaded))
            self.emit(loaded_event(loaded))

    async def stop(self) -> None:
        """Let every worker drain. When this is cancelled they end at once."""
        self._ending.set()
        self._tell(Drain())
        try:
            await self._all_ended(self.config.limits.drain_seconds + _GRACE)
        finally:
            await self._end()

    async def _end(self) -> None:
        self._ending.set()
        self._tell(End())
        await self._all_ended(_END_SECONDS)
        for hand in self._hands.values():
            hand.kill()
        await self._all_ended(_END_SECONDS)
        await self._background.end()
        with contextlib.suppress(StorageError):
            self._audit.close()
        self._stack.close()

    async def _all_ended(self, seconds: float) -> None:
        waiting: set[asyncio.Task[Any]] = {*self._keeping}
        waiting = waiting or {asyncio.create_task(hand.ended()) for hand in self._hands.values()}
        if waiting:
            await asyncio.wait(waiting, timeout=seconds)

    def emit(self, event: Event) -> None:
        self._metrics.record(event)
        log_event(event)
        self._audit.record(event)

    async def _spawn(self, number: int) -> Hand:
        hand = Hand(number, self._hear)
        await hand.spawn(self._command, lock=self._lock)
        self._hands[number] = hand
        return hand

    async def _begin(self, hand: Hand) -> int | None:
        """None once it serves what every worker stands on by then, else its exit code."""
        shared = _shared(self.config, self._ports, self._count)
        if not await hand.begin(Begin(shared, self._orders, hand.number, self._count)):
            return await hand.ended()
        while hand.orders is not self._orders:
            await hand.take(self._orders)
        say("worker-started", worker=hand.number, pid=hand.pid)
        self._appoint()
        return None

    def _appoint(self) -> None:
        """One leads: the one that did, or else any that is up."""
        self._metrics.set_workers(sum(hand.is_up for hand in self._hands.values()))
        if self._lead is None or not self._lead.is_up:
            self._lead = next((hand for hand in self._hands.values() if hand.is_up), None)
            if self._lead is not None:
                self._lead.lead()
                say("worker-leads", worker=self._lead.number, pid=self._lead.pid)

    async def _keep(self, hand: Hand) -> None:
        """Until all end: what one worker's place has in it is replaced when it dies, later each time that this is no help."""
        failures = 0
        while True:
            code = await hand.ended()
            self._bury(hand, code)
            failures = failures + 1 if hand.age < _STEADY else 0
            if failures >= _FAILED_STARTS and self._lead is None:
                self._lose(_exit_code(code))
            successor = None if self._lost.is_set() else await self._successor(hand.number, failures)
            if successor is None:
                return
            hand = successor
            await self._begin(hand)
            if self._ending.is_set():
                hand.tell(End())

    async def _successor(self, number: int, failures: int) -> Hand | None:
        """None where all end. A service manager ends all of us at once: who is a moment slower than its workers replaces none."""
        while not await self._ends_within(min(_LONGEST_PAUSE, 2.0 ** (failures - 2)) if failures > 1 else _MOMENT):
            try:
                return await self._spawn(number)
            except OSError as error:  # want of memory or descriptors
                say("worker-not-started", level="error", worker=number, message=str(error))
                failures += 1
        return None

    async def _ends_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)
        return self._ending.is_set()

    def _bury(self, hand: Hand, code: int) -> None:
        """What it counted stays counted. Ends that were asked for are no events."""
        self._buried = machine.joined((self._buried, machine.counted(hand.samples)))
        hand.samples = {}
        if not self._ending.is_set():
            self.emit(WorkerEnded(hand.number, hand.pid, "signal" if code < 0 else "exit", abs(code)))
        self._appoint()

    async def _stand_on(self, loaded: LoadedPolicy, orders: Orders) -> None:
        self._loaded, self._orders = loaded, orders
        await asyncio.gather(*(hand.take(orders) for hand in self._hands.values() if hand.is_up))

    async def _hear(self, _hand: Hand, word: Any) -> Any:
        match word:
            case Render():
                return await self._render()
            case Renewed(orders, instead_of):
                async with self._turn:
                    if self._orders.snapshot.sha256 == instead_of:
                        await self._stand_on(await asyncio.to_thread(orders.made), orders)
            case Noticed() if self._lead is not None:
                self._lead.tell(word)
        return None

    async def _render(self) -> bytes:
        """/metrics of the machine; the one that leads comes first, since it knows what one looks after for all."""
        hands = sorted(self._hands.values(), key=lambda hand: hand is not self._lead)
        processes = await asyncio.gather(*(hand.count() for hand in hands))
        own = machine.supervised(machine.samples(self._metrics.render()))
        return machine.render(machine.joined((*processes, self._buried, own)))

    def _tell(self, word: Any) -> None:
        for hand in self._hands.values():
            hand.tell(word)

    def _seen(self, task: asyncio.Task[None]) -> None:
        """A defect of ours ends everything: a place that nobody keeps would stay empty."""
        if not task.cancelled() and (error := task.exception()) is not None:
            say("worker-lost", level="error", message=f"{type(error).__name__}: {error}")
            self._lose(_DEFECT)

    def _lose(self, code: int) -> None:
        self.code = code
        self._lost.set()


def _exit_code(code: int) -> int:
    """Of the whole, where a worker ended with `code`: one that a signal ended has none of its own."""
    return code if code > 0 else _DEFECT


def _shared(config: Config, ports: Ports, count: int) -> Config:
    """One worker's: the ports that were kept, and its part of what may be connected."""
    limits = config.limits
    part = limits.model_copy(
        update={
            "connections": -(-limits.connections // count),
            "connections_per_client": -(-limits.connections_per_client // count),
        }
    )
    return config.model_copy(update={"listen": ports.listen, "limits": part})
