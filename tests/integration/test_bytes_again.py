"""What is thrown away or fetched again after a break: less than one byte in a hundred, by count."""

import asyncio
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from proxy.oci.digest import Digest
from tests.fakes.bench import MIB, REPOSITORY, Bench, read
from tests.fakes.house import House
from tests.fakes.registry import FakeRegistry

SIZE = 64 * MIB
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def upstream():
    async with FakeRegistry() as upstream:
        yield upstream


@pytest.fixture
async def bench(tmp_path, upstream):
    bench = Bench(tmp_path / "content", upstream)
    yield bench
    await bench.close()


def starts(upstream) -> list[int]:
    """Where each request for the blob began."""
    found = [seen.headers.get("Range", "bytes=0-") for seen in upstream.seen("blob")]
    return [int(each.removeprefix("bytes=").removesuffix("-")) for each in found]


async def test_an_upstream_that_is_cut_at_half_costs_less_than_one_percent(bench):
    blob = bench.put(SIZE)
    bench.upstream.knobs.cut_at, bench.upstream.knobs.cut_times = SIZE // 2, 1
    assert Digest.of(await bench.read(blob)) == blob.digest
    await bench.finished()
    first, second = starts(bench.upstream)
    assert first == 0
    assert bench.ended[-1].transferred - SIZE < SIZE / 100  # fetched again
    assert SIZE // 2 - second < SIZE / 100  # sent, and thrown away on the way


async def test_a_client_that_leaves_at_a_quarter_costs_nothing(tmp_path):
    async with House(tmp_path) as house:
        image = house.put("acme/app", "app", tag="v1", layer_size=16 * MIB)
        layer = max(json.loads(image.manifest)["layers"], key=lambda each: each["size"])
        await house.manifest("acme/app", "v1")
        house.upstream.forget()
        house.upstream.knobs.hold_at = layer["size"] // 2
        async with aiohttp.ClientSession() as session:
            answer = await session.get(f"{house.url}/v2/acme/app/blobs/{layer['digest']}?ns=reg.test")
            await answer.content.readexactly(layer["size"] // 4)
            answer.close()
        house.upstream.knobs.hold.set()
        await house.settle()
        assert Digest.of((await house.blob("acme/app", layer["digest"])).body) == Digest.parse(layer["digest"])
        assert house.upstream.sent("blob") == layer["size"]
        assert house.upstream.count("blob") == 1


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.fakes import bench

class Elsewhere:
    url = sys.argv[2]

async def main():
    found = bench.Bench(Path(sys.argv[1]), Elsewhere)
    blob = bench.Descriptor("application/octet-stream", bench.Digest.parse(sys.argv[3]), int(sys.argv[4]))
    await bench.read((await found.fills.body(bench.REPOSITORY, blob))[0])

asyncio.run(main())
"""


async def test_a_proxy_that_is_killed_at_half_costs_less_than_one_percent(bench, tmp_path):
    """kill -9; what was written is in the file, and is hashed again instead of being fetched."""
    blob = bench.put(SIZE)
    bench.upstream.knobs.hold_at = SIZE // 2
    words = [tmp_path / "content", bench.upstream.url, blob.digest, blob.size]
    killed = subprocess.Popen([sys.executable, "-c", KILLED, *map(str, words)], cwd=ROOT)
    path = tmp_path / "content" / "partial" / blob.digest.dashed
    async with asyncio.timeout(30):
        while not path.exists() or path.stat().st_size < SIZE // 2:
            await asyncio.sleep(0.02)
    killed.kill()
    killed.wait()
    bench.upstream.knobs.hold_at = None
    bench.upstream.knobs.hold.set()
    body, _ = await bench.fills.body(REPOSITORY, blob)
    assert Digest.of(await read(body)) == blob.digest
    await bench.finished()
    first, second = starts(bench.upstream)
    assert (first, second) == (0, SIZE // 2)
    assert bench.ended[-1].transferred == SIZE // 2


async def test_a_proxy_that_is_killed_while_bytes_come_loses_what_was_on_its_way_and_no_more(bench, tmp_path):
    """Nothing waits for the kill here: the backlog and the sockets' queues go with the process."""
    blob = bench.put(SIZE)
    bench.upstream.knobs.rate = 40 * MIB
    words = [tmp_path / "content", bench.upstream.url, blob.digest, blob.size]
    killed = subprocess.Popen([sys.executable, "-c", KILLED, *map(str, words)], cwd=ROOT)
    path = tmp_path / "content" / "partial" / blob.digest.dashed
    async with asyncio.timeout(30):
        while not path.exists() or path.stat().st_size < SIZE // 2:
            await asyncio.sleep(0.005)
    killed.kill()
    killed.wait()
    kept = path.stat().st_size
    bench.upstream.knobs.rate = None
    body, _ = await bench.fills.body(REPOSITORY, blob)
    assert hashlib.sha256(await read(body)).hexdigest() == blob.digest.hex
    await bench.finished()
    assert starts(bench.upstream) == [0, kept]
    assert bench.ended[-1].transferred == SIZE - kept


async def test_readers_of_a_process_that_is_killed_go_on_and_their_fill_is_taken_over(bench, tmp_path):
    """The reader here followed a file that another process filled; nobody is cut, and nothing is fetched again."""
    blob = bench.put(SIZE)
    bench.upstream.knobs.hold_at = SIZE // 2
    words = [tmp_path / "content", bench.upstream.url, blob.digest, blob.size]
    killed = subprocess.Popen([sys.executable, "-c", KILLED, *map(str, words)], cwd=ROOT)
    path = tmp_path / "content" / "partial" / blob.digest.dashed
    async with asyncio.timeout(30):
        while not path.exists() or path.stat().st_size < SIZE // 2:
            await asyncio.sleep(0.02)
    bodies = [(await bench.fills.body(REPOSITORY, blob))[0] for _ in range(3)]
    reading = asyncio.gather(*(read(body) for body in bodies))
    while any(body.released < SIZE // 2 for body in bodies):
        await asyncio.sleep(0.01)
    killed.kill()
    killed.wait()
    bench.upstream.knobs.hold.set()
    assert {Digest.of(raw) for raw in await reading} == {blob.digest}
    await bench.finished()
    assert starts(bench.upstream) == [0, SIZE // 2]
    assert bench.ended[-1].outcome == "stored"
