"""Remember, gather, judge, record: once for all who ask meanwhile, bound to what stands, and nothing kept of a refusal."""

import asyncio

import pytest

from proxy.demo.images import make_image, make_index
from proxy.errors import Inconclusive, PolicyError, Revoked
from proxy.pipeline.court.judge import raise_for
from tests.fakes.courtroom import APP, REPOSITORY, Courtroom

TEAM = "require: [{ signature: team }]"
OTHER = "require: [{ signature: other }]"


async def test_an_image_is_judged_once_for_all_who_ask_meanwhile(tmp_path):
    async with Courtroom(tmp_path, TEAM) as court:
        app = court.put(make_image("app"))
        court.sign(app)
        found = await asyncio.gather(*(court.judge(app) for _ in range(20)))
        assert court.judged(app.digest) == ["allow"]
        assert {each.decision for each in found} == {found[0].decision}
        assert court.upstream.count("referrers") == 1


async def test_who_leaves_in_the_middle_breaks_nothing_for_who_waits(tmp_path):
    async with Courtroom(tmp_path, TEAM) as court:
        app = court.put(make_image("app"))
        court.sign(app)
        court.upstream.knobs.delay = 0.1
        first = asyncio.create_task(court.judge(app))
        await asyncio.sleep(0)
        second = asyncio.create_task(court.judge(app))
        await asyncio.sleep(0.05)
        first.cancel()
        assert (await second).decision.is_allow
        assert court.judged(app.digest) == ["allow"]


async def test_t62_who_asks_after_a_change_never_joins_what_was_begun_before_it(tmp_path):
    async with Courtroom(tmp_path, TEAM) as court:
        app = court.put(make_image("app"))
        court.sign(app)
        court.upstream.knobs.delay = 0.1
        before = asyncio.create_task(court.judge(app))
        while not court.upstream.count("referrers"):
            await asyncio.sleep(0.01)
        court.change(OTHER)
        after = await court.judge(app)
        assert not after.decision.is_allow
        assert (await before).decision.is_allow
        assert await court.rooms.judge.remembered(REPOSITORY, app.digest) == after.decision


async def test_what_is_not_admitted_leaves_nothing_but_its_denial(tmp_path):
    async with Courtroom(tmp_path, TEAM) as court:
        app = court.put(make_image("app"))
        judgement = await court.judge(app)
        assert not judgement.decision.is_allow
        assert [each async for each in court.content.scan()] == []
        assert (await court.rooms.parentage.family(REPOSITORY)).known == {}
        assert (await court.judge(app)).is_fresh is False


async def test_promise_4_what_could_not_be_judged_is_not_remembered(tmp_path):
    async with Courtroom(tmp_path, TEAM) as court:
        app = court.put(make_image("app"))
        court.upstream.knobs.fail(503, kinds={"referrers"})
        decision = (await court.judge(app)).decision
        assert not decision.is_conclusive
        with pytest.raises(Inconclusive):
            raise_for(decision)
        assert await court.rooms.judge.remembered(REPOSITORY, app.digest) is None


async def test_a_decision_whose_image_is_not_recorded_any_more_is_made_and_recorded_again(tmp_path):
    async with Courtroom(tmp_path, TEAM) as court:
        app = court.put(make_image("app"))
        court.sign(app)
        await court.judge(app)
        await court.state.delete("manifests", f"{REPOSITORY}@{app.digest}")
        court.rooms.parentage.forget()
        assert (await court.judge(app)).is_fresh
        assert app.digest in (await court.rooms.parentage.family(REPOSITORY)).known


async def test_a_revoked_digest_is_refused_before_a_byte_of_it_is_fetched(tmp_path):
    async with Courtroom(tmp_path, TEAM) as court:
        app = court.put(make_image("app"))
        court.sign(app)
        decision = (await court.judge(app)).decision
        assert court.rooms.judge.stands(decision)
        court.change(TEAM, rest=f"revoked:\n  - {{ digest: '{app.digest}', reason: INC-1 }}\n")
        court.upstream.forget()
        with pytest.raises(Revoked, match="INC-1"):
            await court.judge(app)
        assert court.upstream.counts == {}
        assert not court.rooms.judge.stands(decision)


async def test_a_decision_stands_under_its_own_policy_for_its_own_time_and_trust(tmp_path):
    async with Courtroom(tmp_path, TEAM) as court:
        app = court.put(make_image("app"))
        court.sign(app)
        decision = (await court.judge(app)).decision
        court.change(OTHER)
        assert not court.rooms.judge.stands(decision)
        court.change(TEAM)
        assert court.rooms.judge.stands(decision)
        (tmp_path / "team.pub").write_bytes((tmp_path / "other.pub").read_bytes())
        court.change(TEAM)
        assert not court.rooms.judge.stands(decision)


async def test_settling_asks_nobody_and_decides_nothing_but_an_admission(tmp_path):
    async with Courtroom(tmp_path, TEAM) as court:
        app, stranger = court.put(make_image("app")), court.put(make_image("stranger"), tag="v2")
        court.sign(app)
        await court.judge(app)
        court.change(TEAM + "\nsignedAs: [reg.test/acme/**]")
        court.upstream.forget()
        assert await court.rooms.judge.settle(REPOSITORY, app.digest)
        with pytest.raises(Inconclusive, match="not kept here"):
            await court.rooms.judge.settle(REPOSITORY, stranger.digest)
        court.change(OTHER)
        assert not await court.rooms.judge.settle(REPOSITORY, app.digest)
        assert court.upstream.counts == {}
        assert court.judged(app.digest) == ["allow", "allow"]
        assert court.judged(stranger.digest) == []


async def test_again_asks_the_upstream_and_keeps_what_holds_where_that_is_silent(tmp_path):
    async with Courtroom(tmp_path, TEAM) as court:
        app = court.put(make_image("app"))
        court.sign(app)
        first = (await court.judge(app)).decision
        court.upstream.forget()
        court.clock.forward(hours=1)
        assert (await court.rooms.judge.again(REPOSITORY, app.digest)).made_at > first.made_at
        assert court.upstream.count("referrers") == 1
        kept = await court.rooms.judge.remembered(REPOSITORY, app.digest)
        court.upstream.knobs.fail(503)
        court.clock.forward(hours=1)
        assert await court.rooms.judge.again(REPOSITORY, app.digest) == kept
        assert court.judged(app.digest) == ["allow", "allow"]


async def test_a_child_is_judged_as_the_child_of_its_index_and_as_an_image_of_its_own_apart(tmp_path):
    async with Courtroom(tmp_path, TEAM) as court:
        child = make_image("one")
        whole = court.put(make_index([child]))
        court.sign(whole)
        assert (await court.judge(whole)).decision.is_allow
        under = (await court.judge(child, index=whole.digest)).decision
        assert under.is_allow
        assert under.index == whole.digest
        assert not (await court.judge(child)).decision.is_allow
        assert await court.rooms.judge.remembered(REPOSITORY, child.digest, index=whole.digest) == under


async def test_a_denial_carries_its_reason_to_who_is_refused(tmp_path):
    async with Courtroom(tmp_path, TEAM) as court:
        app = court.put(make_image("app"))
        with pytest.raises(PolicyError, match="no signature by team") as refused:
            raise_for((await court.judge(app)).decision)
        assert refused.value.record["digest"] == str(app.digest)
        assert refused.value.record["repository"] == APP
