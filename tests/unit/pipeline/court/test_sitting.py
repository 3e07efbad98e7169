"""Rounds of one judgement: what is asked of whom, in how few trips, and what is never inferred."""

import asyncio
import json

import pytest

from proxy.demo.images import make_image, make_index
from proxy.errors import Inconclusive
from proxy.oci.digest import Digest
from proxy.pipeline.court.sitting import wants_of
from proxy.policy.evaluate import Wanted
from tests.fakes.courtroom import REPOSITORY, Courtroom
from tests.fakes.predicates import SPDX
from tests.fakes.site import image
from tests.unit.policy.cases import simple

TEAM = "require: [{ signature: team }]"
FACTS = "require: [{ signature: team }, { image: { condition: 'config.user == \"1000\"' } }]"
PLATFORMS = TEAM + "\nplatforms: [linux/amd64]"
SBOM = "https://spdx.dev/Document"


def config_of(app):
    return Digest.parse(json.loads(app.manifest)["config"]["digest"])


def is_config(app):
    return lambda seen: seen.kind == "blob" and str(config_of(app)) in seen.path


@pytest.mark.parametrize("rule", [FACTS, PLATFORMS])
async def test_the_config_is_fetched_beside_the_evidence_and_once(tmp_path, rule):
    """In a row it would cost each first pull a trip more: an upstream that answers neither shows that both are asked."""
    async with Courtroom(tmp_path, rule) as court:
        app = court.put(image())
        court.sign(app)
        court.upstream.knobs.delay, court.upstream.knobs.delay_kinds = 60.0, frozenset({"referrers", "blob"})
        judging = asyncio.create_task(court.judge(app))
        async with asyncio.timeout(10):
            while not (court.upstream.count("referrers") and any(map(is_config(app), court.upstream.requests))):
                await asyncio.sleep(0.01)
        judging.cancel()
    async with Courtroom(tmp_path, rule) as court:
        app = court.put(image())
        court.sign(app)
        assert (await court.judge(app)).decision.is_allow
        assert len(list(filter(is_config(app), court.upstream.requests))) == 1


@pytest.mark.parametrize("rule", [FACTS, PLATFORMS])
async def test_promise_5_the_config_that_it_was_judged_by_is_kept_so_that_it_is_judged_again_offline(tmp_path, rule):
    async with Courtroom(tmp_path, rule) as court:
        app = court.put(image())
        court.sign(app)
        await court.judge(app)
        court.change(rule + "\nsignedAs: [reg.test/acme/**]")
        await court.upstream.stop()
        judgement = await court.judge(app)
        assert (judgement.is_fresh, judgement.decision.is_allow) == (True, True)


async def test_a_config_that_cannot_be_had_is_not_now_where_it_is_asked_for_and_else_not_missed(tmp_path):
    async with Courtroom(tmp_path, FACTS) as court:
        app = court.put(image())
        court.sign(app)
        del court.upstream.repos["acme/app"].blobs[config_of(app)]
        with pytest.raises(Inconclusive, match="its config cannot be read"):
            await court.judge(app)
        court.change(TEAM)
        assert (await court.judge(app)).decision.is_allow


async def test_a_platform_that_the_rule_does_not_permit_is_refused_whatever_signs_it(tmp_path):
    async with Courtroom(tmp_path, TEAM + "\nplatforms: [linux/arm64]") as court:
        app = court.put(image())
        court.sign(app)
        decision = (await court.judge(app)).decision
        assert not decision.is_allow
        assert "linux/amd64" in decision.summary


async def test_what_is_kept_may_admit_and_only_what_the_upstream_has_too_may_refuse(tmp_path):
    async with Courtroom(tmp_path, TEAM) as court:
        app = court.put(make_image("app"))
        court.sign(app)
        await court.judge(app)
        court.change(TEAM + "\nsignedAs: [reg.test/acme/**]")
        court.upstream.forget()
        assert (await court.judge(app)).decision.is_allow
        assert court.upstream.counts == {}
        court.change("require: [{ signature: other }]")
        assert not (await court.judge(app)).decision.is_allow
        assert court.upstream.count("referrers") == 1
        court.sign(app, by="other")
        court.clock.forward(seconds=61)
        assert (await court.judge(app)).decision.is_allow


async def test_a_reviewed_digest_needs_no_evidence_and_nobody_is_asked_for_any(tmp_path):
    app = make_image("app")
    rule = f"require: [{{ atLeast: 1, of: [{{ digest: ['{app.digest}'] }}, {{ signature: team }}] }}]"
    async with Courtroom(tmp_path, rule) as court:
        court.put(app)
        assert (await court.judge(app)).decision.is_allow
        assert court.upstream.counts == {"manifest": 1}


async def test_a_judge_who_wants_more_and_more_is_not_asked_for_ever(tmp_path, monkeypatch):
    async with Courtroom(tmp_path, TEAM) as court:
        app = court.put(make_image("app"))

        async def insatiable(_brief, _standing):
            return Wanted("config")

        monkeypatch.setattr(court.pipeline.bench, "hear", insatiable)
        with pytest.raises(Inconclusive, match="more than can be gathered"):
            await court.judge(app)


async def test_an_index_is_judged_by_its_children_where_the_rule_asks_each_of_them(tmp_path):
    async with Courtroom(tmp_path, "require: [{ signature: team, covers: platform }]") as court:
        one, two = image("one"), image("two", platform="linux/arm64")
        whole = court.put(make_index([one, two]))
        refused = (await court.judge(whole)).decision
        assert "no platform passes" in refused.summary
        court.sign(two)
        court.clock.forward(seconds=61)
        assert (await court.judge(whole)).decision.is_allow
        assert (await court.judge(two, index=whole.digest)).decision.is_allow
        assert not (await court.judge(one, index=whole.digest)).decision.is_allow


async def test_a_child_that_could_not_be_judged_leaves_its_index_open(tmp_path):
    async with Courtroom(tmp_path, "require: [{ signature: team, covers: platform }]") as court:
        one = image("one")
        whole = court.put(make_index([one]))
        del court.upstream.repos["acme/app"].manifests[one.digest]
        decision = (await court.judge(whole)).decision
        assert not decision.is_conclusive


async def test_evidence_of_two_places_adds_up(tmp_path):
    """An SBOM that is kept, and a signature that came since: neither alone would do."""
    rule = "require: [{ attestation: sbom, by: team }]"
    async with Courtroom(tmp_path, rule) as court:
        app = court.put(make_image("app"))
        attestation = court.attest(app, SBOM, SPDX)
        assert (await court.judge(app)).decision.is_allow
        del court.upstream.repos["acme/app"].manifests[attestation.digest]
        court.change("require: [{ attestation: sbom, by: team }, { signature: other }]")
        court.sign(app, by="other")
        assert (await court.judge(app)).decision.is_allow
        family = await court.rooms.parentage.family(REPOSITORY)
        assert len(family.evidence_of[app.digest]) == 2


def test_what_the_rule_can_use_says_what_is_likely():
    types = wants_of(simple("[{ attestation: sbom, by: team }, { signature: team }]").rules[0]).predicate_types
    assert "https://spdx.dev/Document" in types
    assert "https://slsa.dev/provenance/v1" not in types
    based = simple(more="base: { require: [ { signature: team } ] }").rules[0]
    assert wants_of(based).predicate_types is None, "any provenance may name the base"
