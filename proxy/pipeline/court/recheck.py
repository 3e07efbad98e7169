"""Makes Decisions again before somebody waits for them. Law: it takes nothing away by what it could not learn.

Ahead of their end, as often as the rule's `recheck` says, and when other evidence was seen: by what is kept and by all
that the upstream has, and out of reach keeps what is known (face.md). After a change of policy or trust: by what is kept
alone, so that only a pull which needs the upstream waits for it. No pull waits for anything here.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from proxy.errors import PratiqueError
from proxy.observe.logs import say
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.pipeline.clock import Clock
from proxy.pipeline.court.decisions import Decisions
from proxy.pipeline.court.judge import Judge
from proxy.pipeline.court.standing import Regime
from proxy.policy.decision import Decision

ENDS_SOON = timedelta(hours=48)  # an admission that ends within it is counted, so that an alert can fire
_LOOK_SECONDS = 60.0
_CHANGE_SECONDS = 1.0  # after a change, so that several are one
_SHARE = 20  # a look may take this part of the time, however many Decisions there are
_A_ROUND = 32  # Decisions made again in one round: upstreams are asked, and a recheck is nobody's hurry
_SETTLED_A_ROUND = 512  # the same by what is kept here
_AT_ONCE = 2
_SHORTEST_LEAD = timedelta(minutes=5)
_FORGOTTEN = timedelta(days=30)  # a Decision that nothing looks up any more, under a policy that was replaced
_NOTICED = 1_000  # images whose other evidence waits to be judged

Target: TypeAlias = tuple[Repository, Digest, Digest | None]  # with the Index as whose child it was judged


class _Record(NamedTuple):
    """What is held of each admission while all are looked at."""

    made_at: datetime
    key: str
    target: Target


@dataclass(slots=True)
class _Survey:
    """What one look over all admissions found, under one Standing."""

    generation: int
    standing: dict[str, Target] = field(default_factory=dict)
    due: list[_Record] = field(default_factory=list)
    replaced: list[_Record] = field(default_factory=list)
    ending: int = 0


class Rechecks:
    """`ending` is told how many admissions end soon."""

    def __init__(
        self,
        regime: Regime,
        judge: Judge,
        decisions: Decisions,
        clock: Clock,
        *,
        ending: Callable[[int], None],
    ) -> None:
        self._regime = regime
        self._judge = judge
        self._decisions = decisions
        self._clock = clock
        self._ending = ending
        self._tried: dict[str, datetime] = {}
        self._noticed: set[tuple[Repository, Digest]] = set()
        self._settled: set[Target] = set()
        self._generation = -1
        self._woken = asyncio.Event()
        regime.on_change(self._woken.set)

    def notice(self, repository: Repository, digest: Digest) -> None:
        """Other evidence of this image was seen than its Decision knows."""
        if len(self._noticed) < _NOTICED:
            self._noticed.add((repository, digest))
            self._woken.set()

    async def run(self) -> None:
        pause = _LOOK_SECONDS
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()
                    await asyncio.sleep(_CHANGE_SECONDS)
            self._woken.clear()
            began = time.monotonic()
            try:
                await self.look()
            except PratiqueError:
                pass  # state or disk failed: the requests say so, and the next round looks again
            except Exception as error:  # noqa: BLE001 one defect must not end what is made again for all
                say("recheck-failed", level="error", message=f"{type(error).__name__}: {error}")
            pause = max(_LOOK_SECONDS, _SHARE * (time.monotonic() - began))

    async def look(self) -> int:
        """One bounded round; return how many Decisions were made again. Raise StorageError."""
        survey = await self._survey()
        self._ending(survey.ending)
        if survey.generation != self._regime.current.generation:
            return 0  # what was found is of before; the change woke the next round
        self._tried = {key: at for key, at in self._tried.items() if key in survey.standing}
        due = sorted(survey.due, key=lambda each: each.made_at)[:_A_ROUND]
        self._noticed -= {target[:2] for _, _, target in due}
        self._noticed &= {target[:2] for target in survey.standing.values()}
        made = await self._each(due, self._again)
        return made + await self._each(await self._unsettled(survey), self._settle)

    async def _survey(self) -> _Survey:
        survey = _Survey(self._regime.current.generation)
        async for page in self._decisions.allowed():
            for each in page:
                self._look_at(each, survey)
            await asyncio.sleep(0)  # requests first
        return survey

    def _look_at(self, decision: Decision, survey: _Survey) -> None:
        now = self._clock.now()
        target = decision.repository, decision.digest, decision.index
        record = _Record(decision.made_at, decision.key, target)
        if not self._judge.stands(decision):
            survey.replaced.append(record)
            return
        survey.standing[decision.key] = target
        survey.ending += decision.expires_at is not None and decision.expires_at - now <= ENDS_SOON
        self._clock.seen(decision.newest_proof)
        self._judge.alarms.of(decision)  # it may have come to stand by grace since it was made
        if target[:2] in self._noticed or self._is_due(decision, now):
            survey.due.append(record)

    def _is_due(self, decision: Decision, now: datetime) -> bool:
        tried = self._tried.get(decision.key, decision.made_at)
        if decision.made_at > now:  # under a clock that was ahead: what has not begun yet may have counted
            return not timedelta() <= now - tried < _SHORTEST_LEAD
        tried = tried if tried <= now else decision.made_at
        recheck = self._regime.current.rule(decision.repository).recheck
        if recheck is not None and now - decision.made_at >= recheck and now - tried >= recheck / 8:
            return True
        if decision.expires_at is None:
            return False
        lead = max(_SHORTEST_LEAD, min(ENDS_SOON, (decision.expires_at - decision.made_at) / 4))
        return decision.expires_at - now <= lead and now - max(tried, decision.made_at) >= lead / 8

    async def _unsettled(self, survey: _Survey) -> Sequence[_Record]:
        """One admission for each image that has none since the change; what nothing looks up any more is forgotten."""
        if self._generation != survey.generation:
            self._generation = survey.generation
            self._settled.clear()
        standing, found = set(survey.standing.values()), dict[Target, _Record]()
        for each in survey.replaced:
            if each.target in standing or self._clock.now() - each.made_at > _FORGOTTEN:
                await self._decisions.delete(each.key)
            elif each.target not in self._settled:
                found[each.target] = each
        if len(found) > _SETTLED_A_ROUND:
            self._woken.set()
        chosen = dict(itertools.islice(found.items(), _SETTLED_A_ROUND))
        self._settled.update(chosen)
        return list(chosen.values())

    async def _each(self, records: Sequence[_Record], work: Callable[[_Record], Awaitable[bool]]) -> int:
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(record: _Record) -> bool:
            async with slots:
                with contextlib.suppress(PratiqueError):  # out of reach, or refused: the next pull says so
                    return await work(record)
                return False

        return sum(await asyncio.gather(*(one(each) for each in records)))

    async def _again(self, record: _Record) -> bool:
        self._tried[record.key] = self._clock.now()
        repository, digest, index = record.target
        made = await self._judge.again(repository, digest, index=index)
        return made.made_at != record.made_at

    async def _settle(self, record: _Record) -> bool:
        repository, digest, index = record.target
        return await self._judge.settle(repository, digest, index=index)
