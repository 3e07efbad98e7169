"""A running proxy: it builds, starts, reloads and stops; it decides nothing."""

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime

from proxy import __version__
from proxy.bootstrap.assembly import FILLS_AHEAD, Pipeline, build_pipeline
from proxy.bootstrap.directory import data_directory
from proxy.config.layout import Config
from proxy.config.policy import LoadedPolicy, load_policy, renewed
from proxy.content.filesystem import FilesystemStore
from proxy.content.store import ContentStore
from proxy.errors import ConfigError, StorageError
from proxy.events import ContentRotted, Event, PinMoved, PolicyLoaded, StateLost
from proxy.observe import audit as audits
from proxy.observe.audit import Audit
from proxy.observe.logs import log_event, say
from proxy.observe.metrics import Metrics, RootTimes
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag
from proxy.pipeline.clock import Clock, SystemClock
from proxy.pipeline.court.refreshing import Believed, Refresher
from proxy.state.sqlite import SqliteStore
from proxy.state.store import StateStore
from proxy.trust.held import HeldRoots
from proxy.trust.horizon import lifetime
from proxy.upstream.fetcher import Fetcher
from proxy.upstream.registry import Limits, Upstreams
from proxy.web.app import Front

_LAG_SECONDS = 0.5  # how often the loop's lag is sampled
_MEASURE_SECONDS = 60.0  # how often the content directory is counted
_FLUSH_SECONDS = 1.0  # how long the audit may be behind the disk


class Proxy:
    """A running proxy. `start` returns when it answers; `stop` drains. One for each data directory."""

    def __init__(self, config: Config, *, clock: Clock | None = None, fills_ahead: int = FILLS_AHEAD) -> None:
        self.config = config
        self._clock = clock or SystemClock()
        self._fills_ahead = fills_ahead
        self.metrics = Metrics(upstreams=frozenset(config.upstreams), version=__version__)
        self.audit = Audit(config.audit_folder)
        self.pipeline: Pipeline
        self.front: Front
        self.refresher: Refresher
        self._held = HeldRoots(config.trust_folder)
        self._loaded: LoadedPolicy
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
        self._stack.enter_context(data_directory(config.data))
        loaded = load_with_held(config, self._held, self._clock)
        self._loaded = loaded
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
        fetcher = Fetcher(config.upstreams, emit=self.emit)
        self._stack.push_async_callback(fetcher.close)
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
            fetcher=fetcher,
            keeps_cases=True,
        )
        self.refresher = Refresher(self._believed, self._held, fetcher, self._clock, self.emit, renew=self._renew_trust)
        self.metrics.watch_roots(self._root_times)
        self.emit(PolicyLoaded("loaded", len(loaded.policy.rules), _said(loaded)))
        await self._recover_pins(state, content)
        self._stack.push_async_callback(self.pipeline.rooms.fills.close)
        self._stack.push_async_callback(self.pipeline.bench.close)
        if self.pipeline.cases is not None:
            self._stack.push_async_callback(self.pipeline.cases.close)
        self._stack.push_async_callback(self.pipeline.pull.close)
        self.pipeline.rooms.ahead.start()
        self._stack.push_async_callback(self.pipeline.rooms.ahead.close)
        self._begin(
            self.refresher.run(),
            self.pipeline.drift.run(),
            self._watch(state),
            self._measure(content),
            self._sample(),
            self._flush(),
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
            loaded = load_with_held(self.config, self._held, self._clock)
        except ConfigError as error:
            rules = len(self.pipeline.regime.current.policy.rules)
            self.emit(PolicyLoaded("kept", rules, "; ".join(error.problems)))
            return
        self._loaded = loaded
        self.pipeline.regime.replace(loaded.policy, loaded.material, loaded.lock, loaded.snapshot)
        self.emit(PolicyLoaded("loaded", len(loaded.policy.rules), _said(loaded)))

    async def _renew_trust(self) -> None:
        """Take up the trust roots that are held now, under the same policy; a reload in the meantime took them already."""
        loaded = self._loaded
        try:
            fresh = await asyncio.to_thread(lambda: renewed(loaded, now=self._clock.now(), held=self._held.all()))
        except ConfigError as error:
            self.emit(PolicyLoaded("kept", len(loaded.policy.rules), "; ".join(error.problems)))
            return
        if self._loaded is loaded:
            self._loaded = fresh
            self.pipeline.regime.replace(fresh.policy, fresh.material, fresh.lock, fresh.snapshot)

    def _believed(self) -> Believed:
        return Believed(self._loaded.plans, self._loaded.snapshot.roots, self._loaded.material.stale.keys())

    def _root_times(self) -> dict[str, RootTimes]:
        """Of every Sigstore root that the policy uses, for /metrics."""
        now, roots = self._clock.now(), self._loaded.snapshot.roots
        return {
            name: RootTimes(*lifetime(name, held, self._loaded.material.roots.get(name), now))
            for name, held in roots.items()
        }

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


def _complain(task: asyncio.Task[None]) -> None:
    """What runs in the background ends with the proxy; anything earlier is a defect of ours, and must be seen."""
    if not task.cancelled() and (error := task.exception()) is not None:
        say("background-ended", level="error", message=f"{type(error).__name__}: {error}")


def _said(loaded: LoadedPolicy) -> str:
    if loaded.policy.is_empty:
        return "the policy permits nothing: every pull is refused; add a rule under images"
    return f"rules: {len(loaded.policy.rules)}, signers: {len(loaded.policy.signers)}"


def load_with_held(config: Config, held: HeldRoots, clock: Clock) -> LoadedPolicy:
    """Policy, keys and roots as they are now, each root the newest good one; raise ConfigError with all that is wrong."""
    return load_policy(config, now=clock.now(), held=held.all())
