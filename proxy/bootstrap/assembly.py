"""Puts the rooms together: the one place that names a backend of each. Nothing runs until something is asked of it."""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from proxy.config.layout import Config
from proxy.config.policy import LoadedPolicy, rebuild
from proxy.config.snapshot import snapshot_record
from proxy.content.filesystem import FilesystemStore
from proxy.content.store import ContentStore
from proxy.events import Event, PinMoved
from proxy.pipeline.ahead import Ahead
from proxy.pipeline.clock import Clock, SystemClock
from proxy.pipeline.court.bases import Bases
from proxy.pipeline.court.bench import Bench
from proxy.pipeline.court.cases import Cases
from proxy.pipeline.court.decisions import Decisions
from proxy.pipeline.court.judge import Court, Judge
from proxy.pipeline.court.standing import Regime
from proxy.pipeline.family.lineage import Lineage
from proxy.pipeline.family.parentage import Parentage
from proxy.pipeline.family.search import Finder
from proxy.pipeline.fill import Fills
from proxy.pipeline.gathering.gather import Gatherer
from proxy.pipeline.gathering.referrers import Witnesses
from proxy.pipeline.gathering.revocation import Revocations
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
    regime: Regime
    bench: Bench
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
    clock: Clock | None = None,
    fills_ahead: int = FILLS_AHEAD,
    fetcher: Fetcher | None = None,
    keeps_cases: bool = False,
) -> Pipeline:
    """Nothing runs until something is asked of them. `keeps_cases`: what each Decision was made of is kept for a while."""

    async def said(event: PinMoved) -> None:
        emit(event)

    clock = clock or SystemClock()
    regime = Regime(loaded.policy, loaded.material, loaded.lock, loaded.snapshot)
    parentage = Parentage(state)
    decisions = Decisions(state)
    table = Table()
    pins = Pins(state, moved or said, changed=table.drop)
    manifests = Manifests(content, upstreams, parentage)
    witnesses = Witnesses(content, upstreams, parentage, state, clock)
    gatherer = Gatherer(content, upstreams, parentage, witnesses)
    bench = Bench(rebuild)
    revocations = Revocations(fetcher or Fetcher(config.upstreams, emit=emit))
    cases = Cases(config.cases_folder, snapshot_record, bench) if keeps_cases else None
    court = Court(manifests, gatherer, bench, Bases(regime, manifests), revocations, cases.heard if cases else None)
    judge = Judge(regime, court, decisions, parentage, clock, emit)
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
    return Pipeline(pull, rooms, pins, drift, decisions, regime, bench, cases)


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
            await pipeline.bench.close()
            await pipeline.rooms.fills.close()
            await upstreams.close()
            content.close()


def _unheard(_event: Event) -> None:
    """Nobody counts or logs what a command does for itself."""
