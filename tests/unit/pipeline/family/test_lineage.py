"""Under which root a digest stands, and until when: never longer than the first of all that it stands on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.demo.images import make_image, make_index
from proxy.errors import Revoked
from proxy.oci.digest import Digest
from tests.fakes.clock import START
from tests.fakes.courtroom import REPOSITORY, Courtroom
from tests.fakes.site import image

EACH = "require: [{ signature: team, covers: any }]"
TEAM = "require: [{ signature: team }]"


async def admitted_index(court, *children):
    whole = court.put(make_index(children))
    court.sign(whole)
    assert (await court.judge(whole)).decision.is_allow
    return whole


async def test_a_child_ends_with_its_root_though_its_own_decision_lasts_longer(tmp_path):
    async with Courtroom(tmp_path, EACH) as court:
        child = image("one")
        whole = await admitted_index(court, child)
        root = (await court.judge(whole)).decision
        own = (await court.judge(child, index=whole.digest)).decision
        soon, late = START + timedelta(hours=1), START + timedelta(hours=9)
        for decision, until in ((root, soon), (own, late)):
            await court.pipeline.decisions.keep(_until(decision, until))
        stand = await court.rooms.lineage.of_manifest(REPOSITORY, child.digest)
        assert stand.is_admitted
        assert (stand.decision.digest, stand.until) == (child.digest, soon)
        await court.pipeline.decisions.keep(_until(own, soon - timedelta(minutes=1)))
        stand = await court.rooms.lineage.of_manifest(REPOSITORY, child.digest)
        assert stand.until == soon - timedelta(minutes=1)


def _until(decision, until):
    return replace(decision, expires_at=until)


async def test_a_blob_stands_under_the_image_that_names_it_and_ends_with_that(tmp_path):
    async with Courtroom(tmp_path, TEAM) as court:
        app = court.put(make_image("app"))
        court.sign(app)
        decision = (await court.judge(app)).decision
        await court.pipeline.decisions.keep(_until(decision, START + timedelta(hours=1)))
        for blob in app.blobs:
            stand = await court.rooms.lineage.recall_blob(REPOSITORY, blob)
            assert (stand.root, stand.until) == (app.digest, START + timedelta(hours=1))
            assert stand.descriptor.digest == blob
        court.clock.forward(hours=2)
        assert await court.rooms.lineage.recall_blob(REPOSITORY, next(iter(app.blobs))) is None


async def test_what_nothing_admitted_names_stands_under_nothing(tmp_path):
    async with Courtroom(tmp_path, TEAM) as court:
        assert await court.rooms.lineage.of_manifest(REPOSITORY, Digest.of(b"x")) is None
        assert await court.rooms.lineage.of_blob(REPOSITORY, Digest.of(b"x")) is None


async def test_what_revokes_the_root_takes_its_children_along(tmp_path):
    async with Courtroom(tmp_path, TEAM) as court:
        child = image("one")
        whole = await admitted_index(court, child)
        assert (await court.rooms.lineage.of_manifest(REPOSITORY, child.digest)).is_admitted
        court.change(TEAM, rest=f"revoked:\n  - {{ digest: '{whole.digest}', reason: INC-1 }}\n")
        with pytest.raises(Revoked, match="INC-1"):
            await court.rooms.lineage.of_manifest(REPOSITORY, child.digest)
