"""Roots are refreshed in time; a failure takes nothing away and is said once; what differs is taken up once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from proxy.errors import NotAllowed, UpstreamTimeout, UpstreamUnavailable
from proxy.events import TrustRefreshed
from proxy.pipeline.court import refreshing
from proxy.pipeline.court.refreshing import Believed, Refresher, fetch_root
from proxy.trust.held import HeldRoots
from proxy.trust.keeper import staleness
from proxy.trust.settings import HeldRoot, Plan, TufSource
from tests.fakes.clock import HandClock
from tests.fakes.signing import Sigstore
from tests.fakes.tufs import TARGET, FakeTuf

ONE, TWO = Sigstore("one").logged, Sigstore("two").logged
DAY = timedelta(days=1)


@dataclass
class Port:
    """As much of `upstream.fetcher.Fetcher` as is asked: documents of a FakeTuf for each host, or what it raises."""

    tufs: dict[str, FakeTuf] = field(default_factory=dict)
    fault: Exception | None = None
    hosts: list[tuple[str, ...]] = field(default_factory=list)
    hanging: dict[str, asyncio.Event] = field(default_factory=dict)

    async def get(self, url: str, *, hosts: Sequence[str], limit: int) -> bytes | None:
        self.hosts.append(tuple(hosts))
        assert limit > 0
        host, _, path = url.removeprefix("https://").partition("/")
        if host in self.hanging:
            await self.hanging[host].wait()
        if self.fault is not None:
            raise self.fault
        return self.tufs[host].answer(path)


class Desk:
    """A Refresher, and what stands: `renew` makes it again of what is held, as the program does."""

    def __init__(self, folder: Path, *names: str, max_age: timedelta | None = None) -> None:
        self.clock = HandClock()
        self.port = Port({f"{name}.test": FakeTuf({TARGET: ONE}) for name in names})
        self.plans = tuple(Plan(self.source(name), DAY, max_age) for name in names)
        self.held = HeldRoots(folder)
        self.said: list[TrustRefreshed] = []
        self.renewals = 0
        self.refuses = False
        self.believed = self.made()
        self.refresher = self.start()

    def source(self, name: str) -> TufSource:
        return self.port.tufs[f"{name}.test"].source(name, url=f"https://{name}.test")

    def start(self) -> Refresher:
        emit = self.said.append
        return Refresher(lambda: self.believed, self.held, self.port, self.clock, emit, self.renew)  # type: ignore[arg-type]

    def made(self) -> Believed:
        found = {plan.source.name: self.held.get(plan.source) for plan in self.plans}
        now = self.clock.now()
        stale = [
            plan.source.name
            for plan in self.plans
            if staleness(plan.source.name, found[plan.source.name], max_age=plan.max_age, now=now)
        ]
        return Believed(self.plans, {name: each for name, each in found.items() if each}, stale)

    async def renew(self) -> None:
        self.renewals += 1
        if not self.refuses:
            self.believed = self.made()

    async def look(self) -> list[tuple[str, str]]:
        """What was said since the look before; what was only repeated is marked."""
        before = len(self.said)
        await self.refresher.look()
        return [(each.root, f"{each.outcome}{' again' * each.is_repeated}") for each in self.said[before:]]

    def publish(self, raw: bytes, name: str = "corp") -> None:
        tuf = self.port.tufs[f"{name}.test"]
        tuf.targets[TARGET] = raw
        tuf.publish()

    def raw(self, name: str = "corp") -> bytes:
        return self.believed.roots[name].raw


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "trust", "corp")


async def test_a_root_that_was_never_fetched_is_fetched_at_once_and_then_daily(desk: Desk):
    assert await desk.look() == [("corp", "refreshed")]
    assert (desk.raw(), desk.renewals) == (ONE, 1)
    assert await desk.look() == []
    desk.clock.forward(hours=23)
    assert await desk.look() == []
    desk.clock.forward(hours=1)
    assert await desk.look() == [("corp", "unchanged")]
    assert desk.renewals == 1, "the same again changes nothing"


async def test_a_clock_that_goes_on_between_two_looks_at_it_postpones_nothing(desk: Desk):
    class Ticking(HandClock):
        def now(self) -> datetime:
            self.forward(microseconds=1)
            return super().now()

    desk.clock = Ticking()
    desk.refresher = desk.start()
    assert await desk.look() == [("corp", "refreshed")]


async def test_a_changed_root_is_taken_up_in_one_step(desk: Desk):
    await desk.look()
    desk.publish(TWO)
    desk.clock.forward(days=1)
    assert await desk.look() == [("corp", "refreshed")]
    assert (desk.raw(), desk.renewals) == (TWO, 2)


async def test_t38_a_bad_refresh_never_replaces_a_good_root_and_is_said(desk: Desk):
    await desk.look()
    tuf = desk.port.tufs["corp.test"]
    before = tuf.keep()
    desk.publish(TWO)
    desk.clock.forward(days=1)
    await desk.look()
    tuf.replay(before, *before)
    desk.clock.forward(days=1)
    assert await desk.look() == [("corp", "failed")]
    assert "older version" in desk.said[-1].message
    assert (desk.raw(), desk.renewals) == (TWO, 2)
    assert desk.held.get(desk.source("corp")) == HeldRoot(TWO, "tuf", desk.clock.now() - DAY, desk.source("corp").id)


async def test_a_failure_is_tried_again_soon_and_said_once_for_each_cause(desk: Desk):
    desk.port.fault = UpstreamUnavailable("corp.test refused the connection")
    assert await desk.look() == [("corp", "failed")]
    desk.clock.forward(minutes=9)
    assert await desk.look() == [], "nobody hurries"
    desk.clock.forward(minutes=1)
    assert await desk.look() == [("corp", "failed again")]
    desk.port.fault = UpstreamTimeout("corp.test is slow")
    desk.clock.forward(minutes=10)
    assert await desk.look() == [("corp", "failed")]
    desk.port.fault = None
    desk.clock.forward(minutes=10)
    assert await desk.look() == [("corp", "refreshed")]


async def test_a_root_that_is_refreshed_more_often_is_tried_again_as_often(tmp_path: Path):
    desk = Desk(tmp_path, "corp")
    desk.plans = (replace(desk.plans[0], every=timedelta(minutes=2)),)
    desk.believed = desk.made()
    desk.port.fault = UpstreamUnavailable("no")
    await desk.look()
    desk.clock.forward(minutes=2)
    assert await desk.look() == [("corp", "failed again")]


async def test_one_root_that_hangs_holds_up_no_other(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(refreshing, "_HANGING_SECONDS", 0.01)
    desk = Desk(tmp_path, "corp", "other")
    desk.port.hanging = {"corp.test": asyncio.Event()}
    look = asyncio.create_task(desk.refresher.look())
    async with asyncio.timeout(10):
        while "other" not in desk.believed.roots:
            await asyncio.sleep(0.01)
    assert not look.done()
    desk.port.hanging["corp.test"].set()
    await look
    assert set(desk.believed.roots) == {"corp", "other"}


async def test_one_root_that_fails_takes_no_other_along(tmp_path: Path):
    desk = Desk(tmp_path, "corp", "other")
    desk.port.tufs["corp.test"].served["timestamp.json"] = None
    assert sorted(await desk.look()) == [("corp", "failed"), ("other", "refreshed")]
    assert set(desk.believed.roots) == {"other"}
    assert desk.renewals == 1


async def test_two_roots_that_differ_are_taken_up_in_one_step(tmp_path: Path):
    desk = Desk(tmp_path, "corp", "other")
    await desk.look()
    assert (set(desk.believed.roots), desk.renewals) == ({"corp", "other"}, 1)


async def test_what_was_refreshed_survives_a_restart_and_is_not_asked_for_before_its_time(desk: Desk):
    await desk.look()
    desk.believed, desk.refresher = desk.made(), desk.start()
    assert desk.raw() == ONE
    desk.port.fault = UpstreamUnavailable("there is no network any more")
    desk.clock.forward(hours=23)
    assert await desk.look() == []
    desk.clock.forward(hours=2)
    assert await desk.look() == [("corp", "failed")]
    assert desk.raw() == ONE


async def test_what_a_command_refreshed_is_taken_up_and_postpones_the_next(desk: Desk):
    await desk.look()
    desk.clock.forward(hours=23)
    desk.held.write(desk.source("corp"), TWO, at=desk.clock.now())
    assert await desk.look() == [("corp", "refreshed")]
    assert desk.said[-1].message == "it was refreshed by a command"
    assert (desk.raw(), desk.renewals) == (TWO, 2)
    desk.clock.forward(hours=2)
    assert await desk.look() == []


async def test_a_root_that_cannot_be_taken_up_is_not_tried_at_each_look(desk: Desk):
    desk.refuses = True
    await desk.look()
    await desk.look()
    assert desk.renewals == 1
    desk.publish(TWO)
    desk.clock.forward(days=1)
    await desk.look()
    assert desk.renewals == 2


async def test_past_its_max_age_a_root_goes_out_of_use_with_no_reload_and_comes_back_when_refreshed(tmp_path: Path):
    desk = Desk(tmp_path, "corp", max_age=30 * DAY)
    await desk.look()
    assert list(desk.believed.stale) == []
    desk.port.fault = UpstreamUnavailable("no network")
    desk.clock.forward(days=30)
    assert await desk.look() == [("corp", "failed")]
    assert list(desk.believed.stale) == []
    desk.clock.forward(minutes=1)
    assert await desk.look() == [("corp", "stale")]
    assert "was refreshed 30 days ago, longer than its maxAge" in desk.said[-1].message
    assert (list(desk.believed.stale), desk.renewals) == (["corp"], 2)
    desk.clock.forward(minutes=1)
    assert await desk.look() == [], "it is said once"
    desk.port.fault = None
    desk.clock.forward(minutes=10)
    assert await desk.look() == [("corp", "unchanged")]
    assert (list(desk.believed.stale), desk.renewals) == ([], 3)


async def test_without_max_age_an_old_root_stays_in_use(desk: Desk):
    await desk.look()
    desk.port.fault = UpstreamUnavailable("no network")
    desk.clock.forward(days=400)
    assert await desk.look() == [("corp", "failed")]
    assert (list(desk.believed.stale), desk.renewals) == ([], 1)


async def test_a_new_policy_that_names_another_repository_begins_anew(desk: Desk):
    await desk.look()
    desk.port.tufs["new.test"] = FakeTuf({TARGET: TWO})
    moved = replace(desk.port.tufs["new.test"].source("corp"), url="https://new.test")
    desk.plans = (Plan(moved, DAY),)
    desk.believed = desk.made()
    assert desk.believed.roots == {}, "what the old one said is not the new one's word"
    assert await desk.look() == [("corp", "refreshed")]
    assert desk.raw() == TWO


async def test_a_clock_that_was_set_back_makes_nobody_wait_a_year(desk: Desk):
    desk.clock.forward(days=365)
    await desk.look()
    desk.clock.forward(days=-365)
    assert await desk.look() == [("corp", "unchanged")]
    assert await desk.look() == []
    desk.clock.forward(days=1)
    assert await desk.look() == [("corp", "unchanged again")]


async def test_it_tells_when_each_was_refreshed_last_though_it_was_the_same(tmp_path: Path):
    desk = Desk(tmp_path, "corp", "other")
    desk.plans = (Plan(desk.source("corp"), DAY),)
    desk.believed = desk.made()
    assert desk.refresher.refreshed_at("corp") is None
    await desk.look()
    desk.clock.forward(days=1)
    await desk.look()
    assert desk.refresher.refreshed_at("corp") == desk.clock.now()
    desk.plans = (Plan(desk.source("other"), DAY),)
    desk.believed = desk.made()
    await desk.look()
    assert desk.refresher.refreshed_at("corp") is None
    assert desk.refresher.refreshed_at("other") == desk.clock.now()


async def test_t58_nothing_is_asked_but_the_host_that_the_operator_named(desk: Desk):
    await desk.look()
    assert set(desk.port.hosts) == {("corp.test",)}
    desk.port.fault = NotAllowed("'evil.test' is not a host that the policy names")
    desk.clock.forward(days=1)
    assert await desk.look() == [("corp", "failed")]


async def test_a_refresh_that_takes_too_long_is_given_up_and_leaves_nothing_behind(desk: Desk, monkeypatch):
    monkeypatch.setattr(refreshing, "_WHOLE_SECONDS", 0.05)
    desk.port.hanging = {"corp.test": asyncio.Event()}
    with pytest.raises(UpstreamTimeout, match="trust root corp could not be fetched in 0 s"):
        await fetch_root(desk.source("corp"), held=desk.held, fetcher=desk.port)  # type: ignore[arg-type]
    monkeypatch.undo()
    desk.port.hanging.clear()
    async with asyncio.timeout(10):
        while await desk.look() != [("corp", "refreshed")]:  # the thread that was given up lets go of the lock
            desk.clock.forward(minutes=10)
            await asyncio.sleep(0.01)


async def test_a_rehearsal_keeps_nothing(desk: Desk):
    raw = await fetch_root(desk.source("corp"), held=desk.held, fetcher=desk.port, is_rehearsal=True)  # type: ignore[arg-type]
    assert raw == ONE
    assert not desk.held.folder.exists()


async def test_it_runs_until_it_is_cancelled(desk: Desk):
    task = asyncio.create_task(desk.refresher.run())
    async with asyncio.timeout(10):
        while not desk.renewals:
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert desk.raw() == ONE
