"""The `pratique` command as a person uses it: a proxy in a process of its own, signals to it, and verbs beside it."""

import asyncio
import signal
import sys

import aiohttp
import pytest

from proxy.demo.images import make_image, make_index, new_key, sign, signature_tag
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import POLICY, SECONDS, UPSTREAM, Site, manifest


@pytest.fixture
async def site(tmp_path):
    async with FakeRegistry() as upstream:
        yield Site(tmp_path, upstream)


async def test_serve_says_where_it_listens_and_what_it_permits_then_serves_and_drains(site):
    image = site.put("acme/app", "app")
    async with site.serving() as serving:
        started = await serving.until("serving")
        assert started["permits"] == "reg.test/acme/**; everything else is refused"
        assert started["registry"].startswith("127.0.0.1:")
        assert await manifest(serving, "acme/app", "1.0") == (200, "OK", image.manifest)
        serving.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(SECONDS):
            assert await serving.process.wait() == 0
        assert (await serving.until("stopped"))["drained"] is True


async def test_an_empty_policy_says_at_start_that_every_pull_is_refused(site):
    site.set_policy({"version": 1})
    async with site.serving() as serving:
        started = await serving.until("serving")
        assert "every pull is refused" in started["permits"]
        assert "every pull is refused" in (await serving.until("configuration", level="warning"))["message"]


async def test_sighup_takes_a_new_policy_at_the_next_request_and_keeps_the_old_one_on_an_error(site):
    site.put("acme/app", "app")
    async with site.serving() as serving:
        assert (await manifest(serving, "acme/app", "1.0"))[0] == 200
        site.set_policy({**POLICY, "images": [{**POLICY["images"][0], "match": "reg.test/other/**"}]})
        serving.process.send_signal(signal.SIGHUP)
        await serving.until("policy-loaded", outcome="loaded", rules=1)
        async with asyncio.timeout(SECONDS):
            while (await manifest(serving, "acme/app", "1.0"))[0] != 403:
                await asyncio.sleep(0.02)
        (site.folder / "policy.yaml").write_text("images: 7\n")
        serving.process.send_signal(signal.SIGHUP)
        await serving.until("policy-loaded", outcome="kept")
        assert (await manifest(serving, "acme/app", "1.0"))[0] == 403


async def test_a_second_signal_ends_a_drain_that_waits_for_a_pull(site):
    image = site.put("acme/app", "big", layer_size=3_000_000)
    layer = max(image.blobs, key=lambda digest: len(image.blobs[digest]))
    async with site.serving() as serving, aiohttp.ClientSession(read_bufsize=1024) as http:
        await manifest(serving, "acme/app", "1.0")
        site.upstream.knobs.hold_at = 100_000
        async with http.get(f"{serving.url}/v2/acme/app/blobs/{layer}?ns={UPSTREAM}") as answer:
            assert answer.status == 200
            serving.process.send_signal(signal.SIGTERM)
            await serving.until("draining")
            serving.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(SECONDS):
                assert await serving.process.wait() == 0
        site.upstream.knobs.hold.set()
        assert (await serving.until("stopped"))["drained"] is False


async def test_two_proxies_on_one_data_directory_are_refused_with_exit_64(site):
    async with site.serving():
        second = await site.run("serve")
        assert second.code == 64
        assert "another proxy runs on" in second.err


async def test_serve_tells_every_problem_of_both_files_at_once_and_does_not_start(site):
    site.set_policy({"version": 1, "images": [{"match": "reg.test/**", "requires": []}]})
    site.config.write_text(site.config.read_text() + "lisen: {}\n")
    said = await site.run("serve")
    assert said.code == 64
    assert "pratique.yaml:" in said.err
    assert "policy.yaml:" in said.err
    assert not (site.folder / "data").exists()


async def test_verify_prints_the_decision_with_every_check_and_the_cosign_line(site):
    image = site.put("acme/app", "app")
    said = await site.run("verify", f"{UPSTREAM}/acme/app:1.0")
    assert said.code == 0, said.err
    assert f"allow: {UPSTREAM}/acme/app:1.0: signature by team" in said.out
    assert "passed  signature: signature by team" in said.out
    host = site.upstream.url.removeprefix("http://")
    key = site.folder / "team.pub"
    line = f"cosign verify --key {key} --insecure-ignore-tlog=true --allow-http-registry {host}/acme/app@{image.digest}"
    assert line in said.out
    assert not (site.folder / "data").exists(), "it leaves nothing behind"


async def test_verify_of_an_unsigned_image_exits_1_and_shows_what_was_found_and_why_it_proves_nothing(site):
    image = site.put("acme/app", "app", is_signed=False)
    foreign = sign(image.digest, private=new_key("stranger")[0], reference_name=f"{UPSTREAM}/acme/app")
    site.upstream.put_image("acme/app", foreign, str(signature_tag(image.digest)))
    said = await site.run("verify", f"{UPSTREAM}/acme/app:1.0", "-o", "json")
    assert said.code == 1
    assert said.document["schemaVersion"] == 1
    assert said.document["verdict"] == "deny"
    assert said.document["digest"] == str(image.digest)
    assert said.document["decision"]["rejections"]
    table = await site.run("verify", f"{UPSTREAM}/acme/app:1.0")
    assert "found, and proves nothing (1)" in table.out


async def test_verify_of_what_no_rule_names_is_refused_without_an_upstream_request(site):
    said = await site.run("verify", f"{UPSTREAM}/other/app:1.0", "-o", "json")
    assert said.code == 1
    assert said.document["decision"] is None
    assert "no rule matches" in said.document["summary"]
    assert site.upstream.requests == []


async def test_verify_of_a_child_by_digest_shows_the_index_that_admits_it(site):
    child = make_image("child")
    index = make_index([child])
    site.upstream.put_image("acme/app", index, "1.0")
    site.sign("acme/app", index)
    said = await site.run("verify", f"{UPSTREAM}/acme/app@{child.digest}", "-o", "json")
    assert said.code == 0, said.err
    assert said.document["admittedUnder"] == str(index.digest)
    assert said.document["digest"] == str(child.digest)


async def test_verify_exits_69_when_the_upstream_is_down_and_75_when_signatures_are_out_of_reach(site):
    site.put("acme/app", "app", is_signed=False)
    site.upstream.knobs.fail(500, kinds={"referrers"})
    cannot_tell = await site.run("verify", f"{UPSTREAM}/acme/app:1.0", "-o", "json")
    assert cannot_tell.code == 75, cannot_tell.out + cannot_tell.err
    assert cannot_tell.document["verdict"] == "inconclusive"
    await site.upstream.stop()
    down = await site.run("verify", f"{UPSTREAM}/acme/app:1.0")
    assert down.code == 69
    assert down.err.startswith("error: ")
    assert down.err.count("\n") == 1
    await site.upstream.start()


async def test_explain_takes_the_id_from_the_refusal_line_while_the_proxy_runs(site):
    image = site.put("acme/app", "app", is_signed=False)
    async with site.serving() as serving:
        status, reason, _ = await manifest(serving, "acme/app", "1.0")
        assert status == 403
        refusal = reason.rpartition("[")[2].rstrip("]")
        said = await site.run("explain", f"[{refusal}]")
        assert said.code == 0, said.err
        assert f"Refused: {UPSTREAM}/acme/app:1.0: no signature by team (0 found)" in said.out
        assert "by      127.0.0.1" in said.out
        assert str(image.digest) in said.out
        assert "  1. " in said.out
        assert "  3. " in said.out
        by_name = await site.run("explain", f"{UPSTREAM}/acme/app:1.0", "-o", "json")
        assert by_name.document["id"] == refusal
        assert len(by_name.document["next"]) == 3
        unknown = await site.run("explain", "r-222222")
        assert unknown.code == 1
        assert "nothing is recorded under r-222222" in unknown.err


async def test_explain_of_a_reference_tells_why_it_was_allowed(site):
    site.put("acme/app", "app")
    async with site.serving() as serving:
        await manifest(serving, "acme/app", "1.0")
        said = await site.run("explain", f"{UPSTREAM}/acme/app:1.0")
        assert said.code == 0, said.err
        assert said.out.startswith("Allowed: ")
        assert "passed  signature: signature by team" in said.out


async def test_a_confirmed_pin_is_answered_by_the_running_proxy_at_once_and_audited(site):
    old = site.put("acme/app", "old")
    async with site.serving() as serving:
        assert (await manifest(serving, "acme/app", "1.0"))[2] == old.manifest
        new = site.put("acme/app", "new")
        listed = (await site.run("pin", "ls", "-o", "json")).document["pins"]
        assert [(pin["tag"], pin["digest"], pin["cause"]) for pin in listed] == [("1.0", str(old.digest), "first")]
        verified = await site.run("verify", f"{UPSTREAM}/acme/app:1.0")
        assert f"the tag is pinned to {old.digest}" in verified.out
        plan = await site.run("pin", "confirm", f"{UPSTREAM}/acme/app:1.0@{new.digest}", "--dry-run")
        assert plan.code == 2
        assert (await site.run("pin", "ls", "-o", "json")).document["pins"][0]["digest"] == str(old.digest)
        done = await site.run("pin", "confirm", f"{UPSTREAM}/acme/app:1.0@{new.digest}")
        assert done.code == 0, done.err
        async with asyncio.timeout(SECONDS):
            while (await manifest(serving, "acme/app", "1.0"))[2] != new.manifest:
                await asyncio.sleep(0.02)
    audit = "".join(file.read_text() for file in (site.folder / "data" / "audit").glob("*.jsonl"))
    assert '"confirm"' in audit
    assert str(new.digest) in audit


async def test_pin_confirm_without_a_digest_judges_what_is_offered_and_pins_nothing_that_is_refused(site):
    site.put("acme/app", "old")
    async with site.serving() as serving:
        await manifest(serving, "acme/app", "1.0")
        bad = site.put("acme/app", "bad", is_signed=False)
        refused = await site.run("pin", "confirm", f"{UPSTREAM}/acme/app:1.0")
        assert refused.code == 1
        assert "is not pinned: no signature by team (0 found)" in refused.err
        site.sign("acme/app", bad)
        assert (await site.run("pin", "confirm", f"{UPSTREAM}/acme/app:1.0")).code == 0
        again = await site.run("pin", "confirm", f"{UPSTREAM}/acme/app:1.0@{bad.digest}")
        assert again.code == 0
        assert "already" in again.out


async def test_after_a_lost_state_pin_ls_warns_and_pin_confirm_all_lifts_the_distrust(site):
    image = site.put("acme/app", "app")
    async with site.serving() as serving:
        await manifest(serving, "acme/app", "1.0")
        layer = next(iter(image.blobs))
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{serving.url}/v2/acme/app/blobs/{layer}?ns={UPSTREAM}") as got,
        ):
            await got.read()
    data = site.folder / "data"
    for file in [*data.glob("state.db*"), *(data / "audit").glob("*")]:
        file.unlink()
    async with site.serving() as serving:
        status, _, body = await manifest(serving, "acme/app", "1.0")
        assert (status, b"pratique pin confirm" in body) == (403, True)
        listed = await site.run("pin", "ls", "-o", "json")
        assert listed.document["distrusted"] is True
        assert "warning: the state was lost" in listed.err
        assert (await site.run("pin", "confirm", "--all", "--dry-run")).code == 2
        assert (await site.run("pin", "confirm", "--all")).code == 0
        async with asyncio.timeout(SECONDS):
            while (await manifest(serving, "acme/app", "1.0"))[0] != 200:
                await asyncio.sleep(0.02)
        nothing = await site.run("pin", "confirm", "--all")
        assert "Nothing to confirm" in nothing.out


async def test_commands_beside_no_state_say_that_serve_makes_it_and_exit_75(site):
    for arguments in (("pin", "ls"), ("explain", "r-222222"), ("pin", "confirm", "--all")):
        said = await site.run(*arguments)
        assert said.code == 75
        assert "`pratique serve` makes it" in said.err
    assert not (site.folder / "data").exists()


async def test_a_version_is_told_without_loading_what_serves(site):
    script = "import sys; from proxy.cli.app import run; run(['version']); print(sorted({'aiohttp', 'uvloop', 'cryptography', 'structlog', 'yaml', 'proxy.settings', 'proxy.bootstrap'} & set(sys.modules)))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.decode().splitlines()[-1] == "[]"
