"""The composition root: the one place that names a backend. It builds, starts, reloads and stops; it decides nothing."""

import asyncio
import contextlib
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from proxy import __version__
from proxy.config.layout import Config
from proxy.config.policy import LoadedPolicy, load_policy
from proxy.content.filesystem import FilesystemStore
from proxy.content.store import ContentStore
from proxy.errors import ConfigError, StorageError
from proxy.events import ContentRotted, Event, PinMoved, PolicyLoaded, StateLost
from proxy.observe import audit as audits
from proxy.observe.audit import Audit
from proxy.observe.logs import log_event, say
from proxy.observe.metrics import Metrics
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag
from proxy.pipeline.ahead import Ahead
from proxy.pipeline.clock import Clock, SystemClock
from proxy.pipeline.decisions import Decisions
from proxy.pipeline.drift import DriftWatch
from proxy.pipeline.fill import Fills
from proxy.pipeline.gather import Gatherer
from proxy.pipeline.judge import Judge
from proxy.pipeline.lineage import Lineage
from proxy.pipeline.manifests import Manifests
from proxy.pipeline.parentage import Parentage
from proxy.pipeline.pins import Pins
from proxy.pipeline.pull import Pull, Rooms
from proxy.pipeline.referrers import Witnesses
from proxy.pipeline.refusals import Refusals
from proxy.pipeline.resolve import Resolver
from proxy.pipeline.search import Finder
from proxy.pipeline.standing import Regime
from proxy.pipeline.table import Table
from proxy.state.memory import MemoryStore
from proxy.state.sqlite import SqliteStore
from proxy.state.store import StateStore
from proxy.upstream.registry import Limits, Upstreams
from proxy.web.app import Front

_FILLS_AHEAD = 4  # transfers begun before a client asks, at once
_LAG_SECONDS = 0.5  # how often the loop's lag is sampled
_PATIENCE = 0.25  # of the time that a client waits: so long a tag that has a pin waits for its upstream
_MEASURE_SECONDS = 60.0  # how often the content directory is counted
_FLUSH_SECONDS = 1.0  # how long the audit may be behind the disk


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Everything that a pull works with, and what a command may look into."""

    pull: Pull
    rooms: Rooms
    pins: Pins
    drift: DriftWatch
    decisions: Decisions
    regime: Regime


def build_pipeline(
    config: Config,
    loaded: LoadedPolicy,
    *,
    content: ContentStore,
    state: StateStore,
    upstreams: Upstreams,
    emit: Callable[[Event], None],
    moved: Callable[[PinMoved], Awaitable[None]] | None = None,
    clock: Clock | None = None,
    fills_ahead: int = _FILLS_AHEAD,
) -> Pipeline:
    """Put the rooms together. Nothing runs until something is asked of them."""

    async def said(event: PinMoved) -> None:
        emit(event)

    clock = clock or SystemClock()
    regime = Regime(loaded.policy, loaded.material, loaded.lock)
    parentage = Parentage(state)
    decisions = Decisions(state)
    table = Table()
    pins = Pins(state, moved or said, changed=table.drop)
    manifests = Manifests(content, upstreams, parentage)
    witnesses = Witnesses(content, upstreams, parentage, state, clock)
    gatherer = Gatherer(content, upstreams, parentage, witnesses)
    judge = Judge(regime, manifests, gatherer, decisions, parentage, clock, emit)
    lineage = Lineage(regime, parentage, judge, manifests)
    fills = Fills(content, upstreams, emit)
    ahead = Ahead(regime, fills, fills_at_once=fills_ahead)
    regime.on_change(table.drop)
    rooms = Rooms(
        regime=regime,
        upstreams=upstreams,
        manifests=manifests,
        parentage=parentage,
        judge=judge,
        lineage=lineage,
        finder=Finder(regime, upstreams, manifests, parentage, lineage, judge, pins),
        resolver=Resolver(
            regime, manifests, judge, pins, clock, emit, patience=config.limits.request_seconds * _PATIENCE
        ),
        witnesses=witnesses,
        fills=fills,
        ahead=ahead,
        refusals=Refusals(state, emit, clock),
        table=table,
        clock=clock,
    )
    pull = Pull(
        rooms,
        request_seconds=config.limits.request_seconds,
        gather_seconds=config.limits.gather_seconds,
    )
    ahead.admit_child = pull.admit_ahead
    drift = DriftWatch(regime, upstreams, manifests, judge, pins, clock, emit)
    return Pipeline(pull, rooms, pins, drift, decisions, regime)


@contextlib.asynccontextmanager
async def passing_pipeline(config: Config, loaded: LoadedPolicy) -> AsyncIterator[Pipeline]:
    """A pipeline that keeps nothing, for a command that judges once: a state in memory, a folder that ends with it."""
    with tempfile.TemporaryDirectory(prefix="pratique-") as folder:
        content = FilesystemStore(Path(folder), rotted=lambda _digest, _what: None)
        limits = Limits(stall=config.limits.stall_seconds)
        upstreams = Upstreams(config.upstreams, default=config.default_upstream, emit=_unheard, limits=limits)
        pipeline = build_pipeline(
            config, loaded, content=content, state=MemoryStore(), upstreams=upstreams, emit=_unheard, fills_ahead=0
        )
        try:
            yield pipeline
        finally:
            await pipeline.pull.close()
            await pipeline.rooms.fills.close()
            await upstreams.close()
            content.close()


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


class Proxy:
    """A running proxy. `start` returns when it answers; `stop` drains. One for each data directory."""

    def __init__(self, config: Config, *, clock: Clock | None = None, fills_ahead: int = _FILLS_AHEAD) -> None:
        self.config = config
        self._clock = clock
        self._fills_ahead = fills_ahead
        self.metrics = Metrics(upstreams=frozenset(config.upstreams), version=__version__)
        self.audit = Audit(config.audit_folder)
        self.pipeline: Pipeline
        self.front: Front
        self._tasks: list[asyncio.Task[None]] = []
        self._stack = contextlib.AsyncExitStack()
        self._is_ready = False

    @property
    def is_ready(self) -> bool:
        """Whether it can serve what is cached: nothing about upstreams."""
        return self._is_ready

    async def start(self) -> None:
        """Raise ConfigError or StorageError; then nothing was left behind."""
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def _start(self) -> None:
        config = self.config
        loaded = load_policy(config, now=datetime.now(UTC))
        self._stack.enter_context(_data_directory(config.data))
        state = await SqliteStore.open(config.state_file)
        self._stack.push_async_callback(state.close)
        content = FilesystemStore(
            config.content_folder, rotted=lambda digest, what: self.emit(ContentRotted(digest, what))
        )
        await content.tidy()
        self._stack.callback(content.close)
        upstreams = Upstreams(
            config.upstreams,
            default=config.default_upstream,
            emit=self.emit,
            limits=Limits(stall=config.limits.stall_seconds),
        )
        self._stack.push_async_callback(upstreams.close)
        self._stack.push_async_callback(self._close_audit)
        self.pipeline = build_pipeline(
            config,
            loaded,
            content=content,
            state=state,
            upstreams=upstreams,
            emit=self.emit,
            moved=self._moved,
            clock=self._clock,
            fills_ahead=self._fills_ahead,
        )
        self.emit(PolicyLoaded("loaded", len(loaded.policy.rules), _said(loaded)))
        await self._recover_pins(state, content)
        self._stack.push_async_callback(self.pipeline.rooms.fills.close)
        self._stack.push_async_callback(self.pipeline.pull.close)
        self.pipeline.rooms.ahead.start()
        self._stack.push_async_callback(self.pipeline.rooms.ahead.close)
        self._begin(
            self.pipeline.drift.run(), self._watch(state), self._measure(content), self._sample(), self._flush()
        )
        self._stack.push_async_callback(self._end_tasks)
        self.front = Front(
            self.pipeline.pull,
            config.listen,
            config.clients,
            emit=self.emit,
            ready=lambda: self._is_ready,
            metrics=self.metrics.render,
            stall_seconds=config.limits.stall_seconds,
        )
        await self.front.start()
        self._is_ready = True

    def _begin(self, *background: Coroutine[None, None, None]) -> None:
        self._tasks = [asyncio.create_task(each) for each in background]
        for task in self._tasks:
            task.add_done_callback(_complain)

    async def stop(self) -> None:
        """Refuse new connections, let running bodies end, keep fills so that they can be taken up again."""
        self._is_ready = False
        try:
            await self.front.drain(self.config.limits.drain_seconds)
        finally:  # a second signal ends the drain, and never what must be put away
            await self._stack.aclose()

    def emit(self, event: Event) -> None:
        self.metrics.record(event)
        log_event(event)
        if not isinstance(event, PinMoved):
            self.audit.record(event)

    def reload(self) -> None:
        """Load policy, keys and lock again: all of it from the next request on, or none of it and the old one stays."""
        try:
            loaded = load_policy(self.config, now=datetime.now(UTC))
        except ConfigError as error:
            rules = len(self.pipeline.regime.current.policy.rules)
            self.emit(PolicyLoaded("kept", rules, "; ".join(error.problems)))
            return
        self.pipeline.regime.replace(loaded.policy, loaded.material, loaded.lock)
        self.emit(PolicyLoaded("loaded", len(loaded.policy.rules), _said(loaded)))

    async def _moved(self, event: PinMoved) -> None:
        """On the disk of the audit before the pin is answered: from there it comes back."""
        await asyncio.to_thread(self.audit.record, event)
        self.emit(event)

    async def _recover_pins(self, state: SqliteStore, content: ContentStore) -> None:
        """A state that is new beside content that is not was lost: pins come back, or nothing is trusted anew (promise 3)."""
        if not state.is_new and await self.pipeline.pins.is_recovered():
            return
        is_damaged = False
        remembered: Mapping[tuple[str, str, str], Digest] = {}
        try:
            remembered = await asyncio.to_thread(audits.restore_pins, self.config.audit_folder)
        except StorageError as error:
            is_damaged = True
            say("audit-damaged", level="error", message=error.message)
        now = datetime.now(UTC)
        for (upstream, name, tag), digest in remembered.items():
            await self.pipeline.pins.restore(Repository(upstream, name), Tag(tag), digest, now=now)
        is_lost = is_damaged or (not remembered and not await content.is_empty())
        if is_lost:
            await self.pipeline.pins.distrust(is_distrusted=True)
        await self.pipeline.pins.recovered()
        if remembered or is_lost:
            self.emit(StateLost(len(remembered), is_lost))

    async def _watch(self, state: StateStore) -> None:
        """What another process wrote is not in our memory: forget, and read again."""
        async for change in state.watch():
            if change.book == "":
                self.forget()
                await self._look_at_distrust()

    def forget(self) -> None:
        self.pipeline.pins.forget()
        self.pipeline.decisions.forget()
        self.pipeline.rooms.parentage.forget()
        self.pipeline.rooms.table.drop()

    async def _look_at_distrust(self) -> None:
        with contextlib.suppress(StorageError):
            self.metrics.set_distrusted(await self.pipeline.pins.is_distrusted())

    async def _measure(self, content: ContentStore) -> None:
        """Count what is stored now and then, so that /metrics answers from memory."""
        held = {"bytes": 0, "blobs": 0}
        self.metrics.watch_content(stored_bytes=lambda: held["bytes"], stored_blobs=lambda: held["blobs"])
        await self._look_at_distrust()
        while True:
            with contextlib.suppress(StorageError):  # the requests that need the disk say so
                sizes = [size async for _, size in content.scan()]
                held.update(bytes=sum(sizes), blobs=len(sizes))
            await asyncio.sleep(_MEASURE_SECONDS)

    async def _sample(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(_LAG_SECONDS)
            self.metrics.observe_lag(max(0.0, loop.time() - before - _LAG_SECONDS))

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            with contextlib.suppress(StorageError):  # said by the audit itself, and tried again
                await asyncio.to_thread(self.audit.flush)

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _close_audit(self) -> None:
        with contextlib.suppress(StorageError):
            await asyncio.to_thread(self.audit.close)


@contextlib.contextmanager
def _data_directory(folder: Path) -> Iterator[None]:
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


def _complain(task: asyncio.Task[None]) -> None:
    """What runs in the background ends with the proxy; anything earlier is a defect of ours, and must be seen."""
    if not task.cancelled() and (error := task.exception()) is not None:
        say("background-ended", level="error", message=f"{type(error).__name__}: {error}")


def _unheard(_event: Event) -> None:
    """Nobody counts or logs what a command does for itself."""


def _said(loaded: LoadedPolicy) -> str:
    if loaded.policy.is_empty:
        return "the policy permits nothing: every pull is refused; add a rule under images"
    return f"rules: {len(loaded.policy.rules)}, signers: {len(loaded.policy.signers)}"
