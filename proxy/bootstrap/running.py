"""A running proxy: it builds, starts, reloads and stops; it decides nothing."""

import asyncio
import contextlib
from collections.abc import Mapping

from proxy import __version__
from proxy.bootstrap.assembly import FILLS_AHEAD, Pipeline, build_pipeline
from proxy.bootstrap.background import Background, flush, sample_lag
from proxy.bootstrap.care import Care
from proxy.bootstrap.directory import data_directory
from proxy.bootstrap.keeping import Keeping, build_keeping, tags_of
from proxy.bootstrap.moments import last_lived, watch_clock
from proxy.bootstrap.others import Others, forget
from proxy.bootstrap.place import Place
from proxy.bootstrap.recovery import recover_pins
from proxy.config.layout import Config
from proxy.config.policy import LoadedPolicy, load_policy, renewed
from proxy.content.filesystem import FilesystemStore
from proxy.content.keeping.budget import Standing
from proxy.errors import ConfigError, StorageError
from proxy.events import Answered, ContentRotted, Event, PinMoved, PolicyLoaded, StorageChanged
from proxy.observe.audit import Audit
from proxy.observe.logs import log_event
from proxy.observe.metrics import Metrics, RootTimes
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.pipeline.clock import Clock, SystemClock
from proxy.pipeline.court.refreshing import Believed, Refresher
from proxy.pipeline.keeping.holdings import Name
from proxy.state.sqlite import SqliteStore
from proxy.state.store import StateStore
from proxy.trust.held import HeldRoots
from proxy.trust.horizon import lifetime, store_end
from proxy.upstream.fetcher import Fetcher
from proxy.upstream.registry import Limits, Upstreams
from proxy.web.app import Front
from proxy.web.connections.crowd import Crowd
from proxy.web.connections.descriptors import holdable


class Proxy:
    """A running proxy. `start` returns when it answers; `stop` drains. One for each data directory.

    With a `place` it is one of several workers, whose supervisor holds the directory and says who leads.
    """

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock | None = None,
        fills_ahead: int = FILLS_AHEAD,
        place: Place | None = None,
    ) -> None:
        self.config = config
        self._place = place
        self._leads = False
        self._clock = clock or SystemClock()
        self._fills_ahead = fills_ahead
        self.metrics = Metrics(upstreams=frozenset(config.upstreams), version=__version__)
        self.audit = Audit(config.audit_folder)
        self.care: Care
        self.keeping: Keeping
        self.pipeline: Pipeline
        self.front: Front
        self.refresher: Refresher
        self._held = HeldRoots(config.trust_folder)
        self._loaded: LoadedPolicy
        self._background = Background()
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
        """Each thing is put away in the opposite order, whatever fails after it."""
        if self._place is None:
            self._stack.enter_context(data_directory(self.config.data))
        self._loaded = self._place.loaded if self._place else load_with_held(self.config, self._held, self._clock)
        self._clock.lived(last_lived(self.config))
        state = await self._open_state()
        content = await self._open_content()
        await self._assemble(state, content)
        self._clock.seen(await self.pipeline.decisions.newest_proved())
        if self._place is None:
            self.emit(loaded_event(self._loaded))
        await recover_pins(
            self.pipeline.pins,
            state,
            content,
            audit_folder=self.config.audit_folder,
            emit=self.emit,
        )
        await self._open_door()
        self._is_ready = True
        self._begin(state)
        if self._place is None:
            self.lead()

    async def _open_state(self) -> SqliteStore:
        state = await SqliteStore.open(self.config.state_file, clock=lambda: self._clock.now().timestamp())
        self._stack.push_async_callback(state.close)
        return state

    async def _open_content(self) -> FilesystemStore:
        content = FilesystemStore(
            self.config.content_folder,
            rotted=lambda digest, what: self.emit(ContentRotted(digest, what)),
            changed=lambda state, message: self.emit(StorageChanged(state, message)),
        )
        self.care = Care(content, self.config.content.scrub, self.emit)
        await content.tidy()
        self._stack.callback(content.close)
        return content

    async def _assemble(self, state: SqliteStore, content: FilesystemStore) -> None:
        """The rooms, and what ends with each of them."""
        config = self.config
        upstreams = Upstreams(
            config.upstreams,
            default=config.default_upstream,
            emit=self.emit,
            limits=Limits(stall=config.limits.stall_seconds),
        )
        fetcher = Fetcher(config.upstreams, emit=self.emit)
        for close in (upstreams.close, fetcher.close, self._close_audit):
            self._stack.push_async_callback(close)
        self.keeping = self._keep(state)
        self.pipeline = build_pipeline(
            config,
            self._loaded,
            content=content,
            state=state,
            upstreams=upstreams,
            emit=self.emit,
            moved=self._moved,
            ending=self.metrics.set_ending,
            clock=self._clock,
            fills_ahead=self._fills_ahead,
            fetcher=fetcher,
            keeps_cases=True,
            shared=config.run_folder if self._place else None,
            keeping=self.keeping,
        )
        self.refresher = Refresher(self._believed, self._held, fetcher, self._clock, self.emit, renew=self._renew_trust)
        self.metrics.watch_roots(self._root_times)
        rooms, cases = self.pipeline.rooms, self.pipeline.cases
        closing = [rooms.fills.close, self.pipeline.bench.close, *([cases.close] if cases else [])]
        keeping = (self.keeping.usage.flush, self.keeping.room.close)
        for close in (*keeping, *closing, self.pipeline.pull.close, rooms.ahead.close):
            self._stack.push_async_callback(close)
        rooms.ahead.start()

    def _keep(self, state: SqliteStore) -> Keeping:
        async def pinned() -> Mapping[Name, list[str]]:
            return await tags_of(self.pipeline.pins, self.pipeline.regime.current.lock)

        def seen(standing: Standing) -> None:
            held = standing.holding
            self.metrics.set_content(
                held=held.present, blobs=held.blobs, limit=standing.capacity, promised=held.promised
            )

        return build_keeping(
            self.config, state, pinned=pinned, forget=self.forget, emit=self.emit, seen=seen, care=self.care
        )

    async def _open_door(self) -> None:
        self._stack.push_async_callback(self._background.end)
        config, limits = self.config, self.config.limits
        crowd = Crowd(total=min(limits.connections, holdable()), each=limits.connections_per_client)
        self.metrics.watch_connections(lambda: len(crowd))
        self.front = Front(
            self.pipeline.pull,
            config.listen,
            config.clients,
            emit=self.emit,
            ready=lambda: self._is_ready,
            metrics=self._place.mates.metrics if self._place else self._rendered,
            stall_seconds=limits.stall_seconds,
            clock=lambda: self._clock.now().timestamp(),
            crowd=crowd,
            shares_ports=self._place is not None,
        )
        await self.front.start()
        if self._place is None:
            self.metrics.set_workers(1)

    async def _rendered(self) -> bytes:
        return self.metrics.render()

    def _begin(self, state: StateStore) -> None:
        """What nobody waits for, in each process; a new policy may need what the old one did not."""
        pipeline = self.pipeline
        pipeline.regime.on_change(lambda: self._background.begin(pipeline.bench.warm(pipeline.regime.current)))
        pipeline.rooms.witnesses.noticed = self.notice
        self._background.begin(
            pipeline.bench.warm(pipeline.regime.current),
            Others(pipeline, distrusted=self._look_at_distrust).watch(state),
            self._look_at_distrust(),
            self.keeping.usage.run(),
            self.care.probe(self.keeping.room),
            pipeline.mender.run(),
            sample_lag(self.metrics),
            watch_clock(self._clock, pipeline.rooms.table, self.emit),
            flush(self.audit),
        )

    def lead(self) -> None:
        """Begin what one process of a machine does for all. It ends with the process."""
        if self._leads:
            return
        self._leads = True
        pipeline = self.pipeline
        self._background.begin(
            self.refresher.run(),
            pipeline.drift.run(),
            pipeline.rechecks.run(),
            self.keeping.room.run(),
            self.care.scrub(self.metrics, pipeline.mender),
        )

    def notice(self, repository: Repository, digest: Digest) -> None:
        """Other evidence of an image was seen: whoever leads makes its Decision again."""
        if self._place is None or self._leads:
            self.pipeline.rechecks.notice(repository, digest)
        else:
            self._place.mates.noticed(repository, digest)

    async def stop(self) -> None:
        """Refuse new connections, let running bodies end, keep fills so that they can be taken up again."""
        self._is_ready = False
        try:
            await self.front.drain(self.config.limits.drain_seconds)
        finally:  # a second signal ends the drain, and never what must be put away
            await self._stack.aclose()

    def emit(self, event: Event) -> None:
        if isinstance(event, Answered) and event.digest is not None:
            self.keeping.usage.note(event.digest)
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
        self.take(loaded)
        self.emit(loaded_event(loaded))

    def take(self, loaded: LoadedPolicy) -> None:
        """Stand on it from the next request on, whole."""
        self._loaded = loaded
        self.pipeline.regime.replace(loaded.policy, loaded.material, loaded.lock, loaded.snapshot)

    async def _renew_trust(self) -> None:
        """Take up the trust roots that are held now, under the same policy; a reload in the meantime took them already."""
        loaded = self._loaded
        try:
            fresh = await asyncio.to_thread(lambda: renewed(loaded, now=self._clock.now(), held=self._held.all()))
        except ConfigError as error:
            self.emit(PolicyLoaded("kept", len(loaded.policy.rules), "; ".join(error.problems)))
            return
        if self._place is not None:
            await self._place.mates.renewed(fresh, instead_of=loaded)
        elif self._loaded is loaded:
            self.take(fresh)

    def _believed(self) -> Believed:
        return Believed(self._loaded.plans, self._loaded.snapshot.roots, self._loaded.material.stale.keys())

    def _root_times(self) -> dict[str, RootTimes]:
        """Of every trust root and store that the policy uses, for /metrics; a root that was never fetched has ended."""
        now, material, at = self._clock.now(), self._loaded.material, self.refresher.refreshed_at
        times = {name: RootTimes(None, now.timestamp()) for name in material.stale}
        times |= {name: RootTimes(None, store_end(store, now)) for name, store in material.stores.items()}
        return times | {
            name: RootTimes(*lifetime(name, held, material.roots.get(name), now, refreshed=at(name)))
            for name, held in self._loaded.snapshot.roots.items()
        }

    async def _moved(self, event: PinMoved) -> None:
        """On the disk of the audit before the pin is answered: from there it comes back."""
        await asyncio.to_thread(self.audit.record, event)
        self.emit(event)

    def forget(self) -> None:
        """Everything that is remembered of the state."""
        forget(self.pipeline)

    async def _look_at_distrust(self) -> None:
        with contextlib.suppress(StorageError):
            self.metrics.set_distrusted(await self.pipeline.pins.is_distrusted())

    async def _close_audit(self) -> None:
        with contextlib.suppress(StorageError):
            await asyncio.to_thread(self.audit.close)


def loaded_event(loaded: LoadedPolicy) -> PolicyLoaded:
    said = f"rules: {len(loaded.policy.rules)}, signers: {len(loaded.policy.signers)}"
    if loaded.policy.is_empty:
        said = "the policy permits nothing: every pull is refused; add a rule under images"
    return PolicyLoaded("loaded", len(loaded.policy.rules), said)


def load_with_held(config: Config, held: HeldRoots, clock: Clock) -> LoadedPolicy:
    """Policy, keys and roots as they are now, each root the newest good one; raise ConfigError with all that is wrong."""
    return load_policy(config, now=clock.now(), held=held.all())
