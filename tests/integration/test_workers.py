"""`pratique serve --workers N`: several processes that are one proxy. What dies is replaced; what stands, stands in all."""

import asyncio
import contextlib
import hashlib
import os
import re
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import yaml

from proxy.observe.audit import read
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import POLICY, SECONDS, UPSTREAM, Serving, Site, manifest


@pytest.fixture
async def site(tmp_path):
    async with FakeRegistry() as upstream:
        yield Site(tmp_path, upstream)


async def until(is_so, *, seconds: float = SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.02)


async def workers(serving: Serving, count: int, *, without: int = 0) -> list[int]:
    await until(lambda: len(serving.workers) == count and without not in serving.workers)
    return serving.workers


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@dataclass
class Fleet:
    """Connections that stay open, some to each worker: the kernel deals them out as it likes."""

    serving: Serving
    clients: list[aiohttp.ClientSession]

    async def get(self, name: str, reference: object) -> list[tuple[int, bytes]]:
        """The answer that each connection got, asked all at once."""
        return await asyncio.gather(*(self._get(client, name, reference) for client in self.clients))

    async def _get(self, client: aiohttp.ClientSession, name: str, reference: object) -> tuple[int, bytes]:
        async with client.get(f"{self.serving.url}/v2/{name}/manifests/{reference}?ns={UPSTREAM}") as answer:
            return answer.status, await answer.read()

    async def all_answer(self, status: int, name: str, reference: object, *, seconds: float) -> float:
        """Ask until every connection has this answer; return how long it took."""
        began = time.monotonic()
        async with asyncio.timeout(seconds):
            while {each for each, _ in await self.get(name, reference)} != {status}:
                await asyncio.sleep(0.02)
        return time.monotonic() - began


@contextlib.asynccontextmanager
async def fleet(serving: Serving, *, connections: int = 24):
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)))
            for _ in range(connections)
        ]
        yield Fleet(serving, clients)


def who_answered(serving: Serving) -> set[int]:
    return {line["worker"] for line in serving.lines if line["event"] == "answered"}


async def metrics(serving: Serving) -> dict[str, float]:
    """The sum over the labels of each metric, as one scrape has it."""
    async with aiohttp.ClientSession() as http, http.get(f"{serving.admin}/metrics") as answer:
        assert answer.status == 200
        text = await answer.text()
    found: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            key, _, value = line.rpartition(" ")
            name = key.partition("{")[0]
            found[name] = found.get(name, 0.0) + float(value)
    return found


def fillers(data: Path, pids: list[int]) -> list[int]:
    """Which of them hold a growing file's lock, by what the kernel says of their descriptors (proc(5))."""
    found = []
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                is_growing = link.readlink().parent == data / "content" / "partial"
                if is_growing and "FLOCK" in Path(f"/proc/{pid}/fdinfo/{link.name}").read_text():
                    found.append(pid)
    return found


async def test_workers_are_one_proxy_on_one_port_and_end_together(site):
    image = site.put("acme/app", "app")
    async with site.serving("--workers", "3") as serving:
        started = await serving.until("serving")
        assert started["workers"] == 3
        pids = await workers(serving, 3)
        assert len({*pids, serving.process.pid}) == 4
        async with fleet(serving) as clients:
            assert set(await clients.get("acme/app", "1.0")) == {(200, image.manifest)}
            for _ in range(3):
                await clients.get("acme/app", "1.0")
            await until(lambda: who_answered(serving) == {0, 1, 2})
        counted = await metrics(serving)
        assert counted["pratique_workers"] == 3
        assert counted["pratique_policy_rules"] == 1
        assert counted["pratique_policy_loads_total"] == 1
        async with asyncio.timeout(SECONDS):
            while (await metrics(serving))["pratique_requests_total"] != 4 * 24:  # the lane tells its hits each second
                await asyncio.sleep(0.1)
        serving.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(SECONDS):
            assert await serving.process.wait() == 0
        assert (await serving.until("stopped"))["drained"] is True
        assert not any(map(is_alive, pids))
        assert [line for line in serving.lines if line["event"] == "worker-ended"] == []
    by_file = {file: list(read_file(file)) for file in (site.folder / "data" / "audit").glob("*.jsonl")}
    assert len({file.name.rpartition("-")[2] for file in by_file}) == len(by_file)
    assert sum(line["kind"] == "policyLoaded" for lines in by_file.values() for line in lines) == 1
    moved = [line for lines in by_file.values() for line in lines if line["kind"] == "pinMoved"]
    assert {line["new"] for line in moved} == {str(image.digest)}


def read_file(file: Path) -> list[dict]:
    """Every line is whole, and none is missing."""
    lines = [line for line in read(file.parent) if line["at"]]
    assert lines
    own = [yaml.safe_load(raw) for raw in file.read_text().splitlines()]
    assert [line["seq"] for line in own] == list(range(1, len(own) + 1))
    return own


async def test_a_herd_over_all_workers_costs_one_transfer_a_blob_and_one_pin(site):
    image = site.put("acme/app", "app", layer_size=2_000_000)
    site.upstream.knobs.rate = 4_000_000
    async with site.serving("--workers", "3") as serving, fleet(serving) as clients:
        assert set(await clients.get("acme/app", "1.0")) == {(200, image.manifest)}

        async def blob(client: aiohttp.ClientSession, digest: object) -> bytes:
            async with client.get(f"{serving.url}/v2/acme/app/blobs/{digest}?ns={UPSTREAM}") as answer:
                assert answer.status == 200
                return await answer.read()

        for digest, raw in image.blobs.items():
            assert set(await asyncio.gather(*(blob(client, digest) for client in clients.clients))) == {raw}
        await until(lambda: who_answered(serving) == {0, 1, 2})
        manifests = [seen.path.rpartition("/")[2] for seen in site.upstream.seen("manifest", "GET")]
        assert manifests.count("1.0") == 1
        assert len(manifests) == len(set(manifests)), "nor is evidence fetched by each worker"
        asked = [seen.path.rpartition("/")[2] for seen in site.upstream.seen("blob", "GET")]
        assert {digest: asked.count(str(digest)) for digest in image.blobs} == dict.fromkeys(image.blobs, 1)


async def test_t62_a_revocation_and_a_reload_hold_in_every_worker_within_a_second(site):
    image = site.put("acme/app", "app")
    other = site.put("acme/other", "other")
    async with site.serving("--workers", "3") as serving, fleet(serving) as clients:
        for _ in range(4):  # warm, and over the express lane
            assert set(await clients.get("acme/app", "1.0")) == {(200, image.manifest)}
            assert set(await clients.get("acme/other", "1.0")) == {(200, other.manifest)}
        await until(lambda: who_answered(serving) == {0, 1, 2})
        site.set_policy({**POLICY, "revoked": [{"digest": str(image.digest), "reason": "INC-1"}]})
        serving.process.send_signal(signal.SIGHUP)
        await clients.all_answer(403, "acme/app", "1.0", seconds=SECONDS)
        reloaded = await serving.until("policy-loaded", outcome="loaded", message="rules: 1, signers: 1")
        assert reloaded
        assert set(await clients.get("acme/other", "1.0")) == {(200, other.manifest)}

        (site.folder / "policy.yaml").write_text("images: 7\n")
        serving.process.send_signal(signal.SIGHUP)
        await serving.until("policy-loaded", outcome="kept")
        assert {status for status, _ in await clients.get("acme/app", "1.0")} == {403}
        assert {status for status, _ in await clients.get("acme/other", "1.0")} == {200}
        assert [line.get("worker") for line in serving.lines if line["event"] == "policy-loaded"] == [None] * 3

        # A worker that comes later stands on what the others stand on, whatever the files say by then.
        first = (await workers(serving, 3))[0]
        os.kill(first, signal.SIGKILL)
        await workers(serving, 3, without=first)
        async with fleet(serving) as fresh:
            assert {status for status, _ in await fresh.get("acme/app", "1.0")} == {403}
            assert {status for status, _ in await fresh.get("acme/other", "1.0")} == {200}


async def test_t62_a_pin_that_a_command_moves_is_answered_by_every_worker_within_a_second(site):
    old = site.put("acme/app", "old")
    async with site.serving("--workers", "3") as serving, fleet(serving) as clients:
        for _ in range(3):
            assert set(await clients.get("acme/app", "1.0")) == {(200, old.manifest)}
        await until(lambda: who_answered(serving) == {0, 1, 2})
        new = site.put("acme/app", "new")
        assert (await site.run("pin", "confirm", f"{UPSTREAM}/acme/app:1.0@{new.digest}")).code == 0
        async with asyncio.timeout(SECONDS):
            while set(await clients.get("acme/app", "1.0")) != {(200, new.manifest)}:
                await asyncio.sleep(0.02)


async def test_a_worker_that_is_killed_is_replaced_and_what_it_filled_is_taken_over(site):
    image = site.put("acme/app", "big", layer_size=3_000_000)
    layer = max(image.blobs, key=lambda digest: len(image.blobs[digest]))
    async with site.serving("--workers", "3") as serving, fleet(serving) as clients:
        site.upstream.knobs.hold_at = 1_000_000
        assert set(await clients.get("acme/app", "1.0")) == {(200, image.manifest)}
        before = await metrics(serving)
        reading = [asyncio.create_task(read_whole(client, serving, layer)) for client in clients.clients]
        data = site.folder / "data"
        await until(lambda: site.upstream.sent("blob") >= 1_000_000)
        await until(lambda: len(set(fillers(data, serving.workers))) == 1)
        await asyncio.sleep(0.3)  # whoever follows has come to where the upstream stands
        (filler,) = set(fillers(data, serving.workers))
        site.upstream.knobs.hold_at = None
        os.kill(filler, signal.SIGKILL)
        ended = await serving.until("worker-ended", pid=filler)
        assert (ended["cause"], ended["code"]) == ("signal", 9)
        bodies = await asyncio.gather(*reading)
        site.upstream.knobs.hold.set()

        whole = [body for body in bodies if body is not None]
        assert len(whole) >= 8, "those at the other workers end whole"
        assert {hashlib.sha256(body).hexdigest() for body in whole} == {layer.hex}
        fetched = sum(seen.sent for seen in site.upstream.seen("blob"))
        assert fetched < 3_000_000 + 200_000, "what was received is not fetched again"
        assert await read_whole(clients.clients[0], serving, layer) == image.blobs[layer]

        await workers(serving, 3, without=filler)
        after = await metrics(serving)
        assert after["pratique_workers"] == 3
        assert after["pratique_worker_ends_total"] == 1
        assert after["pratique_requests_total"] >= before["pratique_requests_total"], "a counter never falls"
    assert list(read(data / "audit"))


async def read_whole(client: aiohttp.ClientSession, serving: Serving, digest: object) -> bytes | None:
    """The body, or None where the connection was cut."""
    with contextlib.suppress(aiohttp.ClientError):
        async with client.get(f"{serving.url}/v2/acme/app/blobs/{digest}?ns={UPSTREAM}") as answer:
            assert answer.status == 200
            return await answer.read()
    return None


async def test_one_worker_leads_and_another_one_when_it_is_gone(site):
    async with site.serving("--workers", "2") as serving:
        pids = await workers(serving, 2)
        leading = await serving.until("worker-leads")
        assert leading["pid"] in pids
        os.kill(leading["pid"], signal.SIGTERM)  # it drains by itself, and is replaced
        ended = await serving.until("worker-ended", pid=leading["pid"])
        assert (ended["cause"], ended["code"]) == ("exit", 0)
        heir = next(pid for pid in pids if pid != leading["pid"])
        await serving.until("worker-leads", pid=heir)
        assert heir in await workers(serving, 2, without=leading["pid"])


async def test_workers_end_when_their_supervisor_is_killed_and_the_next_one_serves(site):
    image = site.put("acme/app", "app")
    async with site.serving("--workers", "2") as serving:
        pids = await workers(serving, 2)
        assert (await manifest(serving, "acme/app", "1.0"))[0] == 200
        second = await site.run("serve", "--workers", "2")
        assert second.code == 64
        assert f"another proxy runs on {site.folder / 'data'} (process {serving.process.pid})" in second.err
        serving.process.kill()
        await until(lambda: not any(map(is_alive, pids)))
    await site.upstream.stop()
    async with site.serving("--workers", "2") as again:
        assert await manifest(again, "acme/app", "1.0") == (200, "OK", image.manifest)
    await site.upstream.start()


async def test_a_drain_lets_bodies_of_every_worker_end_and_a_second_signal_cuts_them(site):
    image = site.put("acme/app", "big", layer_size=2_000_000)
    layer = max(image.blobs, key=lambda digest: len(image.blobs[digest]))
    async with site.serving("--workers", "2") as serving, fleet(serving, connections=8) as clients:
        site.upstream.knobs.hold_at = 500_000
        await clients.get("acme/app", "1.0")
        reading = [asyncio.create_task(read_whole(client, serving, layer)) for client in clients.clients]
        await until(lambda: site.upstream.sent("blob") >= 500_000)
        await asyncio.sleep(0.3)
        serving.process.send_signal(signal.SIGTERM)
        await serving.until("draining")
        site.upstream.knobs.hold.set()
        assert set(await asyncio.gather(*reading)) == {image.blobs[layer]}
        async with asyncio.timeout(SECONDS):
            assert await serving.process.wait() == 0
        assert (await serving.until("stopped"))["drained"] is True
    site.upstream.knobs.hold.clear()
    for file in (site.folder / "data" / "content" / "blobs").rglob(layer.hex):
        file.unlink()
    async with site.serving("--workers", "2") as serving, fleet(serving, connections=8) as clients:
        reading = [asyncio.create_task(read_whole(client, serving, layer)) for client in clients.clients]
        await until(lambda: len(site.upstream.seen("blob", "GET")) >= 2)
        await asyncio.sleep(0.3)
        pids = await workers(serving, 2)
        for _ in range(2):
            serving.process.send_signal(signal.SIGTERM)
            await serving.until("draining")
        async with asyncio.timeout(SECONDS):
            assert await serving.process.wait() == 0
        assert (await serving.until("stopped"))["drained"] is False
        assert set(await asyncio.gather(*reading)) == {None}
        assert not any(map(is_alive, pids))
        site.upstream.knobs.hold.set()


async def test_what_keeps_a_worker_from_starting_is_said_once_and_ends_all(site):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = yaml.safe_load(site.config.read_text())
        settings["listen"]["registry"]["address"] = f"127.0.0.1:{taken.getsockname()[1]}"
        site.config.write_text(yaml.safe_dump(settings))
        refused = await site.run("serve", "--workers", "2")
        assert refused.code == 64
        assert "is taken by another program" in refused.err
    state = site.folder / "data" / "state.db"
    state.write_bytes(b"this is not a database, " * 400)
    refused = await site.run("serve", "--workers", "2")
    assert refused.code == 75
    assert len(re.findall("^error: the state database state.db is damaged", refused.err, re.MULTILINE)) == 1
