"""Large evidence is judged in worker processes: what a pull gets when one is lost, and what waits for none of them."""

import asyncio
import os
import signal

from proxy.demo.images import make_image
from tests.fakes.predicates import SPDX
from tests.fakes.site import APP, Site, image

SBOM = "https://spdx.dev/Document"
ATTESTED = "require: [{ attestation: sbom, by: team, where: { count: '>=1' } }]"
LARGE = {**SPDX, "comment": "x" * 700_000}


async def workers(site):
    """They are there soon after the start, and nobody who asks waits for that."""
    bench = site.proxy.pipeline.bench
    async with asyncio.timeout(30):
        while not bench.processes:
            await asyncio.sleep(0.02)
        await bench.run(os.getpid, size=1024 * 1024)  # they have come to rest
    return bench.processes


async def test_a_proxy_is_ready_before_its_workers_are(tmp_path):
    async with Site(tmp_path, ATTESTED) as site:
        assert site.proxy.is_ready
        assert site.proxy.pipeline.bench.processes == ()
        assert await workers(site)


async def test_t35_a_pull_whose_worker_is_killed_in_the_middle_is_not_now_and_the_next_one_is_served(tmp_path):
    async with Site(tmp_path, ATTESTED) as site:
        site.upstream.knobs.has_referrers_api = True
        app = site.publish(image())
        site.attest(app, SBOM, LARGE, by="team", form="bundle")
        for worker in await workers(site):
            os.kill(worker, signal.SIGSTOP)
        pulling = asyncio.create_task(site.manifest(APP, "v1"))
        async with asyncio.timeout(10):
            while not site.upstream.sent("blob"):
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert not pulling.done()
        for worker in site.proxy.pipeline.bench.processes:
            os.kill(worker, signal.SIGKILL)
        got = await pulling
        assert (got.status, got.headers["Retry-After"]) == (503, "5")
        assert b"was lost while it judged" in got.body
        await site.admitted()


async def test_small_pulls_go_on_while_a_large_one_is_held_up(tmp_path):
    async with Site(tmp_path, ATTESTED) as site:
        site.upstream.knobs.has_referrers_api = True
        large, small = site.publish(image()), site.publish(make_image("small"), tag="v2")
        site.attest(large, SBOM, LARGE, by="team", form="bundle")
        site.attest(small, SBOM, SPDX, by="team", form="bundle")
        for worker in await workers(site):
            os.kill(worker, signal.SIGSTOP)
        pulling = asyncio.create_task(site.manifest(APP, "v1"))
        await site.admitted("v2")
        assert not pulling.done()
        for worker in site.proxy.pipeline.bench.processes:
            os.kill(worker, signal.SIGCONT)
        assert (await pulling).status == 200


async def test_what_waits_for_a_worker_too_long_is_refused_and_not_hung(tmp_path):
    async with Site(tmp_path, ATTESTED) as site:
        site.upstream.knobs.has_referrers_api = True
        app = site.publish(image())
        site.attest(app, SBOM, LARGE, by="team", form="bundle")
        bench = site.proxy.pipeline.bench
        before = await workers(site)
        bench._hearing_seconds = 0.5
        for worker in before:
            os.kill(worker, signal.SIGSTOP)
        assert "longer than a minute" in await site.refused(status=503)
        bench._hearing_seconds = 60.0
        await site.admitted()
        assert not set(before) & set(bench.processes), "the one that did not answer was ended"
