"""Base images: what is looked at, by whose rule, and how whatever goes wrong proves nothing."""

import json
from dataclasses import replace

import pytest

from proxy.demo.images import make_index
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from tests.fakes.courtroom import APP, Courtroom, with_base_annotation
from tests.fakes.site import image

BASE = "acme/base"
RULE = "require: [{ signature: team }]\nbase: { require: [ { signature: other } ] }"


def built_on(base, label="app"):
    return with_base_annotation(image(label, layers=("base", "app")), f"reg.test/{BASE}", base.digest)


async def judged(court, base, *, signer="other"):
    court.put(base, name=BASE, tag="12")
    if signer:
        court.sign(base, by=signer, name=BASE)
    app = court.put(built_on(base))
    court.sign(app)
    return (await court.judge(app)).decision


async def test_an_admitted_base_is_named_in_the_decision(tmp_path):
    async with Courtroom(tmp_path, RULE) as court:
        base = image("base", layers=("base",))
        decision = await judged(court, base)
        assert decision.is_allow, decision.summary
        assert decision.bases == (f"reg.test/{BASE}@{base.digest}",)
        known = (await court.rooms.parentage.family(Repository("reg.test", BASE))).known
        assert base.digest not in known, "it is admitted as no image of its own"


@pytest.mark.parametrize(
    ("layers", "signer", "says"),
    [
        (("base",), "team", "no signature by other"),
        (("base",), None, "no signature by other"),
        (("other",), "other", "its layers are not the first of the image's own"),
        (("base", "app"), "other", "its layers are not the first of the image's own"),
    ],
)
async def test_what_was_not_signed_or_is_none_is_no_base(tmp_path, layers, signer, says):
    async with Courtroom(tmp_path, RULE) as court:
        decision = await judged(court, image("base", layers=layers), signer=signer)
        assert not decision.is_allow
        assert says in decision.summary


async def test_promise_4_a_base_that_is_out_of_reach_is_not_now(tmp_path):
    async with Courtroom(tmp_path, RULE) as court:
        base = image("base", layers=("base",))
        app = court.put(with_base_annotation(image(), "absent.test/base", base.digest))
        court.sign(app)
        assert not (await court.judge(app)).decision.is_allow
        court.put(base, name=BASE, tag="12")
        other = court.put(built_on(base, "other"), tag="v2")
        court.sign(other)
        court.upstream.repos[BASE].manifests.clear()
        court.upstream.repos[BASE].blobs.clear()
        decision = (await court.judge(other)).decision
        assert not decision.is_allow


async def test_of_an_index_the_child_for_the_images_platform_is_the_base(tmp_path):
    async with Courtroom(tmp_path, RULE) as court:
        right, wrong = image("base", layers=("base",)), image("arm", layers=("arm",), platform="linux/arm64")
        decision = await judged(court, make_index([wrong, right]))
        assert decision.is_allow, decision.summary
    async with Courtroom(tmp_path, RULE) as court:
        decision = await judged(court, make_index([wrong]))
        assert "an index without a child for this platform" in decision.summary


@pytest.mark.parametrize("config", [b"{}", b'{"rootfs":{"diff_ids":"x"}}', b'{"rootfs":{"diff_ids":[1]}}', b"no json"])
async def test_a_config_that_lists_no_layers_is_of_no_base(tmp_path, config):
    async with Courtroom(tmp_path, RULE) as court:
        base = _with_config(image("base", layers=("base",)), config)
        decision = await judged(court, base)
        assert not decision.is_allow


def _with_config(base, raw):
    document = json.loads(base.manifest)
    document["config"] |= {"digest": str(Digest.of(raw)), "size": len(raw)}
    manifest = json.dumps(document).encode()
    return replace(base, manifest=manifest, digest=Digest.of(manifest), blobs={**base.blobs, Digest.of(raw): raw})


async def test_a_base_is_judged_by_the_rule_of_its_own_name_where_none_is_said(tmp_path):
    async with Courtroom(tmp_path, "require: [{ signature: team }]\nbase: { rule: own }") as court:
        decision = await judged(court, image("base", layers=("base",)), signer="team")
        assert not decision.is_allow, "that rule asks for a base of the base, and it names none"
        assert APP in str(decision.repository)
