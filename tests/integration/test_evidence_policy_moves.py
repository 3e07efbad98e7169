"""What a tag may become, through the real proxy: `rollback`, `regression` and `follow` with `after`, by proved times."""

from datetime import timedelta
from typing import Any

import pytest

from proxy.oci.reference import Repository, Tag
from tests.fakes.site import APP, AT, NOW, Site, image

FOLLOW = "pinning: follow\nttl: 5m\n"
SIGNED = "require: [{ signature: scanner }]"


def drifts(site: Site, kind: str) -> list[str]:
    return [event.message for event in site.events if getattr(event, "kind", "") == kind and hasattr(event, "pinned")]


async def moved(site: Site, label: str, *, by: Any = ("scanner",), at: Any = AT) -> Any:
    """Another image at the tag, signed by these at this time; then the tag is asked for again."""
    made = site.publish(image(label))
    for each in by:
        site.signed(made, by=each, at=at)
    site.clock.forward(minutes=6)
    return made


async def answered(site: Site, made: Any) -> bool:
    """Whether the tag leads to it now."""
    got = await site.manifest(APP, "v1")
    assert got.status == 200, got.body
    return bool(got.body == made.manifest)


@pytest.mark.parametrize("strictness", ["allow", "warn", "deny"])
async def test_t12_a_tag_that_goes_back_by_proved_time(tmp_path, strictness):
    async with Site(tmp_path, f"{FOLLOW}rollback: {strictness}\n{SIGNED}") as site:
        first = await moved(site, "first", at=AT)
        assert await answered(site, first)
        older = await moved(site, "older", at=AT - timedelta(days=3))
        assert await answered(site, older) is (strictness != "deny")
        told = drifts(site, "rollback")
        assert bool(told) is (strictness != "allow")
        if told:
            assert told[0] == ("the new digest was signed 2026-10-29 12:00, before the pinned one (2026-11-01 12:00)")
        if strictness == "deny":
            assert "signed 2026-10-29" in (await pin(site)).offered_summary
            newer = await moved(site, "newer", at=AT + timedelta(days=1))
            assert await answered(site, newer)


async def pin(site: Site) -> Any:
    return await site.proxy.pipeline.pins.get(Repository("reg.test", APP), Tag("v1"))


async def test_t12_the_signers_own_clock_and_the_configs_time_prove_no_order(tmp_path):
    async with Site(tmp_path, f"{FOLLOW}rollback: deny\n{SIGNED}") as site:
        first = await moved(site, "first", at=AT)
        assert await answered(site, first)
        lying = site.publish(image("lying", created="2026-11-09T00:00:00Z"))
        site.signed(lying, by="scanner", at=AT - timedelta(days=3), claims={"timestamp": "2026-11-09T00:00:00Z"})
        site.clock.forward(minutes=6)
        assert await answered(site, first)


@pytest.mark.parametrize("strictness", ["allow", "warn", "deny"])
async def test_a_tag_whose_new_digest_has_fewer_or_other_signers(tmp_path, strictness):
    rule = f"{FOLLOW}regression: {strictness}\nrequire: [{{ atLeast: 1, of: [{{ signature: scanner }}, {{ signature: ci }}] }}]"
    async with Site(tmp_path, rule) as site:
        both = await moved(site, "both", by=("ci",))
        assert await answered(site, both)
        fewer = await moved(site, "fewer", by=("scanner",))
        assert await answered(site, fewer) is (strictness != "deny")
        told = drifts(site, "regression")
        assert bool(told) is (strictness != "allow")
        if told:
            assert told[0].startswith("the new digest is not signed by keyless:https://token.actions")
        if strictness == "deny":
            again = await moved(site, "again", by=("ci", "scanner"))
            assert await answered(site, again)


async def test_a_workflow_at_its_next_release_is_the_same_signer_and_another_workflow_is_not(tmp_path):
    rule = f"{FOLLOW}regression: deny\nrequire: [{{ signature: ci }}]"
    async with Site(tmp_path, rule) as site:
        first = await moved(site, "first", by=("ci",))
        assert await answered(site, first)
        release = await moved(site, "release", by=(site.voices["ci"].at("refs/tags/v1.3.0"),))
        assert await answered(site, release)
        assert drifts(site, "regression") == []


async def test_a_moved_tag_is_followed_when_it_is_old_enough_by_proved_time_or_by_our_first_sight(tmp_path):
    rule = f"{FOLLOW}after: 72h\nrequire: [{{ atLeast: 1, of: [{{ signature: scanner }}, {{ signature: team }}] }}]"
    async with Site(tmp_path, rule) as site:
        first = await moved(site, "first", by=("team",))
        assert await answered(site, first), "the first digest of a tag has nothing to be younger than"
        old = await moved(site, "old", at=NOW - timedelta(days=4))
        assert await answered(site, old), "its proved time is old enough"
        young = await moved(site, "young", at=NOW - timedelta(days=1))
        assert not await answered(site, young)
        assert "is followed after 3d" in (await pin(site)).offered_summary
        site.clock.forward(days=2)
        assert await answered(site, young)
        unproved = await moved(site, "unproved", by=("team",))
        assert not await answered(site, unproved), "of what nothing proves a time, our first sight counts"
        site.clock.forward(days=2)
        assert not await answered(site, unproved)
        site.clock.forward(days=1, hours=1)
        assert await answered(site, unproved)


async def test_what_is_old_enough_and_not_admitted_is_not_followed(tmp_path):
    async with Site(tmp_path, f"{FOLLOW}after: 72h\n{SIGNED}") as site:
        first = await moved(site, "first")
        assert await answered(site, first)
        await moved(site, "foreign", by=("stranger",), at=AT - timedelta(days=9))
        assert await answered(site, first)
        site.clock.forward(days=9)
        assert await answered(site, first)
        assert "no signature by scanner" in (await pin(site)).offered_summary


async def test_t12_a_pinned_digest_that_turned_deny_still_tells_when_it_was_signed(tmp_path):
    rule = f"{FOLLOW}rollback: deny\n{SIGNED}"
    async with Site(tmp_path, rule) as site:
        first = await moved(site, "first", at=AT)
        assert await answered(site, first)
        older = await moved(site, "older", at=AT - timedelta(days=3))
        site.change(rule.replace("require: [", "require: [{ image: { where: { user: '1001' } } }, "))
        for made in (first, older):
            assert (await site.manifest(APP, made.digest)).status == 403
        assert (await site.manifest(APP, "v1")).status == 403
        site.change(
            rule.replace("require: [", "require: [{ image: { where: { labels: x } } }, ").replace(
                "labels: x", "user: '1000'"
            )
        )
        site.clock.forward(minutes=6)
        assert await answered(site, first)


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("rollback: deny\nrequire: [{ signature: team }]", "nothing that this rule requires proves when it was signed"),
        ("rollback: warn\nrequire: [{ digest: ['sha256:" + "0" * 64 + "'] }]", "proves when it was signed"),
        (
            "rollback: deny\nrequire: [{ atLeast: 1, of: [{ signature: team }, { signature: scanner }] }]",
            "proves when it was signed",
        ),
        ("rollback: deny\nrequire: [{ signature: nvidia }]", "proves when it was signed"),
        ("rollback: deny\nrequire: [{ signature: vendor }]", "proves when it was signed"),
        ("require: [{ attestation: vuln, by: team, maxAge: 7d }]", "nothing proves when team signed; give the signer"),
        ("require: [{ attestation: vuln, by: nvidia, maxAge: 7d }]", "nothing proves when nvidia signed"),
        ("require: [{ attestation: vuln, by: vendor, maxAge: 7d }]", "nothing proves when vendor signed"),
        ("require: [{ attestation: vuln, by: scanner, grace: 2d }]", "it prolongs `maxAge`, which is not there"),
    ],
)
async def test_an_age_or_order_over_times_that_nothing_proves_is_no_policy(tmp_path, rule, sentence):
    async with Site(tmp_path, SIGNED) as site:
        (tmp_path / "ca.pem").write_bytes((tmp_path / "stamps.pem").read_bytes())
        said = site.mistaken(
            rule,
            roots="vendors: { certificates: ca.pem }",
            signers="nvidia: { preset: nvidia-ngc }\nvendor: { x509: vendors, subject: 'O=Acme,CN=x' }",
        )
        assert sentence in said
        assert "policy.yaml:1" in said


async def test_an_order_over_times_that_are_proved_is_a_policy(tmp_path):
    async with Site(tmp_path, SIGNED) as site:
        for rule in (
            "rollback: deny\nrequire: [{ signature: team }, { signature: scanner }]",
            "rollback: deny\nrequire: [{ atLeast: 2, of: [{ signature: team }, { signature: scanner }] }]",
            "rollback: deny\nrequire: [{ attestation: vuln, by: ci, maxAge: 7d }]",
        ):
            site.change(rule)
        outcomes = [event.outcome for event in site.events if hasattr(event, "outcome") and hasattr(event, "rules")]
        assert outcomes[-3:] == ["loaded"] * 3
