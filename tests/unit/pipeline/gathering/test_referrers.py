"""Evidence for whoever verifies behind us: what is listed, told of and forgotten by nobody, and how much of it there may be."""

import pytest

from proxy.demo.images import Blob, make_image
from proxy.errors import ManifestUnknown, UpstreamError
from proxy.oci import mediatype
from proxy.oci.reference import EvidenceTag
from tests.fakes.gathering import Port, evidence, statement

APP = "acme/app"


def referrer(app, label):
    return evidence(Blob(statement(app.digest, label=label), mediatype.IN_TOTO), subject=app)


@pytest.fixture
async def port():
    async with Port() as made:
        made.upstream.knobs.has_referrers_api = True
        yield made


async def listed(port, app):
    """As the upstream has it now, however lately it was looked at."""
    port.clock.forward(seconds=port.witnesses.refresh_seconds + 1)
    return set(await port.listing(APP, app.digest))


async def test_whoever_judges_is_told_once_of_each_that_was_not_known(port):
    told = []
    port.witnesses.noticed = lambda repository, subject: told.append((repository.name, subject))
    app = make_image("app")
    port.upstream.put_image(APP, app)
    assert await listed(port, app) == set()
    made = referrer(app, "one")
    port.upstream.put_image(APP, made)
    for _ in range(3):
        assert await listed(port, app) == {made.digest}
    assert told == [(APP, app.digest)]


async def test_what_a_decision_keeps_is_told_to_nobody(port):
    told = []
    port.witnesses.noticed = lambda *each: told.append(each)
    app = make_image("app")
    port.upstream.put_image(APP, app)
    port.upstream.put_image(APP, referrer(app, "one"))
    await port.keep(APP, app.digest, await port.fetch(APP, app.digest))
    await listed(port, app)
    assert told == []


async def test_t50_a_listing_that_is_another_each_time_fills_no_disk(port, monkeypatch):
    monkeypatch.setattr("proxy.pipeline.gathering.referrers._HELD", 5)
    app = make_image("app")
    port.upstream.put_image(APP, app)
    for number in range(4):
        for each in range(3):
            port.upstream.put_image(APP, referrer(app, f"{number} {each}"))
        await listed(port, app)
    family = await port.parentage.family(port.at(APP))
    assert len(family.evidence_of[app.digest]) <= 5 + 8, "as many as are fetched at once may be one too many"
    before = len(family.evidence_of[app.digest])
    await listed(port, app)
    assert len(family.evidence_of[app.digest]) == before
    kept = await port.fetch(APP, app.digest)
    await port.keep(APP, app.digest, kept)
    assert len(family.evidence_of[app.digest]) == 12, "what proves is kept whatever their number"


async def test_with_the_upstream_away_what_was_learned_is_listed_and_else_it_is_away(port):
    app, other = make_image("app"), make_image("other")
    for each in (app, other):
        port.upstream.put_image(APP, each)
    made = referrer(app, "one")
    port.upstream.put_image(APP, made)
    await listed(port, app)
    await port.upstream.stop()
    assert await listed(port, app) == {made.digest}
    with pytest.raises(UpstreamError):
        await listed(port, other)


async def test_a_tag_that_leads_nowhere_is_remembered_for_a_while(port):
    app = make_image("app")
    port.upstream.put_image(APP, app)
    tag = EvidenceTag(app.digest, ".sig")
    for _ in range(2):
        with pytest.raises(ManifestUnknown):
            await port.witnesses.at_tag(port.at(APP), tag)
    assert port.upstream.count("manifest") == 1
