"""Puts the rooms together: the one place that names a backend of each. Nothing runs until something is asked of it."""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from proxy.bootstrap.keeping import Keeping
from proxy.config.layout import Config
from proxy.config.policy import LoadedPolicy, rebuild
from proxy.config.snapshot import snapshot_record
from proxy.content.filesystem import FilesystemStore
from proxy.content.store import ContentStore
from proxy.events import Event, PinMoved
from proxy.oci.digest import Digest
from proxy.pipeline.ahead import Ahead
from proxy.pipeline.clock import Clock, SystemClock
from proxy.pipeline.court.bases import Bases
from proxy.pipeline.court.bench import WORKERS, Bench
from proxy.pipeline.court.cases import Cases
from proxy.pipeline.court.decisions import Decisions
from proxy.pipeline.court.judge import Court, Judge
from proxy.pipeline.court.recheck import Rechecks
from proxy.pipeline.court.slots import Slots
from proxy.pipeline.court.standing import Regime
from proxy.pipeline.elsewhere import Elsewhere
from proxy.pipeline.family.lineage import Lineage
from proxy.pipeline.family.parentage import Parentage
from proxy.pipeline.family.search import Finder
from proxy.pipeline.fill import Fills
from proxy.pipeline.gathering.gather import Gatherer
from proxy.pipeline.gathering.referrers import Witnesses
from proxy.pipeline.gathering.revocation import Revocations
from proxy.pipeline.keeping.mending import Mender
from proxy.pipeline.manifests import Manifests
from proxy.pipeline.pull import Pull, Rooms
from proxy.pipeline.refusals import Refusals
from proxy.pipeline.table import Table
from proxy.pipeline.tags.drift import DriftWatch
from proxy.pipeline.tags.pins import Pins
from proxy.pipeline.tags.resolve import Resolver
from proxy.state.memory import MemoryStore
from proxy.state.store import StateStore
from proxy.upstream.fetcher import Fetcher
from proxy.upstream.registry import Limits, Upstreams

FILLS_AHEAD = 4  # transfers begun before a client asks, at once
_PATIENCE = 0.25  # of the time that a client waits: so long a tag that has a pin waits for its upstream


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Everything that a pull works with, and what a command may look into."""

    pull: Pull
    rooms: Rooms
    pins: Pins
    drift: DriftWatch
    decisions: Decisions
    rechecks: Rechecks
    regime: Regime
    bench: Bench
    mender: Mender
    cases: Cases | None


def build_pipeline(
    config: Config,
    loaded: LoadedPolicy,
    *,
    content: ContentStore,
    state: StateStore,
    upstreams: Upstreams,
    emit: Callable[[Event], None],
    moved: Callable[[PinMoved], Awaitable[None]] | None = None,
    ending: Callable[[int], None] | None = None,
    clock: Clock | None = None,
    fills_ahead: int = FILLS_AHEAD,
    fetcher: Fetcher | None = None,
    keeps_cases: bool = False,
    shared: Path | None = None,
    keeping: Keeping | None = None,
) -> Pipeline:
    """Nothing runs until something is asked of them. `keeps_cases`: what each Decision was made of is kept for a while.

    `shared`: a folder for what several processes agree on, where there are several. Without `keeping` nothing is counted,
    and nothing goes.
    """
    clock, limits = clock or SystemClock(), config.limits
    regime = Regime(loaded.policy, loaded.material, loaded.lock, loaded.snapshot)
    parentage = Parentage(state)
    table = Table()
    decisions = Decisions(state, changed=table.drop)
    pins = Pins(state, moved or _saying(emit), changed=table.drop)
    manifests = Manifests(content, upstreams, parentage, used=keeping.usage.note if keeping else _unnoted)
    witnesses = Witnesses(content, upstreams, parentage, state, clock)
    gatherer = Gatherer(content, upstreams, parentage, witnesses)
    bench = Bench(rebuild, slots=Slots(shared, WORKERS) if shared else None)
    revocations = Revocations(fetcher or Fetcher(config.upstreams, emit=emit))
    cases = Cases(config.cases_folder, snapshot_record, bench) if keeps_cases else None
    court = Court(manifests, gatherer, bench, Bases(regime, manifests), revocations, cases.heard if cases else None)
    judge = Judge(regime, court, decisions, parentage, clock, emit, gather_seconds=limits.gather_seconds)
    lineage = Lineage(regime, parentage, judge, manifests)
    fills = Fills(content, upstreams, emit, reserve=keeping.reserve if keeping else None)
    ahead = Ahead(regime, fills, fills_at_once=fills_ahead)
    regime.on_change(table.drop)
    _judge_denials_again(regime, decisions, clock)
    rooms = Rooms(
        regime=regime,
        upstreams=upstreams,
        manifests=manifests,
        parentage=parentage,
        judge=judge,
        lineage=lineage,
        finder=Finder(regime, upstreams, manifests, parentage, lineage, judge, pins),
        resolver=Resolver(regime, manifests, judge, pins, clock, emit, patience=limits.request_seconds * _PATIENCE),
        witnesses=witnesses,
        fills=fills,
        ahead=ahead,
        refusals=Refusals(state, emit, clock),
        table=table,
        clock=clock,
        elsewhere=Elsewhere(shared / "work", pins=pins, parentage=parentage) if shared else None,
    )
    pull = Pull(rooms, request_seconds=limits.request_seconds, gather_seconds=limits.gather_seconds)
    ahead.admit_child = pull.admit_ahead
    drift = DriftWatch(regime, upstreams, manifests, judge, pins, clock, emit)
    rechecks = Rechecks(regime, judge, decisions, clock, ending=ending or _uncounted)
    witnesses.noticed = rechecks.notice
    mender = Mender(state, content, lineage=lineage, manifests=manifests, fills=fills)
    return Pipeline(pull, rooms, pins, drift, decisions, rechecks, regime, bench, mender, cases)


def _saying(emit: Callable[[Event], None]) -> Callable[[PinMoved], Awaitable[None]]:
    """A move that is on no audit's disk: it is told like any other event."""

    async def said(event: PinMoved) -> None:
        emit(event)

    return said


def _judge_denials_again(regime: Regime, decisions: Decisions, clock: Clock) -> None:
    """What was denied before a change of policy or trust, the files' while nothing ran among them."""
    decisions.ask_denials_again(clock.now())
    regime.on_change(lambda: decisions.ask_denials_again(clock.now()))


@contextlib.asynccontextmanager
async def passing_pipeline(config: Config, loaded: LoadedPolicy) -> AsyncIterator[Pipeline]:
    """A pipeline that keeps nothing, for a command that judges once: a state in memory, a folder that ends with it."""
    with tempfile.TemporaryDirectory(prefix="pratique-") as folder:
        content = FilesystemStore(Path(folder), rotted=lambda _digest, _what: None)
        limits = Limits(stall=config.limits.stall_seconds)
        upstreams = Upstreams(config.upstreams, default=config.default_upstream, emit=_unheard, limits=limits)
        fetcher = Fetcher(config.upstreams, emit=_unheard, limits=limits)
        pipeline = build_pipeline(
            config,
            loaded,
            content=content,
            state=MemoryStore(),
            upstreams=upstreams,
            emit=_unheard,
            fills_ahead=0,
            fetcher=fetcher,
        )
        try:
            yield pipeline
        finally:
            await pipeline.pull.close()
            await pipeline.bench.close()
            await pipeline.rooms.fills.close()
            await fetcher.close()
            await upstreams.close()
            content.close()


def _unheard(_event: Event) -> None:
    """Nobody counts or logs what a command does for itself."""


def _unnoted(_digest: Digest) -> None:
    """Nobody makes room in a folder that ends with its command."""


def _uncounted(_admissions: int) -> None:
    """The same for how many admissions end soon."""
