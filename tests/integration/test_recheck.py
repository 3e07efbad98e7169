"""Decisions that are made again before anybody waits: ahead of their end, by `recheck`, and after changes.

`look` is one round of what runs in the background each minute.
"""

import asyncio

import pytest

from proxy.events import Alarmed, Judged
from proxy.oci.reference import Repository
from tests.fakes.predicates import TRIVY, scan
from tests.fakes.signing import AT
from tests.fakes.site import APP, NOW, Site, image, spoiled

REPOSITORY = Repository("reg.test", APP)
VULN = "https://cosign.sigstore.dev/attestation/vuln/v1"
FOUND = ("scanner", "result", "Results", 0, "Vulnerabilities")
SCANNED = """\
recheck: 24h
require:
  - { attestation: vuln, by: scanner, maxAge: 20d, grace: 5d, where: { critical: 0 } }
"""
TEAM = "require: [{ signature: team }]"
WIDER = "\nsignedAs: [reg.test/acme/**]"  # another rule, under which the same evidence counts
OTHER = "require: [{ signature: other }]"


def scanned(*severities):
    one = TRIVY["Results"][0]["Vulnerabilities"][0]
    found = [one | {"VulnerabilityID": f"CVE-{at}", "Severity": word} for at, word in enumerate(severities)]
    return spoiled(scan(TRIVY), *FOUND, to=found)


def rechecks(site):
    return site.proxy.pipeline.rechecks


def decisions_made(site, digest):
    return [each for each in site.events if isinstance(each, Judged) and each.digest == digest]


async def scanned_app(site, *severities, at=AT):
    app = site.publish(image())
    site.attest(app, VULN, scanned(*severities), by="scanner", at=at)
    await site.admitted()
    return app


async def test_a_new_scan_that_finds_something_takes_the_admission_back_and_the_warm_answer_with_it(tmp_path):
    async with Site(tmp_path, SCANNED) as site:
        app = await scanned_app(site)
        await site.admitted()
        site.attest(app, VULN, scanned("CRITICAL"), by="scanner", at=NOW)
        site.clock.forward(hours=23)
        assert await rechecks(site).look() == 0, "it is not due"
        await site.admitted()
        site.clock.forward(hours=2)
        assert await rechecks(site).look() == 1
        assert "critical is 1" in await site.refused()
        assert "critical is 1" in await site.refused(app.digest)


async def test_promise_5_what_a_newer_scan_denied_is_not_admitted_again_by_the_older_one_that_is_kept(tmp_path):
    """After the denial's minute, and without an upstream that would show the newer one."""
    async with Site(tmp_path, SCANNED) as site:
        app = await scanned_app(site)
        site.attest(app, VULN, scanned("CRITICAL"), by="scanner", at=NOW)
        site.clock.forward(hours=25)
        assert await rechecks(site).look() == 1
        site.clock.forward(minutes=2)
        await site.refused()
        site.clock.forward(minutes=2)
        await site.upstream.stop()
        await site.restart()
        await site.refused(status=503)
        site.clock.forward(minutes=2)
        await site.refused(app.digest, status=503)


async def test_a_pull_never_waits_for_a_recheck_while_the_old_decision_holds(tmp_path):
    async with Site(tmp_path, SCANNED) as site:
        app = await scanned_app(site)
        site.clock.forward(hours=25)
        site.upstream.knobs.delay = 30.0
        site.upstream.forget()
        looking = asyncio.create_task(rechecks(site).look())
        while not site.upstream.requests:
            await asyncio.sleep(0.01)
        made = len(decisions_made(site, app.digest))
        for reference in ("v1", app.digest):
            async with asyncio.timeout(5):
                await site.admitted(reference)
        assert not looking.done()
        assert len(decisions_made(site, app.digest)) == made
        looking.cancel()
        site.upstream.knobs.delay = 0.0


async def test_what_the_upstream_cannot_say_takes_nothing_away_and_is_asked_again_sooner(tmp_path):
    async with Site(tmp_path, SCANNED) as site:
        app = await scanned_app(site)
        site.clock.forward(hours=25)
        site.upstream.knobs.fail(503)
        assert await rechecks(site).look() == 0
        await site.admitted()
        site.upstream.knobs.fail(None)
        site.attest(app, VULN, scanned("CRITICAL"), by="scanner", at=NOW)
        assert await rechecks(site).look() == 0, "it was tried just now"
        site.clock.forward(hours=3)
        assert await rechecks(site).look() == 1
        await site.refused()


async def test_a_decision_is_made_again_ahead_of_its_end_and_one_that_ends_soon_is_counted(tmp_path):
    async with Site(tmp_path, SCANNED.replace("recheck: 24h\n", "")) as site:
        app = await scanned_app(site)  # until AT + 25 days
        assert await rechecks(site).look() == 0
        assert ending(site) == 0
        site.clock.forward(days=14, hours=1)
        site.attest(app, VULN, scanned(), by="scanner", at=site.clock.now())
        assert await rechecks(site).look() == 1
        assert ending(site) == 1, "it was counted as it stood before"
        assert await rechecks(site).look() == 0
        assert ending(site) == 0
        site.clock.forward(days=5)
        site.upstream.forget()
        await site.admitted()
        assert site.upstream.counts == {}


def ending(site):
    lines = site.proxy.metrics.render().decode().splitlines()
    (line,) = [line for line in lines if line.startswith("pratique_decisions_ending ")]
    return float(line.split()[1])


async def test_an_admission_that_comes_to_stand_by_grace_is_an_alarm_though_nobody_judged_it_again(tmp_path):
    async with Site(tmp_path, SCANNED.replace("recheck: 24h\n", "")) as site:
        app = await scanned_app(site)
        await rechecks(site).look()
        assert [each for each in site.events if isinstance(each, Alarmed)] == []
        site.upstream.knobs.fail(503)
        site.clock.forward(days=12)  # 21 days after the scan
        await rechecks(site).look()
        await rechecks(site).look()
        (alarm,) = [each for each in site.events if isinstance(each, Alarmed)]
        assert (alarm.digest, alarm.alarm) == (app.digest, "grace")
        assert "by grace alone until 2026-" in alarm.message
        assert b'pratique_alarms_total{kind="grace"} 1.0' in site.proxy.metrics.render()
        await site.admitted()
        site.clock.forward(hours=2)
        await rechecks(site).look()
        assert len([each for each in site.events if isinstance(each, Alarmed)]) == 2, "it is said again each hour"


async def test_after_a_change_of_policy_what_is_kept_is_judged_again_before_anybody_asks(tmp_path):
    async with Site(tmp_path, TEAM) as site:
        app = site.publish(image())
        site.signed(app)
        await site.admitted()
        site.change(TEAM + WIDER)
        made = len(decisions_made(site, app.digest))
        site.upstream.forget()
        assert await rechecks(site).look() == 1
        assert len(decisions_made(site, app.digest)) == made + 1
        await site.upstream.stop()
        await site.admitted()
        assert len(decisions_made(site, app.digest)) == made + 1, "the pull found it made"
        await rechecks(site).look()
        assert len(await recorded(site)) == 1, "the one of the old policy is forgotten"


async def recorded(site):
    return [each async for page in site.proxy.pipeline.decisions.allowed() for each in page]


async def test_what_a_new_policy_does_not_admit_by_what_is_kept_waits_for_its_pull_and_asks_nobody_before(tmp_path):
    async with Site(tmp_path, TEAM) as site:
        app = site.publish(image())
        site.signed(app)
        await site.admitted()
        site.change(OTHER)
        site.upstream.forget()
        made = len(decisions_made(site, app.digest))
        assert await rechecks(site).look() == 0
        assert await rechecks(site).look() == 0
        assert site.upstream.counts == {}
        assert len(decisions_made(site, app.digest)) == made, "nothing was decided by less than all"
        assert "no signature by other" in await site.refused()
        site.signed(app, by="other")
        site.clock.forward(minutes=2)
        await site.admitted()


async def test_what_was_refused_is_admitted_at_the_next_pull_that_comes_after_its_minute_when_it_has_new_evidence(
    tmp_path,
):
    async with Site(tmp_path, TEAM) as site:
        app = site.publish(image())
        await site.refused()
        site.signed(app)
        site.upstream.forget()
        for _ in range(3):
            await site.refused()
        assert site.upstream.counts == {}, "within its minute nobody is asked"
        site.clock.forward(seconds=61)
        await site.admitted()


async def test_other_evidence_that_a_client_brought_to_light_is_judged_in_the_background(tmp_path):
    """A verifier behind us lists the referrers: what is found there counts from then on."""
    async with Site(tmp_path, SCANNED) as site:
        app = await scanned_app(site)
        site.upstream.knobs.has_referrers_api = True
        site.attest(app, VULN, scanned("CRITICAL"), by="scanner", at=NOW, form="bundle")
        site.clock.forward(hours=1)
        assert await rechecks(site).look() == 0
        listed = await site.get(f"/v2/{APP}/referrers/{app.digest}?ns=reg.test")
        assert listed.status == 200
        assert await rechecks(site).look() == 1
        assert "critical is 1" in await site.refused()


async def test_a_signer_who_is_revoked_takes_back_at_once_what_nothing_else_admits(tmp_path):
    async with Site(tmp_path, TEAM) as site:
        app = site.publish(image())
        site.signed(app)
        await site.admitted()
        site.change(TEAM, rest="revoked: [{ key: team.pub, reason: INC-1 }]")
        assert await rechecks(site).look() == 0
        await site.refused()
        await site.refused(app.digest)


@pytest.mark.parametrize("rule", [TEAM, OTHER])
async def test_a_round_in_the_background_follows_a_change_by_itself(tmp_path, rule):
    async with Site(tmp_path, TEAM) as site:
        app = site.publish(image())
        site.signed(app)
        site.signed(app, by="other")
        await site.admitted()
        made = len(decisions_made(site, app.digest))
        site.change(rule + WIDER)
        async with asyncio.timeout(20):
            while rule == TEAM and len(decisions_made(site, app.digest)) == made:
                await asyncio.sleep(0.05)
        await site.admitted()
