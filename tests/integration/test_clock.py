"""When the machine's clock is set forward or back, through a whole proxy: docs/operations.md, "The clock jumped"."""

import asyncio
import os
from datetime import UTC, datetime, timedelta

import pytest

from proxy.events import ClockJumped
from proxy.oci.reference import Repository, Tag
from proxy.pipeline.clock import SystemClock
from proxy.trust.keeper import staleness
from proxy.trust.settings import HeldRoot
from tests.fakes.clock import HandClock
from tests.fakes.house import House
from tests.fakes.predicates import TRIVY, scan
from tests.fakes.signing import AT
from tests.fakes.site import APP, NOW, Site, image, spoiled

VULN = "https://cosign.sigstore.dev/attestation/vuln/v1"
SCANNED = "require:\n  - { attestation: vuln, by: scanner, maxAge: 20d, where: { critical: 0 } }\n"
DATED = "require: [ { signature: dated } ]"
DATED_KEY = "dated: { key: team.pub, log: none, validFrom: 2026-01-01, validUntil: 2027-01-01 }"
FOLLOW = """\
version: 1
signers:
  team: { key: team.pub, log: none }
images:
  - { match: reg.test/acme/**, pinning: follow, ttl: 5m, require: [ { signature: team } ] }
"""
CLEAN = spoiled(scan(TRIVY), "scanner", "result", "Results", 0, "Vulnerabilities", to=[])


async def told(house, *, seconds):
    """The jump was noticed: from here on nothing warm is repeated."""
    async with asyncio.timeout(20):
        while not any(isinstance(event, ClockJumped) and event.seconds * seconds > 0 for event in house.events):
            await asyncio.sleep(0.02)


@pytest.fixture
async def dated(tmp_path):
    """An image signed by a key that ends with 2026."""
    async with Site(tmp_path, DATED, signers=DATED_KEY) as site:
        site.app = site.publish(image())
        site.sign(site.app, name=APP)
        yield site


# Forward and back again


async def test_what_ended_under_a_clock_that_was_ahead_is_admitted_again_once_it_is_right(dated):
    """By what is stored: the upstream is not needed for it."""
    await dated.admitted()
    dated.clock.forward(days=3650)
    assert "dated" in await dated.refused()
    await dated.upstream.stop()
    dated.clock.forward(days=-3650)
    await dated.admitted()
    await dated.admitted(dated.app.digest)


async def test_what_has_not_begun_is_admitted_by_a_clock_that_is_ahead_no_longer_than_a_round(tmp_path):
    key = DATED_KEY.replace("2026-01-01", "2026-10-01")
    async with Site(tmp_path, DATED, signers=key) as site:
        site.clock._now = datetime(2026, 11, 1, tzinfo=UTC)
        app = site.publish(image())
        site.sign(app, name=APP)
        await site.admitted()
        site.clock._now = datetime(2026, 6, 1, tzinfo=UTC)
        assert await site.proxy.pipeline.rechecks.look() == 1
        await site.refused(app.digest)


async def test_a_denial_that_was_made_ahead_is_worth_nothing_when_the_clock_is_right(dated):
    dated.clock.forward(days=3650)
    await dated.refused()
    dated.clock.forward(days=-3650)
    await dated.admitted()


async def test_an_exception_ends_by_our_clock_and_is_there_again_when_that_is_set_back(tmp_path):
    until = f"{NOW + timedelta(days=10):%Y-%m-%dT%H:%MZ}"
    async with Site(tmp_path, SCANNED) as site:
        app = site.publish(image())
        words = f"match: reg.test/acme/app, digest: '{app.digest}', waive: [vuln], reason: X, by: y, until: {until}"
        site.change(SCANNED, rest=f"exceptions:\n  - {{ {words} }}\n")
        await site.admitted()
        site.clock.forward(days=11)
        await site.refused()
        site.clock.forward(days=-11)
        await site.admitted()


async def test_a_refusals_id_lasts_until_the_clock_shows_its_end(dated):
    dated.publish(image("strange"), tag="v2")

    async def refusal():
        return (await dated.manifest(APP, "v2")).reason.rpartition("[")[2]

    first = await refusal()
    dated.clock.forward(hours=-5)
    assert await refusal() == first
    dated.clock.forward(hours=5, minutes=11)
    assert await refusal() != first


async def test_tokens_are_timed_by_a_clock_that_nobody_sets(tmp_path):
    async with House(tmp_path) as house:
        house.upstream.knobs.auth = "bearer"
        for name in ("one", "two", "three"):
            house.put("acme/app", name, tag=name)
        assert (await house.manifest("acme/app", "one")).status == 200
        asked = len(house.upstream.seen("token"))
        assert asked
        house.clock.forward(days=400)
        assert (await house.manifest("acme/app", "two")).status == 200
        house.clock.forward(days=-800)
        assert (await house.manifest("acme/app", "three")).status == 200
        assert len(house.upstream.seen("token")) == asked


# Back


async def test_a_follower_asks_its_upstream_within_ttl_of_a_clock_that_was_set_back(tmp_path):
    async with House(tmp_path, policy=FOLLOW) as house:
        first = house.put("acme/app", "first", tag="1.0")
        assert (await house.manifest("acme/app", "1.0")).body == first.manifest
        second = house.put("acme/app", "second", tag="1.0")
        assert (await house.manifest("acme/app", "1.0")).body == first.manifest, "within its ttl"
        house.clock.forward(hours=-3)
        await told(house, seconds=-1)
        assert (await house.manifest("acme/app", "1.0")).body == second.manifest
        pin = await house.proxy.pipeline.pins.get(Repository("reg.test", "acme/app"), Tag("1.0"))
        assert pin.checked_at <= house.clock.now()


async def test_drift_is_looked_for_though_pins_were_checked_in_the_future(tmp_path):
    async with House(tmp_path) as house:
        house.put("acme/app", "first", tag="1.0")
        house.clock.forward(days=30)
        assert (await house.manifest("acme/app", "1.0")).status == 200
        house.put("acme/app", "second", tag="1.0")
        house.clock.forward(days=-30)
        assert await house.proxy.pipeline.drift.look() == 1


async def test_a_jump_is_said_counted_and_recorded_and_a_clock_that_is_right_is_not(tmp_path):
    async with House(tmp_path) as house:
        await asyncio.sleep(1.5)
        assert not any(isinstance(event, ClockJumped) for event in house.events)
        house.clock.forward(hours=2)
        await told(house, seconds=1)
        metrics = house.proxy.metrics.render().decode()
        assert 'pratique_clock_jumps_total{direction="forward"} 1.0' in metrics


# The floor


def aware(site, wall):
    """The real clock, over a wall that the test moves; each process has its own."""
    site.clock = SystemClock(wall=wall.now)


async def scanned(site, made, *, at):
    site.attest(made, VULN, CLEAN, by="scanner", at=at)


async def test_t62_a_clock_that_is_set_back_revives_nothing_that_ended_before_a_time_that_was_proved(tmp_path):
    """Nor does it after a restart: the newest proved time is remembered."""
    wall = HandClock(NOW)
    site = Site(tmp_path, SCANNED)
    aware(site, wall)
    async with site:
        old = site.publish(image("old"), tag="old")
        await scanned(site, old, at=AT)
        await site.admitted("old")
        wall.forward(days=16)  # the old scan is 25 days old
        new = site.publish(image("new"), tag="new")
        await scanned(site, new, at=AT + timedelta(days=24))
        await site.admitted("new")
        await site.refused("old")
        wall.forward(days=-16)
        await site.refused("old")
        await site.stop()
        for file in (site.folder / "data" / "audit").iterdir():  # written by the kernel's clock, which is not set here
            os.utime(file, (wall() + 16 * 86_400,) * 2)
        aware(site, wall)
        await site.start()
        await site.refused("old")
        await site.admitted("new")
        assert site.clock.now() >= AT + timedelta(days=24)


async def test_a_time_beyond_all_that_our_clock_ever_showed_is_not_believed(tmp_path):
    """An authority that lies about one image would end the admissions of all others."""
    wall = HandClock(NOW)
    clock = SystemClock(wall=wall.now)
    clock.seen(NOW + timedelta(days=3650))
    assert clock.now() == NOW
    clock.seen(NOW + timedelta(hours=20))
    assert clock.now() == NOW + timedelta(hours=20)


def test_a_root_that_was_refreshed_in_the_future_is_not_stale_and_one_of_the_past_is():
    held = HeldRoot(b"", "held", NOW)
    week = timedelta(days=7)
    assert staleness("corp", held, max_age=week, now=NOW - timedelta(days=100)) is None
    assert "longer than its maxAge" in staleness("corp", held, max_age=week, now=NOW + timedelta(days=8))
